"""Where providers' keys come from: a variable, or the file that its ``_FILE`` twin names.

Laws: what is missing is said in a sentence that names the remedy; a key is never part of it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from entrypoints.settings.headers import Header

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class KeyMissing(Exception):
    """There is no key; the message says what to do."""


def keys(variable: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys that `variable` holds, in the order given; several are separated by commas.

    Raises:
        KeyMissing: There is none, or its file cannot be read.
    """
    if not VARIABLE.fullmatch(variable):
        raise KeyMissing("api_key_env must be the name of a variable, not the key itself")
    found = _split(environment.get(variable, ""))
    if found:
        return found
    file = environment.get(f"{variable}_FILE")
    if not file:
        raise KeyMissing(f"set {variable}, or {variable}_FILE to a file that holds it")
    try:
        found = _split(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyMissing(f"{file} ({variable}_FILE) cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyMissing(f"{file} ({variable}_FILE) is not text") from None
    if not found:
        raise KeyMissing(f"{file} ({variable}_FILE) is empty")
    return found


def header_values(
    headers: Mapping[str, Header], environment: Mapping[str, str]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the values of `headers`, and what of them no answer may show.

    That is all of them: a value that is written out may be as secret as one from a variable.

    Raises:
        KeyMissing: A variable that holds one is not set.
    """
    found: dict[str, str] = {}
    for name, header in headers.items():
        found[name] = header.value or _variable(name, header.env, environment)
    return found, tuple(found.values())


def _variable(name: str, variable: str, environment: Mapping[str, str]) -> str:
    if not VARIABLE.fullmatch(variable):
        raise KeyMissing(f"env of headers.{name} must be the name of a variable, not the value")
    value = environment.get(variable, "").strip()
    if not value:
        raise KeyMissing(f"set {variable}, which holds the header {name}")
    if not value.isascii() or not value.isprintable():
        raise KeyMissing(f"{variable} cannot be a header: it must be visible ASCII")
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(key for key in (each.strip() for each in text.split(",")) if key)
