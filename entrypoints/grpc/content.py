"""What was asked and answered, for a log that was told to keep it: hidden in part, and never long.

Law: nothing of this is there unless the settings say so.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from domain.model.call import ChatCall
from domain.model.chat import (
    ContentPart,
    Media,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.events import ChatEvent, RefusalDelta, TextDelta, ToolCallDelta
from domain.model.response import ChatResponse

_SLACK = 512
"""Read beyond what is shown, in characters, so that no secret is cut in two before it is looked for."""
_CUT = "…"


@attrs.frozen
class Content:
    """Keeps what is said.

    Attributes:
        hide: Returns a text without what is not for those who read.
        max_chars: Longest that the question, and the answer, are shown.
    """

    hide: Callable[[str], str]
    max_chars: int

    def heard(self, call: ChatCall, events: AsyncIterator[ChatEvent]) -> AsyncIterator[ChatEvent]:
        """Return `events` as they are; the beginning of what they say is kept with `call`."""
        said: list[str] = []
        call.ledger.said = said
        return _Heard(events, said, self.max_chars + _SLACK)

    def given(self, call: ChatCall, response: ChatResponse) -> None:
        """Keep a whole answer with `call`."""
        call.ledger.said = [_said(response.message)]

    def fields(self, call: ChatCall) -> Mapping[str, object]:
        """Return what the log says of the content of `call`."""
        answer = call.ledger.said
        return {
            "question": self._newest(call.request.messages),
            "answer": None if answer is None else self._shown("".join(answer), self.max_chars),
        }

    def _newest(self, messages: Sequence[Message]) -> str:
        """Return the newest of `messages`, as many as fit; of the first that does not, its beginning."""
        chosen: list[str] = []
        room = self.max_chars
        for message in reversed(messages):
            if room <= 0:
                break
            chosen.append(self._shown(f"{message.role.value}: {_said(message)}", room))
            room -= len(chosen[-1]) + 1
        return "\n".join(reversed(chosen))

    def _shown(self, text: str, most: int) -> str:
        hidden = self.hide(text[: most + _SLACK])
        return hidden if len(hidden) <= most else hidden[: most - 1] + _CUT


@attrs.define
class _Heard(AsyncIterator[ChatEvent]):
    _events: AsyncIterator[ChatEvent]
    _said: list[str]
    _room: int

    async def __anext__(self) -> ChatEvent:
        event = await anext(self._events)
        text = _TEXTS.get(type(event))
        if text is not None and self._room > 0:
            piece = text(event)
            self._said.append(piece[: self._room])
            self._room -= len(piece)
        return event


def _said(message: Message) -> str:
    return "".join(_parts(message.parts))


def _parts(parts: Sequence[ContentPart]) -> Iterator[str]:
    for part in parts:
        yield _SHOWN[type(part)](part)


# The keys decide the argument's type, which the type system cannot follow.
_SHOWN: Mapping[type, Callable[[Any], str]] = {
    Text: lambda part: part.text,
    Refusal: lambda part: part.text,
    Reasoning: lambda part: "[reasoning]",
    Media: lambda part: f"[{part.mime_type or 'medium'}]",
    ToolCall: lambda part: f"[{part.name}({part.arguments_json})]",
    ToolResult: lambda part: f"[result {''.join(_parts(part.content))}]",
}
_TEXTS: Mapping[type, Callable[[Any], str]] = {
    TextDelta: lambda event: event.text,
    RefusalDelta: lambda event: event.text,
    ToolCallDelta: lambda event: event.name + event.arguments_fragment,
}
