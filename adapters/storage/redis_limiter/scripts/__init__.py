"""The scripts that run inside Redis, and their answers.

Law: what is shared is decided there, in one step; nothing is read here and written later.
"""

import hashlib
from pathlib import Path

import attrs

_FOLDER = Path(__file__).parent


@attrs.frozen
class Script:
    """A text that Redis runs, and the name by which it knows it."""

    text: str
    sha: str


def _script(name: str) -> Script:
    parts = (_FOLDER / "common.lua", _FOLDER / f"{name}.lua")
    text = "".join(each.read_text(encoding="ascii") for each in parts)
    # Redis names scripts so; nothing depends on its strength.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


TAKE = _script("take")
SETTLE = _script("settle")
ANNOUNCE = _script("announce")
SEED = _script("seed")
LEAVE = _script("leave")
FORGOTTEN = b"forgotten"
TAKEN = b"taken"
WAIT = b"wait"
