"""Who is asked: what the settings name, what is there unasked and has its key, and the embedded model."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import attrs

from adapters.http.transport.opening import open_transport
from adapters.http.transport.proxies import proxies_from_environment
from adapters.local.config import Load
from adapters.local.presence import missing
from adapters.local.provider import open_local
from adapters.wire.listing import LiveModel
from domain.model.errors import ChatError
from domain.services.absent import Absent
from entrypoints.compose import local_config
from entrypoints.credentials import KeyMissing, keys
from entrypoints.live.asking import Asking
from entrypoints.live.each_key import Proof, ask_with_each_key
from entrypoints.live.verdict import Verdict
from entrypoints.natives import NATIVES
from entrypoints.settings.local import LocalSettings
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings
from entrypoints.settings.tree import Settings
from entrypoints.ways import way_to


@asynccontextmanager
async def open_askings(
    settings: Settings, environment: Mapping[str, str], proof: Proof
) -> AsyncIterator[Mapping[str, Asking]]:
    """Open the way to all providers; give what asks each of them, by name."""
    async with open_transport(proxies=proxies_from_environment()) as transport:
        askings: dict[str, Asking] = {}
        if settings.local.enabled:
            askings["local"] = partial(_ask_local, settings.local)
        for name, configured in asked(settings, environment).items():
            if isinstance(configured, ScriptedSettings):
                askings[name] = partial(_answer, _scripted(name, configured))
                continue
            way = way_to(name, configured, environment)
            if isinstance(way, Absent):
                verdict = Verdict(
                    provider=name, problem=way.remedy, address="not asked", key="missing"
                )
                askings[name] = partial(_answer, verdict)
            else:
                connect_s = settings.timeouts.connect_s
                askings[name] = partial(ask_with_each_key, way, transport, connect_s, proof)
        yield askings


def asked(settings: Settings, environment: Mapping[str, str]) -> Mapping[str, ProviderSettings]:
    """Return those that are asked, by name; without the embedded model."""
    unasked = {
        kind: NativeSettings(kind=kind)
        for kind, native in NATIVES.items()
        if native.offered and _has_key(native.home.key_variable, environment)
    }
    return {**unasked, **settings.providers}


def _has_key(variable: str, environment: Mapping[str, str]) -> bool:
    try:
        keys(variable, environment)
    except KeyMissing:
        return bool(environment.get(f"{variable}_FILE"))
    return True


async def _answer(verdict: Verdict) -> Verdict:  # noqa: ASYNC124 - as those that wait
    return verdict


def _scripted(name: str, configured: ScriptedSettings) -> Verdict:
    models = tuple(LiveModel(name=each) for each in configured.models)
    return Verdict(provider=name, address="in process", key="none", models=models)


async def _ask_local(settings: LocalSettings) -> Verdict:
    verdict = Verdict(provider="local", address="in process", key="none")
    config = attrs.evolve(local_config(settings), load=Load.EAGER)
    lacks = missing(config)
    if lacks is not None:
        # Nobody who did not set it up is to be told off for lacking it.
        problem = "" if settings == LocalSettings() else lacks
        return attrs.evolve(verdict, address="not there", problem=problem, note=lacks)
    try:
        async with open_local(config):
            pass
    except ChatError as error:
        return attrs.evolve(verdict, address="not loaded", problem=error.message)
    listed = LiveModel(
        name=settings.model,
        context_tokens=settings.context_tokens,
        max_output_tokens=settings.max_tokens,
    )
    return attrs.evolve(verdict, models=(listed,))
