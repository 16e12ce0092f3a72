"""Which provider and model a request means."""

from collections.abc import Callable, Collection, Iterable, Mapping

from domain.model.errors import ModelUnknown


def resolve(
    provider: str,
    model: str,
    known: Mapping[str, Collection[str]],
    told: Callable[[str], bool] = lambda provider: True,
) -> tuple[str, str]:
    """Return the provider's name and the model's name there.

    Args:
        provider: As asked for; empty: resolved from `model`, first as
            ``provider/model``, then as a name that just one provider declares.
        model: As asked for.
        known: Provider's name -> names of the models it declares.
        told: Whether an error may name that provider.

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
    raise ModelUnknown(
        f"no provider declares model {model!r}; set provider, or write provider/model"
        f" with one of: {_names(filter(told, known))}"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
