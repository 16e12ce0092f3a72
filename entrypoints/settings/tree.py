"""The whole tree of settings."""

import re
from collections.abc import Mapping

import attrs

from entrypoints.settings.account import AccountSettings
from entrypoints.settings.callers import CallerSettings, named_apart
from entrypoints.settings.catalogue import GRANT, PublicModelSettings, check_catalogue
from entrypoints.settings.drain import DrainSettings
from entrypoints.settings.grpc import GrpcSettings
from entrypoints.settings.health import BreakerSettings, CooldownSettings
from entrypoints.settings.hedge import HedgeSettings
from entrypoints.settings.http import HttpSettings
from entrypoints.settings.idempotency import IdempotencySettings
from entrypoints.settings.limits import LimitSettings
from entrypoints.settings.local import LocalSettings
from entrypoints.settings.logs import LogSettings
from entrypoints.settings.media import MediaSettings
from entrypoints.settings.native import NATIVE_KINDS, OFFERED_KINDS, NativeSettings
from entrypoints.settings.prices import PriceSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings, declared
from entrypoints.settings.response_cache import ResponseCacheSettings
from entrypoints.settings.retry import RetrySettings
from entrypoints.settings.timeouts import TimeoutSettings
from entrypoints.settings.traces import TraceSettings

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _named(
    settings: "Settings",
    attribute: "attrs.Attribute[Mapping[str, ProviderSettings]]",
    providers: Mapping[str, ProviderSettings],
) -> None:
    for name in providers:
        if name == "local" and settings.local.enabled:
            raise ValueError(
                "'providers' name local is the embedded model's: set local.enabled = false"
            )
        if not _PROVIDER_NAME.fullmatch(name):
            raise ValueError(
                f"'providers' name {name!r} is not fit: use lower-case letters, digits, - and _"
            )


def _of_known_providers(
    settings: "Settings", attribute: "attrs.Attribute[LimitSettings]", limits: LimitSettings
) -> None:
    known = {*settings.providers, *NATIVE_KINDS, "local"}
    for name in limits.providers:
        if name not in known:
            raise ValueError(
                f"'limits' there is no provider {name!r}, only {', '.join(sorted(known))}"
            )


def _callable(
    settings: "Settings",
    attribute: "attrs.Attribute[Mapping[str, PublicModelSettings]]",
    models: Mapping[str, PublicModelSettings],
) -> None:
    if models and GRANT in settings.providers:
        raise ValueError(
            f"'providers' name {GRANT} is what allow grants public names by: choose another"
        )
    offered = {kind: NativeSettings(kind=kind) for kind in OFFERED_KINDS}
    known = {name: declared(each) for name, each in {**offered, **settings.providers}.items()}
    closed = {
        name for name, each in settings.providers.items() if isinstance(each, ScriptedSettings)
    }
    if settings.local.enabled:
        known["local"] = {settings.local.model}
        closed.add("local")
    check_catalogue(models, known, closed)


def _told_apart(
    settings: "Settings",
    attribute: "attrs.Attribute[Mapping[str, CallerSettings]]",
    callers: Mapping[str, CallerSettings],
) -> None:
    named_apart(settings, attribute, callers)
    for name, caller in callers.items():
        if caller.client_subject and not settings.grpc.tls.client_ca:
            raise ValueError(
                f"'callers.{name}.client_subject' names a certificate, and without grpc.tls.client_ca no"
                " client is asked for one: name the PEM file of its authority there"
            )


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        providers: By the name that calls use.
        models: By the public name that calls use.
        prices: By glob of ``provider/model``; the first that fits counts.
        callers: By their name. If there is any, calls without a valid one are refused.
    """

    grpc: GrpcSettings = GrpcSettings()
    http: HttpSettings = HttpSettings()
    account: AccountSettings = AccountSettings()
    local: LocalSettings = LocalSettings()
    logs: LogSettings = LogSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    retry: RetrySettings = RetrySettings()
    hedge: HedgeSettings = HedgeSettings()
    traces: TraceSettings = TraceSettings()
    media: MediaSettings = MediaSettings()
    drain: DrainSettings = DrainSettings()
    response_cache: ResponseCacheSettings = ResponseCacheSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    breaker: BreakerSettings = BreakerSettings()
    cooldown: CooldownSettings = CooldownSettings()
    providers: Mapping[str, ProviderSettings] = attrs.field(factory=dict, validator=_named)
    models: Mapping[str, PublicModelSettings] = attrs.field(factory=dict, validator=_callable)
    callers: Mapping[str, CallerSettings] = attrs.field(factory=dict, validator=_told_apart)
    limits: LimitSettings = attrs.field(default=LimitSettings(), validator=_of_known_providers)
    prices: Mapping[str, PriceSettings] = attrs.field(factory=dict)
