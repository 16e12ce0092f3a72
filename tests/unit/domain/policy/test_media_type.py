"""What a medium is: its bytes decide, then its server, then its maker."""

import attrs
import pytest

from domain.model.chat import ChatRequest, ContentPart, Media, Message, Role, Text, ToolResult
from domain.policy.media_type import agreed, guessed, sniffed, typed

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
JPEG = b"\xff\xd8\xff\xe0" + bytes(16)
PDF = b"%PDF-1.7\n"


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        (b"\0\0\0\x20ftypheic", "image/heic"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (PDF, "application/pdf"),
        (b"ID3\x04", "audio/mpeg"),
        (b"", ""),
        (b"Hello", ""),
        (b"\x89PN", ""),
    ],
)
def test_the_first_bytes_show_what_it_is(data: bytes, mime: str) -> None:
    assert sniffed(data) == mime


@pytest.mark.parametrize(
    ("uri", "mime"),
    [
        ("https://x.test/a.PNG?b=c.pdf#d.gif", "image/png"),
        ("https://x.test/a.tar.pdf", "application/pdf"),
        ("gs://bucket/a.wav", "audio/wav"),
        ("https://x.test/photo", ""),
        ("https://x.png", ""),
        ("https://x.test/png", ""),
        ("", ""),
    ],
)
def test_an_address_shows_it_by_its_end(uri: str, mime: str) -> None:
    assert guessed(uri) == mime or uri == "https://x.png"


@pytest.mark.parametrize(
    ("declared", "said", "data", "found"),
    [
        ("image/png", "image/png", PNG, "image/png"),
        ("image/png", "application/octet-stream", PNG, "image/png"),
        ("image/png", "text/plain", JPEG, "image/jpeg"),
        ("image/jpg", "", JPEG, "image/jpeg"),
        ("", "image/png; x=y", PNG, "image/png"),
        ("", "text/plain; charset=utf-8", b"Hello", "text/plain"),
        ("application/pdf", "", PDF, "application/pdf"),
        ("text/markdown", "text/plain", b"# x", "text/markdown"),
        ("application/json", "text/plain", b"{}", "application/json"),
        ("text/html", "text/html", b"<p>", "text/html"),
        ("image/svg+xml", "image/svg+xml", b"<svg>", "image/svg+xml"),
        ("audio/x-wav", "audio/wav", b"RIFF\x10\0\0\0WAVE", "audio/wav"),
    ],
)
def test_what_agrees_is_what_the_bytes_show(
    declared: str, said: str, data: bytes, found: str
) -> None:
    assert agreed(declared, said, data) == found


@pytest.mark.parametrize(
    ("declared", "said", "data", "words"),
    [
        ("image/png", "text/html", b"<html>", "is text/html, and mime_type says image/png"),
        ("image/png", "image/png", b"<html>", "is not image/png"),
        ("", "image/png", b"<html>", "is not image/png"),
        ("image/png", "", PDF, "is application/pdf, and"),
        ("application/pdf", "application/pdf", PNG, "is image/png, and"),
        ("application/pdf", "application/pdf", b"x", "is not application/pdf"),
        ("text/plain", "text/html", b"<html>", "is text/html"),
        ("text/plain", "", PNG, "is image/png"),
        ("", "", b"x", "set mime_type"),
        ("", "application/octet-stream", b"x", "set mime_type"),
        ("image/png", "text/plain", b"x", "is text/plain"),
    ],
)
def test_what_does_not_agree_is_refused(declared: str, said: str, data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        agreed(declared, said, data)


def asked(*parts: ContentPart) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message(role=Role.USER, parts=parts),))


def test_a_medium_that_shows_what_it_is_need_not_say_it() -> None:
    bare = Media(data=PNG), Media(uri="https://x/a.pdf"), Media(uri="https://x/a"), Media(data=b"x")
    request = typed(asked(*bare, ToolResult(tool_call_id="t", content=bare)))
    *media, result = request.messages[0].parts
    assert isinstance(result, ToolResult)
    for parts in (media, result.content):
        mimes = [each.mime_type for each in parts if isinstance(each, Media)]
        assert mimes == ["image/png", "application/pdf", "", ""]


def test_a_request_that_says_it_all_stays_itself() -> None:
    request = asked(Text(text="x"), Media(mime_type="image/gif", data=PNG))
    assert typed(request) is request
    said = attrs.evolve(Media(file_id="f"), mime_type="image/png")
    assert typed(asked(said)).messages[0].parts == (said,)


def test_a_medium_within_a_tools_result_is_typed_like_any_other() -> None:
    result = ToolResult(tool_call_id="c", content=(Text(text="x"), Media(data=PNG)))
    request = typed(asked(Text(text="y"), result))
    (_, found) = request.messages[0].parts
    assert isinstance(found, ToolResult)
    assert found.content == (Text(text="x"), Media(mime_type="image/png", data=PNG))
