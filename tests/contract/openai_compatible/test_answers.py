"""Every answer of a compatible endpoint's means what its expectation file says, however its bytes are cut."""

from pathlib import Path

import pytest

from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.providers.mistral.codec import MistralConfig, mistral_codec
from adapters.wire.codec import Codec
from tests.support.chat_contract import FIXTURES, Contract, name_of

COMPATIBLE = compatible_codec(CompatibleConfig(name="far"))
MISTRAL = mistral_codec(MistralConfig())


def codec_for(name: str) -> Codec:
    return MISTRAL if name.startswith("mistral") else COMPATIBLE


CONTRACT = Contract(
    here=Path(__file__).parent,
    fixtures=FIXTURES / "openai-compatible",
    codec_for=codec_for,
    model="m",
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


def test_every_recording_is_expected() -> None:
    CONTRACT.assert_all_recordings_are_known({})
