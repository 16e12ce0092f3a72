"""Media: bytes go in the request; an address only where Gemini reads it by itself."""

from typing import Any

import pytest

from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.media import FILES
from domain.model.chat import Media
from tests.unit.adapters.providers.gemini.asking import contents, encoded, refusals, user


def part(media: Media) -> Any:
    return contents(user(media))[0]["parts"][0]


def test_bytes_are_sent_as_base64() -> None:
    assert part(Media(mime_type="image/png", data=b"\xff\xfb")) == {
        "inlineData": {"mimeType": "image/png", "data": "//s="}
    }


@pytest.mark.parametrize(
    "uri",
    [
        "gs://bucket/a.pdf",
        f"{FILES}abc",
        "https://www.youtube.com/watch?v=abc",
        "https://youtu.be/abc",
    ],
)
def test_an_address_that_gemini_reads_is_passed_on(uri: str) -> None:
    assert part(Media(uri=uri)) == {"fileData": {"fileUri": uri}}
    assert part(Media(uri=uri, mime_type="video/mp4")) == {
        "fileData": {"fileUri": uri, "mimeType": "video/mp4"}
    }


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/a.png",
        "http://www.youtube.com/watch?v=abc",
        "data:image/png;base64,AAAA",
        "https://generativelanguage.googleapis.com.evil.example/x",
        "",
    ],
)
def test_any_other_address_is_refused_with_the_remedy(uri: str) -> None:
    found = refusals(user("see", Media(uri=uri, mime_type="image/png")))
    assert list(found) == ["messages[0].parts[1].media.uri"]
    assert "send the bytes in data" in found["messages[0].parts[1].media.uri"]


@pytest.mark.parametrize("file_id", ["files/abc", "abc", f"{FILES}abc"])
def test_an_uploaded_file_is_named_by_its_address(file_id: str) -> None:
    assert part(Media(file_id=file_id)) == {"fileData": {"fileUri": f"{FILES}abc"}}


@pytest.mark.parametrize(
    "media", [Media(file_id="https://example.com/x"), Media(file_id=""), Media()]
)
def test_what_names_no_file_of_gemini_is_refused(media: Media) -> None:
    assert len(refusals(user(media))) == 1


def test_which_addresses_gemini_reads_is_a_setting() -> None:
    codec = GeminiCodec(GeminiConfig(fetched=("https://",)))
    asked = user(Media(uri="https://example.com/a.png"))
    assert b"https://example.com/a.png" in encoded(asked, codec=codec).body
