"""A configured source of models."""

from collections.abc import Sequence
from typing import Protocol

from domain.model.model_info import ModelInfo
from ports.chat_model import ChatModel


class Provider(ChatModel, Protocol):
    """A `ChatModel` that knows its name and its models.

    Its `stream` holds no cancel scope and no task group open across the end of its entry, so that
    the layers around it may bound that entry in time.
    """

    @property
    def name(self) -> str:
        """The configured name, e.g. ``openai``."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking the provider; may be empty."""
        ...

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`, or None if this provider has no such model.

        It is the same each time, so that it may be remembered.
        """
        ...
