"""Anthropic's list of models, a page at a time.

Source: https://platform.claude.com/docs/en/api/models-list
"""

from urllib.parse import quote

from adapters.wire.listing import Listing, LiveModel, Page
from adapters.wire.lookup import count_in, objects_in, text_in
from domain.model.json_value import Json

PATH = "/v1/models?limit=1000"
"""As many as a page holds."""


def read(body: Json) -> Page | None:
    """Return a page."""
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        return None
    last = text_in(body, "last_id")
    more = body.get("has_more") is True and bool(last)
    return Page(
        [
            LiveModel(
                name=text_in(each, "id"),
                context_tokens=count_in(each, "max_input_tokens"),
                max_output_tokens=count_in(each, "max_tokens"),
            )
            for each in objects_in(body, "data")
            if text_in(each, "id")
        ],
        f"{PATH}&after_id={quote(last, safe='')}" if more else "",
    )


def listing(version: str) -> Listing:
    """Return how models are asked for in `version` of the API."""
    return Listing(path=PATH, read=read, headers={"anthropic-version": version})
