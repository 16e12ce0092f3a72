"""Where the onion is stacked: the only place that knows everything.

A call is validated, routed, checked against what its model takes, settled, and answered by the provider,
which is waited for only as long as it is worth.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import httpx

from adapters.http.chat_model import HttpBounds, HttpChatModel
from adapters.http.endpoint import Credential, Endpoint, bearer
from adapters.http.transport.opening import open_transport
from adapters.http.transport.proxies import proxies_from_environment
from adapters.local.config import Load, LocalConfig
from adapters.local.engine import Loaded, Loading
from adapters.local.presence import missing
from adapters.local.provider import open_local
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.scripted.provider import Scripted
from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.wire.codec import Codec
from domain.policy.patience import Patience
from domain.services.absent import Absent
from domain.services.deadline import Timed
from domain.services.route import Routed
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from entrypoints.base_url import check_base_url
from entrypoints.credentials import KeyMissing, keys
from entrypoints.natives import NATIVES
from entrypoints.settings import (
    CompatibleSettings,
    LocalSettings,
    NativeSettings,
    ProviderSettings,
    ScriptedSettings,
    Settings,
)
from ports.provider import Provider
from ports.usage_log import UsageLog


def _silent(_: str) -> None:
    pass


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    environment: Mapping[str, str] = os.environ,
    usage_log: UsageLog | None = None,
    progress: Callable[[str], None] = _silent,
) -> AsyncIterator[Service]:
    """Open the whole service, for use in this process.

    Args:
        settings: What is configured.
        environment: Holds the providers' keys.
        usage_log: Keeps the account; ``None``: the latest records, in memory. Whoever opened it
            closes it.
        progress: Told in a sentence what takes long, and which provider is missing what; may be
            called from another thread.

    Raises:
        NotConfigured: The embedded model is to be loaded now, and cannot be.

    Resource handling:
        The block owns every connection and thread of the service. Calls end before it does.
    """
    log = usage_log or MemoryUsageLog()
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(
            open_transport(proxies=proxies_from_environment())
        )
        stacker = _Stacker(settings, environment, transport, log)
        providers: dict[str, Provider] = {}
        if settings.local.enabled:
            providers["local"] = await _local(stacker, stack, progress)
        offered = {
            kind: NativeSettings(kind=kind) for kind, each in NATIVES.items() if each.offered
        }
        for name, configured in {**offered, **settings.providers}.items():
            providers[name] = stacker.provider(name, configured)
        for provider in providers.values():
            if isinstance(provider, Absent):
                progress(f"{provider.remedy}; until then it cannot be called")
        yield Service(Routed(providers))


@attrs.frozen
class _Stacker:
    """Puts the services around each provider."""

    settings: Settings
    environment: Mapping[str, str]
    transport: httpx.AsyncBaseTransport
    log: UsageLog

    def provider(self, name: str, configured: ProviderSettings) -> Provider:
        if isinstance(configured, ScriptedSettings):
            scripted = Scripted(name=name, scripts=configured.models)
            return self.timed(scripted)
        if isinstance(configured, NativeSettings):
            return self._native(name, configured)
        return self._compatible(name, configured)

    def timed(self, provider: Provider) -> Provider:
        """Return `provider`, which keeps no time itself, timed and settled."""
        return Stacked(provider, Settled(Timed(provider, self._patience), provider.name, self.log))

    def _compatible(self, name: str, configured: CompatibleSettings) -> Provider:
        codec = compatible_codec(
            CompatibleConfig(
                name=name,
                models=configured.models,
                max_tokens_field=configured.max_tokens_field,
            )
        )
        return self._http(codec, configured.base_url, configured.api_key_env, bearer)

    def _native(self, name: str, configured: NativeSettings) -> Provider:
        native = NATIVES[configured.kind]
        base_url = configured.base_url or self.environment.get(native.home.base_url_variable, "")
        if base_url and not configured.base_url:
            try:
                check_base_url(base_url, allow_plain_http=configured.allow_plain_http)
            except ValueError as error:
                variable = native.home.base_url_variable
                return Absent(name, f"provider {name} has no address: {variable}: {error}")
        return self._http(
            native.codec(name),
            base_url or native.home.base_url,
            configured.api_key_env or native.home.key_variable,
            native.authorization,
        )

    def _http(
        self,
        codec: Codec,
        base_url: str,
        key_variable: str,
        authorization: Callable[[Credential], Mapping[str, str]],
    ) -> Provider:
        name = codec.name
        try:
            credential = self._credential(key_variable)
        except KeyMissing as error:
            return Absent(name, f"provider {name} has no key: {error}")
        timeouts = self.settings.timeouts
        model = HttpChatModel(
            codec=codec,
            endpoint=Endpoint(
                base_url=base_url, credential=credential, authorization=authorization
            ),
            transport=self.transport,
            patience=self._patience,
            bounds=HttpBounds(connect_s=timeouts.connect_s, whole_s=timeouts.whole_s),
        )
        alias = credential.alias if credential else ""
        return Stacked(model, Settled(model, name, self.log, credential_alias=alias))

    def _credential(self, variable: str) -> Credential | None:
        if not variable:
            return None
        return Credential(f"{variable}#1", keys(variable, self.environment)[0])

    @property
    def _patience(self) -> Patience:
        timeouts = self.settings.timeouts
        return Patience(first_token_s=timeouts.first_token_s, idle_s=timeouts.idle_s)


async def _local(
    stacker: _Stacker, stack: AsyncExitStack, progress: Callable[[str], None]
) -> Provider:
    config = local_config(stacker.settings.local)
    remedy = missing(config)
    if remedy is not None:
        return Absent("local", remedy)

    def tell(event: Loading | Loaded) -> None:
        if isinstance(event, Loading):
            progress(f"loading the embedded model {event.model}")
        else:
            progress(f"the embedded model {event.model} is loaded, in {event.load_s:.1f} s")

    return stacker.timed(await stack.enter_async_context(open_local(config, progress=tell)))


def local_config(settings: LocalSettings) -> LocalConfig:
    """Return `settings` in the words of the embedded model."""
    return LocalConfig(
        model=settings.model,
        model_path=Path(settings.model_path) if settings.model_path else None,
        load=Load(settings.load),
        context_tokens=settings.context_tokens,
        slots=settings.slots,
        max_prompt_tokens=settings.max_prompt_tokens,
        max_tokens=settings.max_tokens,
    )
