"""A provider with services around it, still a provider."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo
from ports.chat_model import ChatModel
from ports.provider import Provider


@attrs.frozen
class Stacked:
    """Answers through `top`, and knows what `provider` knows.

    Attributes:
        provider: At the bottom of the stack.
        top: The stack, which ends in `provider`.
    """

    provider: Provider
    top: ChatModel

    @property
    def name(self) -> str:
        """The configured name."""
        return self.provider.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking the provider."""
        return self.provider.models()

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`, or None if the provider has no such model."""
        return self.provider.info(model)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer."""
        return self.top.stream(call)
