"""Which provider and model a request means, and what a public name stands for."""

from collections.abc import Callable, Collection, Iterable, Mapping

import attrs

from domain.model.errors import ModelUnknown
from domain.model.target import Target
from domain.policy.routing import Strategy


@attrs.frozen(kw_only=True)
class PublicModel:
    """What a public name stands for.

    Attributes:
        routes: Where it is answered.
        weights: Of the routes, for the strategy that wants them.
        strategy: Which of the routes is asked first.
        fallbacks: Asked in their order after the routes.
    """

    routes: tuple[Target, ...]
    weights: tuple[float, ...] = ()
    strategy: Strategy = Strategy.ORDERED
    fallbacks: tuple[Target, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """The routes and the fallbacks."""
        return (*self.routes, *self.fallbacks)


def resolve(
    provider: str,
    model: str,
    known: Mapping[str, Collection[str]],
    told: Callable[[str], bool] = lambda provider: True,
    public: Iterable[str] = (),
) -> tuple[str, str]:
    """Return the provider's name and the model's name there.

    Args:
        provider: As asked for; empty: resolved from `model`, first as
            ``provider/model``, then as a name that just one provider declares.
        model: As asked for.
        known: Provider's name -> names of the models it declares.
        told: Whether an error may name that provider.
        public: Public names that an error may name.

    Raises:
        ModelUnknown: Nothing was found, or too much.
    """
    if provider:
        if provider not in known:
            raise ModelUnknown(
                f"no provider {provider!r} is configured; there are: {_names(filter(told, known))}"
            )
        return provider, model
    prefix, slash, rest = model.partition("/")
    if slash and rest and prefix in known:
        return prefix, rest
    homes = [name for name, models in known.items() if model in models]
    if len(homes) == 1:
        return homes[0], model
    if homes:
        raise ModelUnknown(
            f"model {model!r} is ambiguous: set provider to one of {_names(filter(told, homes))}"
        )
    offered = _names(public)
    named = f"; public names are: {offered}" if offered != _NONE else ""
    raise ModelUnknown(
        f"no provider declares model {model!r}; set provider, or write provider/model"
        f" with one of: {_names(filter(told, known))}{named}"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or _NONE


_NONE = "none"
