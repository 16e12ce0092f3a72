"""The secrets that this process knows: what no line of the log may hold, whoever wrote it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs

from entrypoints.settings.headers import Header
from entrypoints.settings.tree import Settings

_NAME = re.compile(
    r"(^|_)(KEYS?|TOKENS?|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|PASS|DSN|CREDENTIALS?|HEADERS)$",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"://([^/\s]*)@")
_MAX_FILE_BYTES = 65_536


def known_secrets(settings: Settings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret in `environment`, in the files it names, and in `settings`.

    A variable holds one if it is called like one (``..._KEY``, ``..._TOKEN``) or if the settings say so; an
    address holds its user's password.
    """
    named = set(_named(settings))
    found: list[str] = []
    for name, value in environment.items():
        secret = name in named or name.removesuffix("_FILE") in named
        if secret or _NAME.search(name.removesuffix("_FILE")):
            held = _read(value) if name.endswith("_FILE") else value
            # Keys that are rotated are separated by commas.
            found += [held.strip(), *(each.strip() for each in held.split(","))]
            found += held.splitlines()
            # Headers are written name=value.
            found += [each.partition("=")[2].strip() for each in held.split(",")]
        found += _passwords(value)
    for text in _texts(settings):
        found += _passwords(text)
    found += [each.value for each in _headers(settings)]
    return tuple(dict.fromkeys(each for each in found if each))


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode(errors="replace")
    except OSError:
        # Whoever needs it says so.
        return ""


def _passwords(text: str) -> Iterator[str]:
    for user in _IN_ADDRESS.findall(text):
        _, _, password = user.partition(":")
        yield from (password, unquote(password))


def _values(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Give all that is in `value`, each with the name of its field."""
    yield name, value
    kind: Any = type(value)
    if attrs.has(kind):
        for field in attrs.fields(kind):
            yield from _values(getattr(value, field.name), field.name)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _values(each, str(key))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _values(each, name)


def _named(settings: Settings) -> Iterator[str]:
    for name, value in _values(settings):
        if name.endswith("_env") and isinstance(value, str):
            yield value
        elif isinstance(value, Header):
            yield value.env


def _texts(settings: Settings) -> Iterator[str]:
    return (value for _, value in _values(settings) if isinstance(value, str))


def _headers(settings: Settings) -> Iterator[Header]:
    return (value for _, value in _values(settings) if isinstance(value, Header))
