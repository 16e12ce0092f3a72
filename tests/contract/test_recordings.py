"""All that others recorded has an expectation here, and a cut at any byte of any of it means nothing.

Five sets hold the Responses protocol, which no codec speaks: their streams are held to be no answer.
Where a stream is cut matters to nothing but the event parser, so every single cut of every stream, however
long, is tried on it: an event cut anywhere is the same event, and leaves the parser as it was before it.
"""

import re
from functools import lru_cache
from pathlib import Path

import pytest

from adapters.wire.sse import ServerSentEvent, SseParser
from tests.support.chat_contract import FIXTURES

HERE = Path(__file__).parent
SOURCES = FIXTURES / "SOURCES.md"
# Bodies of recorded sets that are no chat answers.
NO_ANSWERS = {
    "gemini/cached-content.1.response.json": "a cache made",
    "gemini/cached-content.4.response.json": "a cache removed",
    "openrouter/stream-text.1.response.json": "the list of models",
    "openrouter/stream-tools.1.response.json": "the list of models",
}
STREAMS = [
    *sorted(HERE.glob("*/transcripts/*.sse")),
    *sorted(FIXTURES.glob("*/*.sse")),
]


@lru_cache
def sets() -> list[str]:
    if not SOURCES.exists():
        pytest.skip(f"the recorded traffic is not there: {SOURCES}")
    rows = re.findall(r"^\| ([\w-]+) \| ([\w-]+) \|", SOURCES.read_text(), re.MULTILINE)
    return [f"{provider}/{name}" for provider, name in rows[1:]]


def expected() -> set[str]:
    return {
        f"{path.parts[-3].replace('openai_compatible', 'openai-compatible')}/"
        + path.name.removesuffix(".expected.json")
        for path in HERE.glob("*/recorded/*.expected.json")
    }


def test_each_recorded_set_has_an_expectation() -> None:
    wanted = expected()
    assert len(sets()) == 48
    unexpected = [
        name for name in sets() if not any(re.match(rf"{name}(\.|$)", each) for each in wanted)
    ]
    assert unexpected == []


def test_each_recorded_body_has_an_expectation_or_is_no_answer() -> None:
    sets()
    bodies = {
        f"{path.parent.name}/{path.name}"
        for path in FIXTURES.glob("*/*")
        if not path.name.endswith((".request.json", ".meta.json"))
    }
    assert bodies == expected() | NO_ANSWERS.keys()
    assert not expected() & NO_ANSWERS.keys()


def fed(*pieces: bytes) -> tuple[list[ServerSentEvent], SseParser]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)], parser


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_single_cut_leaves_the_event_and_the_parser_as_they_were(path: Path) -> None:
    # The end of the body is as good as a blank line.
    body = path.read_bytes() + b"\n\n"
    blocks = re.findall(rb".*?(?:\n\n|\r\n\r\n|\r\r(?!\n))\n*", body, re.DOTALL)
    assert b"".join(blocks) == body
    for block in blocks:
        events, parser = fed(block)
        for cut in range(len(block)):
            assert fed(block[:cut], block[cut:]) == (events, parser), (block, cut)
