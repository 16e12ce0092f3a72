"""Images and documents as blocks.

Law: what Claude cannot read is refused here, with what it could read instead.

Source: https://platform.claude.com/docs/en/build-with-claude/vision, .../build-with-claude/pdf-support
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.providers.anthropic.draft import Draft
from domain.model.chat import Media
from domain.policy.fetching import Fetches

_PDF = "application/pdf"
FETCHES: Fetches = {"image/": ("https://",), _PDF: ("https://",)}
"""What Anthropic fetches by itself, as of November 2026."""
_IMAGES: Mapping[str, str] = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}


def media_fields(part: Media, path: str, draft: Draft) -> dict[str, Any] | None:
    """Return the block for `part`; None: it was refused."""
    mime = part.mime_type.partition(";")[0].strip().lower()
    if part.data is not None:
        fields = _inline(mime, part.data)
        if fields is None:
            draft.refuse(path, f"Anthropic reads no {mime or 'data of unknown type'}; {_READ}")
        return fields
    kind = _kind(mime, part.uri)
    if kind is None:
        draft.refuse(f"{path}.mime_type", _NEEDED if not mime else f"is {mime}; {_READ}")
        return None
    if part.uri is None:
        return {"type": kind, "source": {"type": "file", "file_id": part.file_id or ""}}
    if kind == "document" and mime.startswith("text/"):
        draft.refuse(f"{path}.uri", "Anthropic fetches images and PDF only; send text as data")
        return None
    return {"type": kind, "source": {"type": "url", "url": part.uri}}


def _inline(mime: str, data: bytes) -> dict[str, Any] | None:
    if mime.startswith("text/"):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        # Other kinds of text are not known by name, and read as text all the same.
        return {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": text},
        }
    known = _PDF if mime == _PDF else _IMAGES.get(mime)
    if known is None:
        return None
    return {
        "type": "document" if known == _PDF else "image",
        "source": {
            "type": "base64",
            "media_type": known,
            "data": base64.b64encode(data).decode("ascii"),
        },
    }


def _kind(mime: str, uri: str | None) -> str | None:
    """Return what a thing that is not at hand is; None: nobody knows, or nothing readable."""
    if mime == _PDF or mime.startswith("text/"):
        return "document"
    if mime:
        return "image" if mime.startswith("image/") else None
    if uri is None:
        return None
    # Addresses seldom come with a type; what is not plainly a document is a picture.
    return "document" if urlsplit(uri).path.lower().endswith(".pdf") else "image"


_READ = "it reads image/jpeg, image/png, image/gif, image/webp, application/pdf and UTF-8 text"
_NEEDED = "is needed with file_id, to tell an image from a document: for example image/png"
