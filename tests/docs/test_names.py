"""What the pages name is there: commands, options, recipes, settings, fields, reasons, metrics, files."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from docs.generate import command_line, configuration, metrics
from docs.generate.__main__ import pages
from domain.model.errors import ErrorReason
from entrypoints.cli.arguments import parser
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.settings.tree import Settings
from tests.support.cli_runs import ROOT
from tests.support.docs_snippets import PAGES

TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_CALLED = re.compile(r"(?:^|[\s`/])llmservice(?P<words>(?: [^\n`|>;]*)?)", re.MULTILINE)
_RECIPE = re.compile(r"(?:\./justw|\bjust) ([a-z][a-z-]*)")
_PATH = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)(?:`| = )")
_FILE = re.compile(r"`((?:deploy|tests|docs|examples|adapters|entrypoints|domain|proto)/[\w./-]*)`")
_OUTSIDE = ("grpc.health", "grpc.reflection.v")
"""What looks like a setting of ``[grpc]``, and is a service."""


def shown(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        for found in _CODE.findall(text):
            yield name, found


def commands_in(text: str) -> Iterator[list[str]]:
    for found in _CALLED.finditer(text):
        words = re.sub(r"'[^']*'|\"[^\"]*\"", "X", found["words"].partition(" #")[0]).split()
        if words and re.fullmatch(r"[a-z]+", words[0]):
            yield words


def wrong(words: list[str]) -> Iterator[str]:
    """Give what of a command line the parser does not know."""
    at = parser()
    options: set[str] = {"--help"}
    for word in words:
        below = {each.prog.split()[-1]: each for each in command_line.commands(at)}
        if word in below:
            at = below[word]
            options |= {name for each in command_line.options(at) for name in each.option_strings}
        elif word.startswith("--"):
            if word.partition("=")[0] not in options:
                yield word
        elif below and at.prog == "llmservice":
            yield word


def test_commands_and_options_are_known() -> None:
    found = [
        (name, words)
        for name, code in shown({**TEXTS, "command-line": pages()["reference/command-line.md"]})
        for words in commands_in(code)
    ]
    assert len(found) > 80
    for name, words in found:
        assert list(wrong(words)) == [], f"{name}: llmservice {' '.join(words)}"


def test_a_command_that_is_not_there_is_seen() -> None:
    assert list(wrong(["chat", "--nothing", "word"])) == ["--nothing"]
    assert list(wrong(["nobody"])) == ["nobody"]
    assert list(commands_in("`.venv/bin/llmservice keys set alice --expires 90d`")) == [
        ["keys", "set", "alice", "--expires", "90d"]
    ]
    assert isinstance(parser(), argparse.ArgumentParser)


def test_recipes_are_there() -> None:
    just = Path(sys.executable).with_name("just")
    told = subprocess.run(
        [just, "--summary"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    recipes = set(told.stdout.split())
    named = {(name, each) for name, code in shown(TEXTS) for each in _RECIPE.findall(code)}
    assert len(named) > 20
    assert {each for each in named if each[1] not in recipes} == set()


def known_paths() -> set[str]:
    """Every setting by its path, and every field of a request."""
    found = {
        f"{path}.{field.name}"
        for path, owner in [("", Settings), *configuration.sections()]
        for field in attrs.fields(owner)
    }
    return found | set(fields("", pb.LLMRequest.DESCRIPTOR, 3))


def fields(before: str, message: Any, depth: int) -> Iterator[str]:
    for field in message.fields:
        yield before + field.name
        if field.message_type is not None and depth > 1:
            yield from fields(f"{before}{field.name}.", field.message_type, depth - 1)


def test_settings_and_fields_that_are_named_are_there() -> None:
    known, roots = known_paths(), {field.name for field in attrs.fields(Settings)}
    roots |= {field.name for field in pb.LLMRequest.DESCRIPTOR.fields}
    named = {
        (page, path)
        for page, text in TEXTS.items()
        for path in _PATH.findall(text)
        if path.partition(".")[0] in roots and not path.startswith(_OUTSIDE)
    }
    assert len(named) > 30
    assert {each for each in named if each[1] not in known} == set()


def test_reasons_and_metrics_that_are_named_are_there() -> None:
    words = {
        (page, word)
        for page, text in TEXTS.items()
        for word in re.findall(r"`((?:CALLER|POLICY|PROVIDER|SERVICE)_[A-Z_]*[A-Z])`", text)
    }
    assert len(words) > 8
    assert {each for each in words if each[1] not in ErrorReason.__members__} == set()
    counted = {metrics.shown(each) for each in metrics.specs()}
    counts = {word for text in TEXTS.values() for word in re.findall(r"`(llm_[a-z_]+)`", text)}
    assert len(counts) > 5
    assert counts <= counted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page: Path) -> None:
    for name in _FILE.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or (ROOT / name).parent.name == "secrets", name
