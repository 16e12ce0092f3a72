"""The documentation as it is read: the site that is built of it, and what its pages lead to."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import attrs
import pytest

from tests.support.cli_runs import ROOT

MKDOCS = ROOT / ".docs" / "bin" / "mkdocs"
MISSING = "what builds the documentation is not there: run `./justw docs-tools`, some seconds"
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
_HINTS = frozenset({"canonical", "prev", "next", "alternate"})


def built(folder: Path) -> str:
    """Build the site into `folder`; return all that was said, which is nothing where all is well.

    Without what builds it the test is skipped; in CI it fails.
    """
    if not MKDOCS.exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    done = subprocess.run(
        [MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": os.environ.get("HOME", "/"), "NO_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + (f"exit code {done.returncode}" if done.returncode else "")


@attrs.define
class Page(HTMLParser):
    """One page of HTML.

    Attributes:
        links: Where it leads.
        fetched: What a browser gets by itself to show it.
        anchors: Places in it that can be led to.
    """

    links: list[str] = attrs.field(factory=list)
    fetched: list[str] = attrs.field(factory=list)
    anchors: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag == "link" and said.get("rel") not in _HINTS:
            self.fetched.append(said.get("href", ""))
        if said.get(_FETCHED.get(tag, "")):
            self.fetched.append(said[_FETCHED[tag]])


def pages(site: Path) -> Mapping[str, Page]:
    """Return every page of the site, by its path in it."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found[path.relative_to(site).as_posix()] = page
    return found


def dead_ends(site: Path, found: Mapping[str, Page]) -> Iterator[str]:
    """Give every link within the site that leads nowhere, be it a file or a place in one."""
    for name, page in found.items():
        for link in (*page.links, *page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            # 404.html is shown anywhere, and so leads from the root.
            target = unquote(urlsplit(urljoin(f"/{name}", link)).path).lstrip("/")
            target = target if target and not target.endswith("/") else f"{target}index.html"
            if not (site / target).is_file():
                yield f"{name}: {link}: there is no {target}"
            elif (
                parts.fragment
                and target in found
                and unquote(parts.fragment) not in found[target].anchors
            ):
                yield f"{name}: {link}: {target} has no such place"
