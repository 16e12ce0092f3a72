"""A request while it is written: blocks, turns, and everything that is wrong with them."""

from typing import Any

import attrs
import orjson

from adapters.providers.anthropic.models import ModelFacts
from domain.model.chat import UnsupportedParams
from domain.model.errors import FieldViolation
from domain.model.events import CallWarning

_NEVER_CACHED = frozenset({"thinking", "redacted_thinking"})


@attrs.frozen
class Mark:
    """A cache breakpoint that somebody asked for.

    Attributes:
        ttl_s: In seconds; ``None`` is the provider's default.
        path: Where it was asked for, in the wire's words.
    """

    ttl_s: float | None
    path: str


@attrs.define
class Block:
    """One tool or one piece of content.

    Attributes:
        fields: As they are sent, but for ``cache_control``.
        path: Where it comes from in the caller's request.
    """

    fields: dict[str, Any]
    path: str
    mark: Mark | None = None

    @property
    def type(self) -> str:
        """The block's ``type``; empty on a tool."""
        kind: str = self.fields.get("type", "")
        return kind

    @property
    def cacheable(self) -> bool:
        """Whether a breakpoint may stand here."""
        return self.fields.get("type") not in _NEVER_CACHED


@attrs.define
class Turn:
    """One entry of ``messages``.

    Attributes:
        role: ``user``, ``assistant`` or ``system``.
        path: Of the first message in it.
    """

    role: str
    path: str
    blocks: list[Block]


@attrs.define
class Draft:
    """Gathers problems, so that the caller is told about all of them at once.

    Attributes:
        provider: The provider's configured name: whose thoughts go back.
        model: For the messages.
        unsupported: What the caller wants done with what the model does not take.
    """

    provider: str
    model: str
    facts: ModelFacts
    unsupported: UnsupportedParams
    violations: list[FieldViolation] = attrs.field(factory=list)
    warnings: list[CallWarning] = attrs.field(factory=list)

    def refuse(self, field: str, description: str) -> None:
        """Note that `field` makes the request impossible."""
        self.violations.append(FieldViolation(field, description))

    def lack(self, field: str, description: str) -> None:
        """Note that `field` cannot be said, which the question survives."""
        if self.unsupported is UnsupportedParams.WARN_AND_DROP:
            self.warnings.append(CallWarning("PARAM_DROPPED", f"{field} {description}"))
        else:
            self.refuse(field, description)

    def adjust(self, field: str, description: str) -> None:
        """Note that `field` is said differently than it was asked."""
        self.warnings.append(CallWarning("PARAM_ADJUSTED", f"{field} {description}"))

    def json_object(self, text: str, field: str) -> orjson.Fragment:
        """Return `text` for the body, byte for byte; it must be a JSON object."""
        try:
            valid = isinstance(orjson.loads(text), dict)
        except orjson.JSONDecodeError:
            valid = False
        if not valid:
            self.refuse(field, "is not a JSON object")
        return orjson.Fragment(text)
