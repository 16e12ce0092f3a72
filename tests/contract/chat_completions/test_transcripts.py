"""Every transcript means what its expectation file says, however its bytes are cut.

Transcripts and expectations were written by hand from the wire formats, none by the decoder.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.model.events import Finished
from tests.contract.chat_completions.reading import (
    TRANSCRIPTS,
    described,
    outcome,
    refused,
    told,
)
from tests.support.http_calls import CODEC, HEAD, call, cuts

STREAMS = sorted(TRANSCRIPTS.glob("*.sse"))
BODIES = sorted(path for path in TRANSCRIPTS.glob("*.json") if ".expected" not in path.name)


def wanted(path: Path) -> Any:
    return json.loads(path.with_name(f"{path.name}.expected.json").read_bytes())


def meaning(pieces: list[bytes]) -> dict[str, Any]:
    events, error = outcome(pieces)
    return described(events) if error is None else told(error, events)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_stream_means_what_was_written_down(path: Path) -> None:
    assert meaning([path.read_bytes()]) == wanted(path)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_cuts_change_nothing(path: Path) -> None:
    body = path.read_bytes()
    whole = outcome([body])[0]
    for pieces in (
        cuts(body, 1),
        cuts(body, 13),
        *([body[:n], body[n:]] for n in range(len(body))),
    ):
        events, error = outcome(pieces)
        assert events == whole
        assert (error is None) == ("raises" not in wanted(path))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_no_beginning_without_a_reason_to_stop_is_an_answer(path: Path) -> None:
    body = path.read_bytes()
    ends = [body.find(each) for each in (b'"finish_reason":"', b"[DONE]", b'"error"')]
    for length in range(min(end for end in [*ends, len(body)] if end >= 0)):
        events, error = outcome([body[:length]])
        assert error is not None
        assert not any(isinstance(event, Finished) for event in events)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_whole_body_means_what_was_written_down(path: Path) -> None:
    expected = wanted(path)
    if "raises" in expected:
        assert refused(expected["status"], path.read_bytes()) == expected
    else:
        assert described([*CODEC.whole(call(), HEAD, path.read_bytes())]) == expected
