"""Settings of public names, sections ``[models.NAME]``: what callers ask for, and where that is answered."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs
import cattrs
from attrs.validators import in_

from domain.policy.routing import Strategy

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
GRANT = "models"
"""Instead of a provider's name in ``allow`` it grants public names: ``models/fast``."""


def _is_a_share(_: object, attribute: "attrs.Attribute[float | None]", value: float | None) -> None:
    # Written so that NaN is none.
    if value is not None and not 0 < value < math.inf:
        raise ValueError(f"'{attribute.name}' must be above 0 and finite, not {value:g}")


def _are_places(
    _: object, attribute: "attrs.Attribute[tuple[int, ...]]", value: tuple[int, ...]
) -> None:
    if any(each < 1 for each in value) or len(set(value)) < len(value):
        raise ValueError(
            f"'{attribute.name}' must be places in the list of keys, from 1, each once"
        )


@attrs.frozen(kw_only=True)
class RouteSettings:
    """One way to answer.

    Attributes:
        target: ``provider/model``.
        weight: Its share of the calls, for the strategy ``weighted``; unset: 1.
        keys: Which of the provider's keys it uses, by place in their list, from 1; empty: all.
    """

    target: str
    weight: float | None = attrs.field(default=None, validator=_is_a_share)
    keys: tuple[int, ...] = attrs.field(default=(), validator=_are_places)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.target.partition("/")[0]

    @property
    def model(self) -> str:
        """The model's name there."""
        return self.target.partition("/")[2]


def _not_empty(
    _: object,
    attribute: "attrs.Attribute[tuple[RouteSettings, ...]]",
    value: tuple[RouteSettings, ...],
) -> None:
    if not value:
        raise ValueError(f"'{attribute.name}' must name at least one provider/model")


@attrs.frozen(kw_only=True)
class PublicModelSettings:
    """What a public name stands for.

    Attributes:
        routes: Where it is answered.
        strategy: Which of them is asked first: ``ordered``: the first; ``weighted``: each as often as its
            weight says; ``fastest``: the one that has answered soonest and failed least lately. The others
            follow where it fails. Empty: ``weighted`` if one has a weight, else ``ordered``.
        fallbacks: Asked in their order when all routes have failed.
    """

    routes: tuple[RouteSettings, ...] = attrs.field(validator=_not_empty)
    strategy: str = attrs.field(default="", validator=in_(("", *map(str, Strategy))))
    fallbacks: tuple[RouteSettings, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse weights that would not count, and routes that are there twice.

        Raises:
            ValueError: Names the place.
        """
        if self.strategy not in ("", Strategy.WEIGHTED) and any(
            each.weight for each in self.routes
        ):
            raise ValueError("'strategy' must be weighted, or no route may have a weight")
        if any(each.weight for each in self.fallbacks):
            raise ValueError("'fallbacks' are asked in their order, and have no weight")
        seen: set[str] = set()
        for each in (*self.routes, *self.fallbacks):
            if each.target in seen:
                raise ValueError(
                    f"'routes' {each.target} is there twice: name it once, with all its keys"
                )
            seen.add(each.target)

    @property
    def chosen(self) -> Strategy:
        """The strategy in force."""
        if self.strategy:
            return Strategy(self.strategy)
        weights = any(each.weight for each in self.routes)
        return Strategy.WEIGHTED if weights else Strategy.ORDERED


def add_catalogue_hooks(converter: cattrs.Converter) -> None:
    """Teach `converter` that a route may be its target alone."""
    table = converter.get_structure_hook(RouteSettings)

    def route(value: Any, kind: Any) -> Any:
        return table({"target": value} if isinstance(value, str) else value, kind)

    converter.register_structure_hook(RouteSettings, route)


def check_catalogue(
    models: Mapping[str, PublicModelSettings],
    declared: Mapping[str, Collection[str]],
    closed: Collection[str],
) -> None:
    """Refuse names that nobody could call, and routes that lead nowhere.

    Args:
        models: By public name.
        declared: Provider's name, of all that can be called -> models that it is known to have.
        closed: Providers that have no others.

    Raises:
        ValueError: Names the path.
    """
    for name, public in models.items():
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"'models' name {name!r} is not fit: use up to 128 letters, digits and . _ : / @ + -"
            )
        prefix, slash, _ = name.partition("/")
        if slash and prefix in declared:
            raise ValueError(
                f"'models' name {name!r} means a model of the provider {prefix}: choose another name"
            )
        for path, target in _targets(public):
            _check_target(f"models.{name}.{path}", target, declared, closed)
        led_to = {each.target for each in (*public.routes, *public.fallbacks)}
        hidden = [each for each, known in declared.items() if name in known]
        if hidden and not any(f"{each}/{name}" in led_to for each in hidden):
            raise ValueError(
                f"'models' name {name!r} hides the model of {' and '.join(sorted(hidden))}: choose another"
                f" name, or make {hidden[0]}/{name} one of its routes"
            )


def _targets(public: PublicModelSettings) -> Iterator[tuple[str, str]]:
    for field, routes in _lists(public):
        for place, each in enumerate(routes):
            yield f"{field}[{place}].target", each.target


def _lists(public: PublicModelSettings) -> Sequence[tuple[str, Sequence[RouteSettings]]]:
    return ("routes", public.routes), ("fallbacks", public.fallbacks)


def _check_target(
    path: str, target: str, declared: Mapping[str, Collection[str]], closed: Collection[str]
) -> None:
    provider, slash, model = target.partition("/")
    if not (provider and slash and model):
        raise ValueError(f"'{path}' {target!r} must be provider/model")
    if provider not in declared:
        raise ValueError(
            f"'{path}' there is no provider {provider!r}, only {', '.join(sorted(declared))}"
        )
    if provider in closed and model not in declared[provider]:
        raise ValueError(
            f"'{path}' {provider} has no model {model!r}, only {', '.join(sorted(declared[provider]))}"
        )
