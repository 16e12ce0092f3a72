"""The one shape of this service: a call goes in, a stream of events comes out.

Providers, the services around them and the whole service have it, so they nest.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.model.call import ChatCall
from domain.model.events import ChatEvent


class ChatModel(Protocol):
    """Something that answers chat calls."""

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer to `call`.

        The block owns everything the answer needs: leaving it, by whatever
        way, closes the upstream connection before control returns. The
        iterator is an object, not a generator, and is used by one task.

        Raises:
            ChatError: On entry, or from any step of the iteration. An
                iteration that ends without an error has given `Finished`.
        """
        ...
