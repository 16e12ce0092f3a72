"""Further headers for a provider: written out, or taken from a variable where they are secret."""

import re
from collections.abc import Mapping
from typing import Any

import attrs

_NAME = re.compile(r"[a-z0-9!#$&^_.+-]+")
_VALUE = re.compile(r"[\x20-\x7e]+")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What the way to the provider decides."""


@attrs.frozen
class Header:
    """A header's value.

    Attributes:
        value: As it is sent; shown nowhere, since some are secret.
        env: Variable that holds it instead.
    """

    value: str = attrs.field(default="", repr=False)
    env: str = ""


def headers(value: Any) -> Mapping[str, Header]:
    """Return `value`, a table of TOML, as headers; names in lower case.

    Raises:
        ValueError: It is none; the message begins with the path within, in quotes.
    """
    if not isinstance(value, Mapping):
        raise ValueError("'headers' must be a table")
    found: dict[str, Header] = {}
    for name, each in value.items():
        lowered = name.lower()
        if not _NAME.fullmatch(lowered):
            raise ValueError(f"'headers.{name}' is no name of a header")
        if lowered in _OURS or lowered.startswith("proxy-"):
            raise ValueError(f"'headers.{name}' is set by the service itself")
        found[lowered] = _header(name, each)
    return found


def _header(name: str, value: Any) -> Header:
    if isinstance(value, Header):
        return value
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return Header(value)
    if isinstance(value, Mapping) and set(value) == {"env"} and isinstance(value["env"], str):
        return Header(env=value["env"])
    raise ValueError(f"'headers.{name}' must be visible ASCII, or {{ env = \"VARIABLE\" }}")
