"""Gemini's list of models, a page at a time; those that cannot chat are left out.

Source: https://ai.google.dev/api/models#method:-models.list
"""

from functools import partial
from urllib.parse import quote

from adapters.providers.gemini.models import bare_name
from adapters.wire.listing import Listing, LiveModel, Page
from adapters.wire.lookup import count_in, objects_in, text_in
from domain.model.json_value import Json, JsonObject


def read(path: str, body: Json) -> Page | None:
    """Return a page of the list at `path`; Google leaves out empty lists."""
    if not isinstance(body, dict) or not isinstance(body.get("models", []), list):
        return None
    token = text_in(body, "nextPageToken")
    return Page(
        [
            LiveModel(
                name=bare_name(text_in(each, "name")),
                context_tokens=count_in(each, "inputTokenLimit"),
                max_output_tokens=count_in(each, "outputTokenLimit"),
            )
            for each in objects_in(body, "models")
            if text_in(each, "name") and _chats(each)
        ],
        f"{path}&pageToken={quote(token, safe='')}" if token else "",
    )


def _chats(entry: JsonObject) -> bool:
    methods = entry.get("supportedGenerationMethods")
    return not isinstance(methods, list) or "generateContent" in methods


def listing(version: str) -> Listing:
    """Return how models are asked for in `version` of the API."""
    path = f"/{version}/models?pageSize=1000"
    return Listing(path=path, read=partial(read, path))
