"""A provider with services around it, still a provider."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import TypeAlias

import attrs

from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo
from ports.chat_model import ChatModel
from ports.provider import Provider

REMEMBERED = 1_024
"""Models of a provider of which is remembered what they are; callers can make models up."""
_Stream: TypeAlias = Callable[[ChatCall], AbstractAsyncContextManager[AsyncIterator[ChatEvent]]]
_Info: TypeAlias = Callable[[str], ModelInfo | None]


def _info_of(stacked: "Stacked") -> _Info:
    return lru_cache(REMEMBERED)(stacked.provider.info)


def _stream_of(stacked: "Stacked") -> _Stream:
    return stacked.top.stream


@attrs.frozen
class Stacked:
    """Answers through `top`, and knows what `provider` knows.

    Attributes:
        provider: At the bottom of the stack.
        top: The stack, which ends in `provider`.
        name: The configured name.
        info: Returns what is known of a model, or None if the provider has no such model.
        stream: Opens the answer: the way in at the top, so that this is none of the layers of a call.
    """

    provider: Provider
    top: ChatModel
    name: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.provider.name, takes_self=True)
    )
    info: _Info = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_info_of, takes_self=True)
    )
    stream: _Stream = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_stream_of, takes_self=True)
    )

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking the provider."""
        return self.provider.models()
