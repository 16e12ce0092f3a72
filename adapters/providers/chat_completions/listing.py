"""The list of models in OpenAI's dialect, and what its speakers add to each.

Source: https://platform.openai.com/docs/api-reference/models/list; the API pages of OpenRouter, Groq,
Mistral, vLLM and Together (a bare list), and llama.cpp's server (``meta``), as of November 2026
"""

from collections.abc import Sequence

from adapters.wire.listing import Listing, LiveModel, Page
from adapters.wire.lookup import count_in, objects_in, text_in
from domain.model.json_value import Json, JsonObject

_CONTEXT: Sequence[Sequence[str]] = (
    ("context_length",),
    ("context_window",),
    ("max_model_len",),
    ("max_context_length",),
    ("meta", "n_ctx"),
    ("meta", "n_ctx_train"),
)
_OUTPUT: Sequence[Sequence[str]] = (
    ("top_provider", "max_completion_tokens"),
    ("max_completion_tokens",),
)


def read(body: Json) -> Page | None:
    """Return the models in `body`; there is only one page."""
    if isinstance(body, dict) and not isinstance(body.get("data"), list):
        return None
    if not isinstance(body, dict | list):
        return None
    entries = objects_in(body if isinstance(body, dict) else {"data": body}, "data")
    # Some list a model under each of its names.
    return Page([_model(each) for each in entries if text_in(each, "id")])


def _model(entry: JsonObject) -> LiveModel:
    return LiveModel(
        name=text_in(entry, "id"),
        context_tokens=_first(entry, _CONTEXT),
        max_output_tokens=_first(entry, _OUTPUT),
    )


def _first(entry: JsonObject, paths: Sequence[Sequence[str]]) -> int | None:
    found = (count_in(entry, *path) for path in paths)
    return next((count for count in found if count), None)


LISTING = Listing(path="/models", read=read)
