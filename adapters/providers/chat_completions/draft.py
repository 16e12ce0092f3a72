"""A request while it is written, and everything that is wrong with it."""

import attrs
import orjson

from adapters.providers.chat_completions.dialect import CachePlace, Dialect
from domain.model.caching import CacheControl
from domain.model.chat import UnsupportedParams
from domain.model.errors import FieldViolation
from domain.model.events import CallWarning
from domain.model.json_value import JsonObject


@attrs.define
class Draft:
    """Gathers problems, so that the caller is told about all of them at once.

    Attributes:
        unsupported: What the caller wants done with what the dialect cannot say.
    """

    dialect: Dialect
    unsupported: UnsupportedParams
    violations: list[FieldViolation] = attrs.field(factory=list)
    warnings: list[CallWarning] = attrs.field(factory=list)

    def refuse(self, field: str, description: str) -> None:
        """Note that `field` makes the request impossible."""
        self.violations.append(FieldViolation(field, description))

    def lack(self, field: str, description: str) -> None:
        """Note that the dialect has no word for `field`, which the question survives."""
        if self.unsupported is UnsupportedParams.WARN_AND_DROP:
            self.warnings.append(CallWarning("PARAM_DROPPED", f"{field} {description}"))
        else:
            self.refuse(field, description)

    def adjust(self, field: str, description: str) -> None:
        """Note that `field` is said differently than it was asked."""
        self.warnings.append(CallWarning("PARAM_ADJUSTED", f"{field} {description}"))

    def mark(
        self, control: CacheControl | None, field: str, place: CachePlace = CachePlace.PART
    ) -> JsonObject:
        """Return the fields that put `control` on something; none where there is nothing to put.

        What the dialect cannot honour is refused even where parameters may be dropped: a ttl is
        honoured or refused.
        """
        if control is None:
            return {}
        if self.dialect.cache_mark is None:
            self.lack(field, f"cannot be asked of {self.dialect.name} here: leave it out")
            return {}
        if place not in self.dialect.cache_places:
            self.refuse(
                field, f"cannot stand here at {self.dialect.name}: put it on a message's part"
            )
            return {}
        try:
            return self.dialect.cache_mark(control)
        except ValueError as error:
            self.refuse(field, str(error))
            return {}

    def schema(self, text: str, field: str) -> orjson.Fragment | None:
        """Return `text` for the body, byte for byte, if it is a JSON object."""
        try:
            valid = isinstance(orjson.loads(text), dict)
        except orjson.JSONDecodeError:
            valid = False
        if not valid:
            self.refuse(field, "is not a JSON object")
            return None
        return orjson.Fragment(text)
