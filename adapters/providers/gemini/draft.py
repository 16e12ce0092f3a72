"""A request while it is written, and everything that is wrong with it."""

import attrs
import orjson

from adapters.providers.gemini.models import ModelFacts
from domain.model.chat import UnsupportedParams
from domain.model.errors import FieldViolation
from domain.model.events import CallWarning


@attrs.define
class Draft:
    """Gathers problems, so that the caller is told about all of them at once.

    Attributes:
        name: The provider's configured name; thoughts of this name are its own.
        model: Whom the request is for.
        unsupported: What the caller wants done with what Gemini cannot be asked.
        fetched: Beginnings of the addresses that Gemini reads by itself.
    """

    name: str
    model: str
    facts: ModelFacts
    unsupported: UnsupportedParams
    fetched: tuple[str, ...]
    violations: list[FieldViolation] = attrs.field(factory=list)
    warnings: list[CallWarning] = attrs.field(factory=list)

    def refuse(self, field: str, description: str) -> None:
        """Note that `field` makes the request impossible."""
        self.violations.append(FieldViolation(field, description))

    def lack(self, field: str, description: str) -> None:
        """Note that there is no word for `field`, which the question survives."""
        if self.unsupported is UnsupportedParams.WARN_AND_DROP:
            self.warnings.append(CallWarning("PARAM_DROPPED", f"{field} {description}"))
        else:
            self.refuse(field, description)

    def json_object(self, text: str, field: str) -> orjson.Fragment | None:
        """Return `text` for the body, byte for byte, if it is a JSON object."""
        if is_json_object(text):
            return orjson.Fragment(text)
        self.refuse(field, "is not a JSON object")
        return None


def is_json_object(text: str) -> bool:
    """Return whether `text` can stand in a body as an object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
