"""Every answer of OpenAI's means what its expectation file says, however its bytes are cut."""

from pathlib import Path

import pytest

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from tests.support.chat_contract import FIXTURES, Contract, name_of

CODEC = openai_codec(OpenAIConfig())
CONTRACT = Contract(
    here=Path(__file__).parent,
    fixtures=FIXTURES / "openai",
    codec_for=lambda _: CODEC,
    model="gpt-4o",
)
STREAMS, WHOLE = CONTRACT.paths("sse"), CONTRACT.paths("json")


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_stream_means_what_was_written_down(path: Path) -> None:
    CONTRACT.assert_stream(path)


@pytest.mark.parametrize("path", WHOLE, ids=name_of)
def test_a_whole_body_means_what_was_written_down(path: Path) -> None:
    CONTRACT.assert_whole(path)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_one_cut_anywhere_changes_nothing(path: Path) -> None:
    CONTRACT.assert_single_cuts(path)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_cut_at_every_byte_changes_nothing(path: Path) -> None:
    CONTRACT.assert_every_byte(path)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_random_cuts_change_nothing(path: Path) -> None:
    CONTRACT.assert_random_cuts(path)


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_no_beginning_of_a_stream_is_an_answer(path: Path) -> None:
    CONTRACT.assert_no_beginning_is_an_answer(path)


def test_every_recording_is_expected_or_said_to_be_left_out() -> None:
    CONTRACT.assert_all_recordings_are_known({})
