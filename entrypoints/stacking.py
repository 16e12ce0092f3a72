"""What stands around each provider, read from the inside out."""

from collections.abc import Callable, Mapping

import attrs
import httpx

from adapters.http.chat_model import HttpChatModel
from adapters.http.endpoint import Credential, Endpoint, bearer
from adapters.http.exchange import HttpBounds
from adapters.providers.compatible.codec import FEATURES, CompatibleConfig, compatible_codec
from adapters.scripted.provider import Scripted
from adapters.wire.codec import Codec
from adapters.wire.options import WithOptions
from domain.policy.patience import Patience
from domain.services.absent import Absent
from domain.services.admission import Admission, Admitted
from domain.services.deadline import Timed
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from entrypoints.base_url import check_base_url
from entrypoints.credentials import KeyMissing, header_values, keys
from entrypoints.natives import NATIVES
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings
from entrypoints.settings.tree import Settings
from ports.provider import Provider
from ports.usage_log import UsageLog


@attrs.frozen
class Stacker:
    """Puts the services around each provider.

    Attributes:
        environment: Holds the providers' keys and addresses.
        transport: Towards the providers; whoever opened it closes it.
        log: Takes the records; whoever opened it closes it.
        admission: Lets calls in.
    """

    settings: Settings
    environment: Mapping[str, str]
    transport: httpx.AsyncBaseTransport
    log: UsageLog
    admission: Admission

    def provider(self, name: str, configured: ProviderSettings) -> Provider:
        """Return the provider called `name`; `Absent` where a key or an address is missing."""
        if isinstance(configured, ScriptedSettings):
            scripted = Scripted(name=name, scripts=configured.models)
            return self.timed(scripted)
        if isinstance(configured, NativeSettings):
            return self._native(name, configured)
        return self._compatible(name, configured)

    def timed(self, provider: Provider) -> Provider:
        """Return `provider`, which keeps no time itself, timed and settled."""
        settled = Settled(Timed(provider, self._patience), provider.name, self.log)
        return self._admitted(provider, settled)

    def _admitted(self, provider: Provider, settled: Settled) -> Provider:
        return Stacked(provider, Admitted(settled, provider, self.admission))

    def _compatible(self, name: str, configured: CompatibleSettings) -> Provider:
        codec = compatible_codec(
            CompatibleConfig(
                name=name,
                overrides=configured.models,
                open_ended=not configured.only_listed,
                features=(configured.takes or FEATURES) - configured.refuses,
                max_tokens_field=configured.max_tokens_field,
                developer_role=configured.developer_role,
                stream_usage=configured.stream_usage,
            )
        )
        key = configured.api_key_env
        return self._http(codec, configured, configured.base_url, key, bearer)

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
            native.codec(name, configured),
            configured,
            base_url or native.home.base_url,
            configured.api_key_env or native.home.key_variable,
            native.authorization,
        )

    def _http(
        self,
        codec: Codec,
        configured: CompatibleSettings | NativeSettings,
        base_url: str,
        key_variable: str,
        authorization: Callable[[Credential], Mapping[str, str]],
    ) -> Provider:
        name = codec.name
        try:
            credential = self._credential(key_variable)
        except KeyMissing as error:
            return Absent(name, f"provider {name} has no key: {error}")
        try:
            headers, secrets = header_values(configured.headers, self.environment)
        except KeyMissing as error:
            return Absent(name, f"provider {name} lacks a header: {error}")
        timeouts = self.settings.timeouts
        model = HttpChatModel(
            codec=WithOptions(codec, configured.options) if configured.options else codec,
            endpoint=Endpoint(
                base_url=base_url,
                credential=credential,
                authorization=authorization,
                headers=headers,
                secrets=secrets,
            ),
            transport=self.transport,
            patience=self._patience,
            bounds=HttpBounds(connect_s=timeouts.connect_s, whole_s=timeouts.whole_s),
        )
        alias = credential.alias if credential else ""
        return self._admitted(model, Settled(model, name, self.log, credential_alias=alias))

    def _credential(self, variable: str) -> Credential | None:
        if not variable:
            return None
        return Credential(f"{variable}#1", keys(variable, self.environment)[0])

    @property
    def _patience(self) -> Patience:
        timeouts = self.settings.timeouts
        return Patience(first_token_s=timeouts.first_token_s, idle_s=timeouts.idle_s)
