"""Media in Gemini's words: bytes in the request, or the address of a file that Gemini reads by itself.

Source: https://ai.google.dev/gemini-api/docs/generate-content/file-input-methods
"""

import base64

from adapters.providers.gemini.draft import Draft
from domain.model.chat import Media
from domain.model.json_value import JsonObject

FILES = "https://generativelanguage.googleapis.com/v1beta/files/"
"""Where a file that was uploaded to Gemini has its address."""

FETCHED = (
    "https://generativelanguage.googleapis.com/",
    "gs://",
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://youtu.be/",
)
"""Beginnings of the addresses that Gemini reads on every model. Since January 2026 some models fetch any
public address, within limits: a gateway that wants that says ``https://``."""


def media(part: Media, path: str, draft: Draft) -> JsonObject | None:
    """Return `part`, or None where it is refused; `path` is of the part."""
    if part.data is not None:
        return {"inlineData": {"mimeType": part.mime_type, "data": base64_of(part.data)}}
    uri = part.uri if part.uri is not None else _file_uri(part.file_id or "")
    if not uri.startswith(draft.fetched):
        draft.refuse(
            f"{path}.media.{'file_id' if part.uri is None else 'uri'}",
            "is not an address that Gemini reads: send the bytes in data,"
            " or upload the file to Gemini and name it in file_id",
        )
        return None
    return {
        "fileData": {"fileUri": uri, **({"mimeType": part.mime_type} if part.mime_type else {})}
    }


def base64_of(data: bytes) -> str:
    """Return `data` as Gemini writes bytes."""
    return base64.b64encode(data).decode("ascii")


def _file_uri(file_id: str) -> str:
    name = file_id.removeprefix("files/")
    return name if "://" in name or not name else FILES + name
