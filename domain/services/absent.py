"""A provider that is known but lacks what it needs, so that a call to it can say what to do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from domain.model.call import ChatCall
from domain.model.errors import NotConfigured
from domain.model.events import ChatEvent
from domain.model.model_info import Feature, ModelInfo


@attrs.frozen
class Absent:
    """Stands where a provider would be.

    Attributes:
        remedy: Which setting is missing, in a sentence.
    """

    name: str
    remedy: str

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Raise `NotConfigured` with the remedy."""
        raise NotConfigured(self.remedy)

    def models(self) -> Sequence[ModelInfo]:
        """Return nothing: none can be called."""
        return ()

    def info(self, model: str, /) -> ModelInfo | None:
        """Return a model that takes everything, so that the remedy is the first thing said."""
        return ModelInfo(provider=self.name, model=model, features=frozenset(Feature))
