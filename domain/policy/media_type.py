"""What a medium is: as its maker says, as its first bytes show, or as its address ends.

Source: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern and its neighbours
"""

import re
from collections.abc import Mapping, Sequence

import attrs

from domain.model.chat import ChatRequest, ContentPart, Media, Text, ToolResult

_BEGINNINGS: Sequence[tuple[re.Pattern[bytes], str]] = tuple(
    (re.compile(pattern, re.DOTALL), mime)
    for pattern, mime in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"....ftyp(?:avif|avis)", "image/avif"),
        (rb"....ftyp(?:heic|heix|hevc|hevx|mif1|msf1)", "image/heic"),
        (rb"....ftyp(?:M4A )", "audio/mp4"),
        (rb"....ftyp", "video/mp4"),
        (rb"BM....\0\0\0\0", "image/bmp"),
        (rb"(?:II\*\0|MM\0\*)", "image/tiff"),
        (rb"%PDF-", "application/pdf"),
        (rb"ID3|\xff[\xfb\xf3\xf2]", "audio/mpeg"),
        (rb"OggS", "audio/ogg"),
        (rb"fLaC", "audio/flac"),
        (rb"\x1aE\xdf\xa3", "video/webm"),
    )
)
_ENDINGS: Mapping[str, str] = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "flac": "audio/flac",
    "gif": "image/gif",
    "heic": "image/heic",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
_BY_BYTES = frozenset(mime for _, mime in _BEGINNINGS if mime.startswith("image/")) | {
    "application/pdf"
}
"""What always shows in its first bytes."""
_ALIASES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "application/x-pdf": "application/pdf",
}
# What servers say that do not know.
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})


def essence(mime_type: str) -> str:
    """Return `mime_type` without its parameters, in lower case and under its usual name."""
    plain = mime_type.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


def sniffed(data: bytes) -> str:
    """Return what `data` begins as; empty: nobody knows."""
    head = data[:64]
    return next((mime for beginning, mime in _BEGINNINGS if beginning.match(head)), "")


def guessed(uri: str) -> str:
    """Return what the address `uri` ends as; empty: nobody knows."""
    path = re.split(r"[?#]", uri, maxsplit=1)[0].rpartition("/")[2]
    _, dot, ending = path.rpartition(".")
    return _ENDINGS.get(ending.lower(), "") if dot else ""


def agreed(declared: str, said: str, data: bytes) -> str:
    """Return what `data` is, which was `declared` by the caller and `said` to be by its server.

    The bytes decide, then the server. A picture may be of another format than was declared.

    Raises:
        ValueError: They do not agree; the message is the rest of a sentence.
    """
    wanted, shown, told = essence(declared), sniffed(data), essence(said)
    told = "" if told in _VAGUE else told
    found = shown or told or wanted
    if not found:
        raise ValueError("does not show what it is: set mime_type")
    if not wanted or found == wanted:
        if found in _BY_BYTES and not shown:
            raise ValueError(f"is not {found}, as it is said to be")
        return found
    if _takes_place(shown, told, wanted):
        return shown or wanted
    raise ValueError(f"is {found}, and mime_type says {wanted}")


def _takes_place(shown: str, told: str, wanted: str) -> bool:
    """Return whether what is `shown`, or else `told`, may stand where another kind was `wanted`."""
    if shown:
        return _family(shown) == _family(wanted) and _family(wanted) != "application"
    # Servers say so of all that is not binary; but a page where something else was is a notice of an error.
    return told.startswith("text/") and told != "text/html" and not _is_binary(wanted)


def _family(mime_type: str) -> str:
    return mime_type.partition("/")[0]


def _is_binary(mime_type: str) -> bool:
    return _family(mime_type) in ("image", "audio", "video") or mime_type == "application/pdf"


def typed(request: ChatRequest) -> ChatRequest:
    """Return `request` with the type of each medium that says none and shows it."""
    for message in request.messages:
        for part in message.parts:
            if type(part) is not Text and _untyped(part):
                return _all_typed(request)
    return request


def _all_typed(request: ChatRequest) -> ChatRequest:
    return attrs.evolve(
        request,
        messages=tuple(
            attrs.evolve(message, parts=tuple(_typed(part) for part in message.parts))
            for message in request.messages
        ),
    )


def _untyped(part: ContentPart) -> bool:
    if isinstance(part, Media):
        return not part.mime_type
    return isinstance(part, ToolResult) and any(_untyped(each) for each in part.content)


def _typed(part: ContentPart) -> ContentPart:
    if isinstance(part, ToolResult):
        return attrs.evolve(part, content=tuple(_typed(each) for each in part.content))
    if not isinstance(part, Media) or part.mime_type:
        return part
    found = sniffed(part.data) if part.data is not None else guessed(part.uri or "")
    return attrs.evolve(part, mime_type=found) if found else part
