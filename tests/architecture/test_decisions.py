"""Decisions are pages with a number each, so that a number leads to one page."""

import re
from collections import Counter

from tests.support.core_source import ROOT

PAGES = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_no_two_decisions_share_a_number() -> None:
    numbers = Counter(page.name[:4] for page in PAGES)
    assert PAGES
    assert [number for number, count in numbers.items() if count > 1] == []


def test_a_decision_begins_with_the_number_of_its_file() -> None:
    for page in PAGES:
        said = re.match(r"# (\d+)\. ", page.read_text())
        assert said is not None, page.name
        assert f"{int(said[1]):04}" == page.name[:4]


def test_a_decision_that_is_referred_to_is_there() -> None:
    files = [*PAGES, *ROOT.glob("*.md")]
    named = {
        name for file in files for name in re.findall(r"adr/(\d{4}-[\w-]+\.md)", file.read_text())
    }
    assert named <= {page.name for page in PAGES}
