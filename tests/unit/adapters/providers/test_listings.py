"""Lists of models: what is no list is told apart from one without models."""

import pytest

from adapters.providers.anthropic.listing import listing as anthropic
from adapters.providers.chat_completions.listing import LISTING
from adapters.providers.gemini.listing import listing as gemini
from adapters.wire.listing import Listing
from domain.model.json_value import Json

LISTINGS: dict[str, tuple[Listing, Json]] = {
    "anthropic": (anthropic("2023-06-01"), {"data": []}),
    "chat completions": (LISTING, {"data": []}),
    # Google leaves out empty lists.
    "gemini": (gemini("v1beta"), {}),
}


@pytest.mark.parametrize("name", LISTINGS)
@pytest.mark.parametrize(
    "body", [None, "models", {"data": 7, "models": 7}], ids=["nothing", "a word", "a number"]
)
def test_what_is_no_list_is_no_page(name: str, body: Json) -> None:
    listing, _ = LISTINGS[name]
    assert listing.read(body) is None


@pytest.mark.parametrize("name", LISTINGS)
def test_a_list_without_models_is_a_page_and_the_last(name: str) -> None:
    listing, empty = LISTINGS[name]
    page = listing.read(empty)
    assert page is not None
    assert (list(page.models), page.next_path) == ([], "")
