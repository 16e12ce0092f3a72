"""What a provider says in the scenarios, and how it wants to be asked.

A call of the tool ``weather`` with a thought before it where the provider has them; a text; an error for a
model that there is not.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from tests.support.scripted_upstream import Asked, json_answer, sse_answer

CITY = '{"city":"Köln"}'
THOUGHT = "Köln? Look it up."
SIGNATURE = "U2lnbmVk"
USAGE = {"input": 11, "output": 5}
NO_SUCH_MODEL = "no-such-model"


@attrs.frozen
class Said:
    """What the provider is to say.

    Attributes:
        call_id: Of the call of ``weather``; empty: it says `text` instead.
    """

    text: str = ""
    call_id: str = ""


@attrs.frozen(kw_only=True)
class Speaker:
    """One provider.

    Attributes:
        kind: Of the settings.
        model: One that takes all the parameters of the scenarios.
        base: Path of its base address.
        key: Name and value of the header that shows the key ``sk-test``.
        whole: Gives the body of a whole answer.
        stream: Gives the body of a streamed one.
        streams: Whether a request asks for a stream.
        model_of: The model that a request is for.
        answers: What a tool's call and result look like when they come back, for an id.
        format: Where the schema of a structured answer stands.
        parameters: What a request must say for those of the scenarios.
        unknown: Status and body for a model that there is not.
        thinks: Whether it shows what it thinks.
        lacks: What it does not take, of ``seed`` and ``json_schema``.
    """

    kind: str
    model: str
    base: str
    key: tuple[str, str] = ("authorization", "Bearer sk-test")
    whole: Callable[[Said], Any]
    stream: Callable[[Said], bytes]
    streams: Callable[[Asked], bool] = lambda asked: asked.body.get("stream") is True
    model_of: Callable[[Asked], str] = lambda asked: str(asked.body["model"])
    turns: Callable[[Asked], Any] = lambda asked: asked.body["messages"]
    answers: Callable[[str], Sequence[Any]]
    format: Callable[[Mapping[str, Any]], Any]
    parameters: Mapping[str, Any]
    unknown: tuple[str, Any]
    thinks: bool = True
    lacks: frozenset[str] = frozenset()

    def answer(self, said: Said, asked: Asked) -> bytes:
        """Return the response to `asked` that holds `said`."""
        if self.model_of(asked) == NO_SUCH_MODEL:
            status, body = self.unknown
            return json_answer(body, status)
        return (
            sse_answer(self.stream(said)) if self.streams(asked) else json_answer(self.whole(said))
        )


def sse(*chunks: Any) -> bytes:
    """Return `chunks` as events."""
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks)
