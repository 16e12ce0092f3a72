"""The documentation as a site: no warning when it is built, no dead end, nothing from the internet."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.cli_runs import ROOT
from tests.support.docs_site import Page, built, dead_ends, pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert built(folder) == ""
    return folder


@pytest.fixture(scope="module")
def found(site: Path) -> Mapping[str, Page]:
    return pages(site)


def test_every_page_is_there(found: Mapping[str, Page]) -> None:
    written = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert {path.with_suffix(".html").as_posix() for path in written} <= found.keys()
    for name in ("configuration", "command-line", "api", "errors", "metrics", "models"):
        assert f"reference/{name}.html" in found


def test_no_link_leads_nowhere(site: Path, found: Mapping[str, Page]) -> None:
    assert sum(len(page.links) for page in found.values()) > 1000
    assert list(dead_ends(site, found)) == []


def test_a_dead_end_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="b.html">no</a><a href="a.html#here">yes</a><a href="#gone">no</a>'
    )
    assert list(dead_ends(tmp_path, pages(tmp_path))) == [
        "a.html: b.html: there is no b.html",
        "a.html: #gone: a.html has no such place",
    ]


def outer(found: Mapping[str, Page]) -> Iterator[str]:
    for page in found.values():
        yield from (link for link in page.links if urlsplit(link).scheme or link.startswith("//"))


def test_links_to_elsewhere_are_well_formed(found: Mapping[str, Page]) -> None:
    for link in outer(found):
        parts = urlsplit(link)
        assert parts.scheme == "https", link
        assert parts.hostname is not None, link
        assert "." in parts.hostname, link
        assert not parts.username, link


def test_nothing_is_fetched_from_elsewhere(site: Path, found: Mapping[str, Page]) -> None:
    for name, page in found.items():
        for each in page.fetched:
            assert not urlsplit(each).netloc, f"{name} fetches {each}"
    for style in site.rglob("*.css"):
        assert "@import" not in style.read_text(encoding="utf-8"), style
        assert "url(http" not in style.read_text(encoding="utf-8"), style
