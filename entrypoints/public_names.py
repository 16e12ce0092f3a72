"""From the settings of public names, routes and keys to the words of the core."""

from collections.abc import Iterator, Mapping, Sequence

from domain.model.errors import NotConfigured
from domain.model.target import Target
from domain.policy.breaker import BreakerRules
from domain.policy.catalogue import PublicModel
from domain.policy.cooldown import CooldownRules
from domain.policy.route_book import RouteBook
from entrypoints.settings.catalogue import PublicModelSettings, RouteSettings
from entrypoints.settings.health import BreakerSettings, CooldownSettings
from entrypoints.settings.tree import Settings


def route_book(settings: Settings) -> RouteBook:
    """Return a book without routes or keys, with the rules of `settings`."""
    return RouteBook(_breaker(settings.breaker), _cooldown(settings.cooldown))


def watching(settings: Settings) -> bool:
    """Return whether anybody wants to know how routes do that have one key."""
    return settings.breaker.enabled or settings.cooldown.enabled or bool(settings.models)


def catalogue(
    models: Mapping[str, PublicModelSettings], keys: Mapping[str, Sequence[str]]
) -> Mapping[str, PublicModel]:
    """Return what public names stand for.

    Args:
        models: By public name.
        keys: Provider's name -> aliases of its keys; one that is not there lacks its key, or wants none.

    Raises:
        NotConfigured: A route is to use a key that its provider does not have.
    """
    return {
        name: PublicModel(
            routes=tuple(_targets(f"models.{name}.routes", public.routes, keys)),
            weights=tuple(each.weight or 1.0 for each in public.routes),
            strategy=public.chosen,
            fallbacks=tuple(_targets(f"models.{name}.fallbacks", public.fallbacks, keys)),
        )
        for name, public in models.items()
    }


def _targets(
    path: str, routes: Sequence[RouteSettings], keys: Mapping[str, Sequence[str]]
) -> Iterator[Target]:
    for place, route in enumerate(routes):
        found = keys.get(route.provider)
        if not route.keys or found is None:
            yield Target(route.provider, route.model)
            continue
        if max(route.keys) > len(found):
            raise NotConfigured(
                f"{path}[{place}].keys: there is no key {max(route.keys)} of {route.provider}, it has"
                f" {len(found)}: give it more in its variable, separated by commas"
            )
        yield Target(route.provider, route.model, tuple(found[each - 1] for each in route.keys))


def _breaker(settings: BreakerSettings) -> BreakerRules | None:
    if not settings.enabled:
        return None
    return BreakerRules(
        window_s=settings.window_s,
        min_calls=settings.min_calls,
        failure_share=settings.failure_share,
        open_s=settings.open_s,
        longest_open_s=settings.longest_open_s,
        probes=settings.probes,
    )


def _cooldown(settings: CooldownSettings) -> CooldownRules | None:
    if not settings.enabled:
        return None
    return CooldownRules(
        rate_limited_s=settings.rate_limited_s,
        auth_s=settings.auth_s,
        billing_s=settings.billing_s,
        longest_s=settings.longest_s,
    )
