"""What the settings say of models, laid over what a provider's own table says.

A pattern is a name, or a glob of names. All that fit count, the vaguest first, so that what is said of one
name wins over what is said of many.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, TypeVar

import attrs

from domain.model.model_info import Feature

Facts = TypeVar("Facts", bound=attrs.AttrsInstance)

_GLOB = re.compile(r"[*?\[]")


def _matcher(override: "Override") -> re.Pattern[str]:
    return re.compile(translate(override.pattern))


@attrs.frozen
class Override:
    """What is said of some models.

    Attributes:
        pattern: A name, or a glob of names.
        facts: By the names that the provider's codec gives its facts; what is not said stays as it was.
        like: A model whose facts these are laid over; empty: the model's own, or what is assumed of one
            that nobody knows.
        takes: Features that are added.
        refuses: Features that are taken away.
    """

    pattern: str
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    like: str = ""
    takes: frozenset[Feature] = frozenset()
    refuses: frozenset[Feature] = frozenset()
    _matches: re.Pattern[str] = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_matcher, takes_self=True)
    )

    @property
    def is_name(self) -> bool:
        """Whether it is said of one model."""
        return not _GLOB.search(self.pattern)

    def fits(self, model: str) -> bool:
        """Return whether it is said of `model`."""
        return self._matches.fullmatch(model) is not None


def by_vagueness(overrides: Sequence[Override]) -> tuple[Override, ...]:
    """Return `overrides` in the order in which they are applied."""
    return tuple(sorted(overrides, key=lambda each: (each.is_name, len(each.pattern))))


def overridden(
    model: str,
    overrides: Sequence[Override],
    known: Callable[[str], Facts | None],
    unknown: Facts,
) -> Facts | None:
    """Return the facts of `model`; None: it is nobody's name.

    Args:
        model: As it is asked for.
        overrides: In the order of `by_vagueness`.
        known: What the provider's own table says of a name.
        unknown: What is assumed of a name that is known from `overrides` alone.
    """
    said = [each for each in overrides if each.fits(model)]
    if not said:
        return known(model)
    like = next((each.like for each in reversed(said) if each.like), model)
    facts = known(like) or unknown
    for each in said:
        facts = _changed(facts, **{**_listed(each, facts), **each.facts})
        if each.takes or each.refuses:
            features: frozenset[Feature] = getattr(facts, "features")  # noqa: B009 - of some kinds
            facts = _changed(facts, features=(features | each.takes) - each.refuses)
    return facts


def _changed(facts: Facts, **fields: Any) -> Facts:
    # attrs.evolve cannot be typed over a type that is not known yet.
    evolve: Callable[..., Any] = attrs.evolve
    changed: Facts = evolve(facts, **fields)
    return changed


def names(overrides: Sequence[Override], known: Sequence[str]) -> Sequence[str]:
    """Return the names of `known` and those that `overrides` add to them."""
    return list(dict.fromkeys([*known, *(each.pattern for each in overrides if each.is_name)]))


def _listed(override: Override, facts: attrs.AttrsInstance) -> Mapping[str, bool]:
    # Whoever names a model wants to see it.
    return {"listed": True} if override.is_name and hasattr(facts, "listed") else {}
