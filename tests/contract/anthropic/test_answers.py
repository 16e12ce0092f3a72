"""Every transcript means what its expectation file says, however its bytes are cut.

The expectation files were written by hand from the wire formats, none by the decoder. `transcripts` are our
own; `recorded` holds the expectations for traffic that others recorded, which is read in place, never copied.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, Started, TextDelta
from domain.model.response import fold
from tests.contract.anthropic.reading import CODEC, HERE, SHARED, call, described, play

RECORDED = SHARED / "fixtures" / "anthropic"
EXPECTED = sorted(
    [*(HERE / "transcripts").glob("*.expected.json"), *(HERE / "recorded").glob("*.expected.json")]
)
STREAMS = [path for path in EXPECTED if ".sse." in path.name]
COMPLETE = [path for path in STREAMS if "raises" not in json.loads(path.read_bytes())]
WHOLE = [path for path in EXPECTED if ".sse." not in path.name]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.expected.json')}"


def body_of(expected: Path) -> bytes:
    own = expected.parent.name == "transcripts"
    name = expected.name.removesuffix(".expected.json")
    path = (expected.parent if own else RECORDED) / name
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    return path.read_bytes()


def head_of(expected: Path, wanted: dict[str, Any]) -> ResponseHead:
    headers = {"request-id": "req_1"}
    if expected.parent.name == "recorded":
        meta = RECORDED / f"{expected.name.partition('.response.')[0]}.meta.json"
        headers = json.loads(meta.read_bytes())["headers"] if meta.exists() else {}
    return ResponseHead(wanted.get("status", 200), headers)


def outcome(pieces: list[bytes], head: ResponseHead) -> tuple[list[ChatEvent], ChatError | None]:
    """Return the events that came, and what ended them."""
    decoder = CODEC.decoder(call(), head)
    events: list[ChatEvent] = []
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                events.append(event)  # noqa: PERF402  an error must not lose what came before
        events.extend(decoder.end())
    except ChatError as error:
        return events, error
    return events, None


def told(error: ChatError) -> dict[str, Any]:
    return {
        "raises": error.reason.name,
        "retryable": error.retryable,
        "message": error.message,
        "request_id": error.upstream_request_id,
        "status": error.upstream_status,
    }


def words(events: list[ChatEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_stream_means_what_was_written_down(path: Path) -> None:
    wanted, body = json.loads(path.read_bytes()), body_of(path)
    head = head_of(path, wanted)
    events, error = outcome([body], head)
    assert isinstance(events[0], Started)
    assert (events[0].provider, events[0].upstream_status) == ("anthropic", 200)
    if "raises" in wanted:
        assert error is not None
        assert {**told(error), "after": words(events)} == wanted
    else:
        assert error is None
        assert described(fold(events), events[0].upstream_request_id) == wanted


@pytest.mark.parametrize("path", WHOLE, ids=name_of)
def test_a_whole_body_means_what_was_written_down(path: Path) -> None:
    wanted, body = json.loads(path.read_bytes()), body_of(path)
    head = head_of(path, wanted)
    if "raises" in wanted:
        assert told(CODEC.failure(call(), head, body)) == wanted
    else:
        events = [*CODEC.whole(call(), head, body)]
        assert isinstance(events[0], Started)
        assert described(fold(events), events[0].upstream_request_id) == wanted


def told_of(pieces: list[bytes]) -> tuple[list[ChatEvent], dict[str, Any] | None]:
    events, error = outcome(pieces, ResponseHead(200, {}))
    return events, None if error is None else told(error)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_one_cut_at_any_byte_changes_nothing(path: Path) -> None:
    body = body_of(path)
    wanted = told_of([body])
    # The long recording, 16 KB, would take seconds for every cut; all of it is cut byte by byte below.
    step = 1 if len(body) < 6_000 else 41
    for cut in range(0, len(body), step):
        assert told_of([body[:cut], body[cut:]]) == wanted, cut


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_cut_at_every_byte_changes_nothing(path: Path) -> None:
    body = body_of(path)
    assert told_of([body[i : i + 1] for i in range(len(body))]) == told_of([body])


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_random_cuts_change_nothing(path: Path) -> None:
    body = body_of(path)
    wanted, dice = told_of([body]), random.Random(1)
    for _ in range(40):
        cuts = sorted(dice.choices(range(len(body)), k=dice.randrange(1, 60)))
        pieces = [
            body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)
        ]
        assert told_of(pieces) == wanted, cuts


@pytest.mark.parametrize("path", COMPLETE, ids=name_of)
def test_no_beginning_of_a_stream_is_an_answer(path: Path) -> None:
    body = body_of(path)
    end = body.rindex(b'"message_stop"')
    step = 1 if len(body) < 6_000 else 97
    for cut in range(0, end, step):
        with pytest.raises(ChatError) as caught:
            play([body[:cut]])
        assert caught.value.reason.name == "PROVIDER_STREAM_TRUNCATED", cut
