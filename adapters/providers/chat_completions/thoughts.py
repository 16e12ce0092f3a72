"""What a model thought, in the pieces that have to go back as they came: ``reasoning_details``.

Laws: pieces of one detail become one detail; details never become one another. A text or a summary comes in
pieces of the same index, one after the other, and its signature may be a piece of its own; everything else
comes whole. The index alone does not tell details apart: streams give all of them the index 0, whatever
their type.

Source: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens; OpenRouterTeam/ai-sdk-provider#519
for the index.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from domain.model.json_value import JsonObject

_PIECEWISE: Mapping[str, str] = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Types that come in pieces, and the field that holds them."""


@attrs.define
class _Detail:
    """One detail so far.

    Attributes:
        field: Holds its words; ``None``: it came whole.
    """

    fields: dict[str, Any]
    field: str | None
    words: list[str] = attrs.field(factory=list)

    def whole(self) -> dict[str, Any]:
        """Return it with its words in their place."""
        if self.field is None or not self.words:
            return self.fields
        return {**self.fields, self.field: "".join(self.words)}


@attrs.define
class Thoughts:
    """Joins the details of one answer."""

    _details: list[_Detail] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        return bool(self._details)

    def take(self, pieces: Iterable[JsonObject]) -> str:
        """Take what one message or delta holds; return what it says that can be read.

        Pieces that come together are of different details: a whole message goes back as it came.
        """
        earlier = tuple(self._details)
        return "".join(self._take(piece, earlier) for piece in pieces)

    def _take(self, piece: JsonObject, earlier: Sequence[_Detail]) -> str:
        kind = piece.get("type")
        field = _PIECEWISE.get(kind) if isinstance(kind, str) else None
        said = piece.get(field) if field else None
        words = said if isinstance(said, str) else ""
        detail = _begun(piece, earlier) if field else None
        if detail is None:
            detail = _Detail(dict(piece), field)
            self._details.append(detail)
        else:
            for key, value in piece.items():
                if value is not None or key not in detail.fields:
                    detail.fields[key] = value
        if words:
            detail.words.append(words)
        return words

    def joined(self) -> bytes:
        """Return all details as a JSON list."""
        return orjson.dumps([detail.whole() for detail in self._details])


def _begun(piece: JsonObject, earlier: Sequence[_Detail]) -> _Detail | None:
    """Return the one of the `earlier` details that `piece` continues."""
    for detail in reversed(earlier):
        if detail.fields.get("type") != piece["type"]:
            break
        if detail.fields.get("index") == piece.get("index"):
            # A signature seals a text.
            return None if detail.fields.get("signature") else detail
    return None
