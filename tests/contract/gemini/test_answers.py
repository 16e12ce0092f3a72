"""Every transcript means what its expectation file says, however its bytes are cut.

The expectation files were written by hand from the wire format, none by the decoder. `transcripts` are
our own; `recorded` holds the expectations for traffic that others recorded, which is read in place and
never copied.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, Finished, Started, UsageReported
from domain.model.response import fold
from domain.model.usage import UsageSource
from tests.contract.gemini.reading import (
    CODEC,
    HERE,
    RECORDED,
    call,
    described,
    outcome,
    play,
    told,
    told_after,
)

SUFFIX = ".expected.json"
EXPECTED = sorted(
    [*(HERE / "transcripts").glob(f"*{SUFFIX}"), *(HERE / "recorded").glob(f"*{SUFFIX}")]
)
STREAMS = [path for path in EXPECTED if ".sse." in path.name]
COMPLETE = [path for path in STREAMS if "raises" not in json.loads(path.read_bytes())]
WHOLE = [path for path in EXPECTED if ".sse." not in path.name]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix(SUFFIX)}"


def body_of(expected: Path) -> bytes:
    own = expected.parent.name == "transcripts"
    path = (expected.parent if own else RECORDED) / expected.name.removesuffix(SUFFIX)
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    return path.read_bytes()


def wanted_of(expected: Path) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads(expected.read_bytes())
    return wanted


def result_of(*pieces: bytes) -> tuple[list[ChatEvent], dict[str, Any] | None]:
    events, error = outcome(pieces)
    return events, None if error is None else told(error)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_stream_means_what_was_written_down(path: Path) -> None:
    wanted = wanted_of(path)
    events, error = outcome([body_of(path)])
    if "raises" in wanted:
        assert error is not None
        assert told(error) | told_after(events) == wanted
    else:
        assert error is None
        assert described(fold(events)) == wanted


@pytest.mark.parametrize("path", COMPLETE, ids=name_of)
def test_a_stream_begins_once_and_ends_once(path: Path) -> None:
    events = play(body_of(path))
    assert [isinstance(event, Started) for event in events] == [True] + [False] * (len(events) - 1)
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert isinstance(events[0], Started)
    assert (events[0].provider, events[0].upstream_status) == ("gemini", 200)
    assert events[0].upstream_request_id == events[0].id
    sources = {event.usage.source for event in events if isinstance(event, UsageReported)}
    assert sources <= {UsageSource.PROVIDER_PARTIAL}
    assert events[-1].usage.source in {None, UsageSource.PROVIDER_FINAL}


@pytest.mark.parametrize("path", WHOLE, ids=name_of)
def test_a_whole_body_means_what_was_written_down(path: Path) -> None:
    wanted, body = wanted_of(path), body_of(path)
    status = wanted.get("status", 200)
    if status != 200:
        assert told(CODEC.failure(call(), ResponseHead(status, {}), body)) == wanted
        return
    head = ResponseHead(200, {})
    if "raises" in wanted:
        with pytest.raises(ChatError) as caught:
            list(CODEC.whole(call(), head, body))
        assert told(caught.value) == wanted
    else:
        assert described(fold(CODEC.whole(call(), head, body))) == wanted


@pytest.mark.parametrize(
    "path", [path for path in WHOLE if "stream-tools" in path.name], ids=name_of
)
def test_a_stream_in_array_mode_is_read_although_another_was_asked_for(path: Path) -> None:
    assert described(fold(play(body_of(path)))) == wanted_of(path)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_one_cut_at_any_byte_changes_nothing(path: Path) -> None:
    body = body_of(path)
    wanted = result_of(body)
    for cut in range(len(body)):
        assert result_of(body[:cut], body[cut:]) == wanted, cut


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_cut_at_every_byte_changes_nothing(path: Path) -> None:
    body = body_of(path)
    assert result_of(*(body[i : i + 1] for i in range(len(body)))) == result_of(body)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_random_cuts_change_nothing(path: Path) -> None:
    body = body_of(path)
    wanted, dice = result_of(body), random.Random(1)
    for _ in range(40):
        cuts = sorted(dice.choices(range(len(body) + 1), k=dice.randrange(1, 60)))
        pieces = [
            body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)
        ]
        assert result_of(*pieces) == wanted, cuts


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_every_kind_of_line_end_means_the_same(path: Path, line_end: bytes) -> None:
    body = body_of(path)
    bare = body.replace(b"\r\n", b"\n")
    assert result_of(bare.replace(b"\n", line_end)) == result_of(body)


@pytest.mark.parametrize("path", COMPLETE, ids=name_of)
def test_no_beginning_of_a_stream_is_an_answer(path: Path) -> None:
    body = body_of(path)
    # The chunk that holds the reason counts from its last byte on.
    end = body.index(b"\n", body.rindex(b'"finishReason"')) if b"\ndata" in body else len(body) - 2
    for cut in range(1, end - 1):
        _, error = outcome([body[:cut]])
        assert error is not None, cut
        assert error.reason.name in {"PROVIDER_STREAM_TRUNCATED", "PROVIDER_PROTOCOL_ERROR"}, cut
