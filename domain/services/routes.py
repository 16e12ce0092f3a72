"""The providers' own stacks behind one model: a call goes to the provider that it names."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager

import attrs

from domain.model.call import ChatCall
from domain.model.errors import ModelUnknown
from domain.model.events import ChatEvent
from domain.policy.capability import unsupported
from domain.services.capable import without
from ports.provider import Provider


@attrs.frozen
class Routes:
    """All providers, each of which is only asked what its model can take.

    Attributes:
        providers: By configured name.
    """

    providers: Mapping[str, Provider]

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer of the provider that `call` names, resolved.

        Raises:
            ModelUnknown: It has no such model.
            InvalidRequest: The model does not take a part of the request.
        """
        request = call.request
        provider = self.providers[request.provider]
        info = provider.info(request.model)
        if info is None:
            raise ModelUnknown(f"provider {request.provider!r} has no model {request.model!r}")
        found = unsupported(request, info)
        # A call that asks for nothing else pays for nothing of this.
        return without(provider, info, call, found) if found else provider.stream(call)
