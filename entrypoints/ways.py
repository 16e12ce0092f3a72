"""How each provider that is spoken to over HTTP is reached: its codec, its address, and how it knows us."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from adapters.http.endpoint import Credential, Endpoint, bearer
from adapters.providers.chat_completions.listing import LISTING
from adapters.providers.compatible.codec import FEATURES, CompatibleConfig, compatible_codec
from adapters.wire.codec import Codec
from adapters.wire.listing import Listing
from adapters.wire.options import WithOptions
from domain.policy.fetching import Fetches
from domain.services.absent import Absent
from entrypoints.base_url import check_base_url
from entrypoints.credentials import KeyMissing, header_values, keys
from entrypoints.natives import NATIVES
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.native import NativeSettings

Authorization: TypeAlias = Callable[[Credential], Mapping[str, str]]
"""Gives the headers that show a credential."""


@attrs.frozen(kw_only=True)
class Way:
    """The home to one provider.

    Attributes:
        lanes: Its address with each of its keys, by what records call the key; empty: it wants none.
        listing: How it is asked for its models.
        fetches: What it fetches by itself.
        declared: Names of models that the settings name.
    """

    codec: Codec
    lanes: Mapping[str, Endpoint]
    listing: Listing
    fetches: Fetches
    declared: tuple[str, ...]

    @property
    def alias(self) -> str:
        """What records call its first key; empty: it wants none."""
        return next(iter(self.lanes))

    @property
    def endpoint(self) -> Endpoint:
        """Its address with its first key."""
        return self.lanes[self.alias]


def way_to(
    name: str, configured: CompatibleSettings | NativeSettings, environment: Mapping[str, str]
) -> Way | Absent:
    """Return the home to the provider called `name`; `Absent` where a key or an address is missing."""
    if isinstance(configured, NativeSettings):
        return _native(name, configured, environment)
    proof = _proof(name, configured.api_key_env, configured, environment)
    if isinstance(proof, Absent):
        return proof
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
    fetches: Fetches = {"image/": configured.fetches} if configured.fetches else {}
    lanes = proof.lanes(configured.base_url, bearer)
    return _way(codec, configured, lanes, LISTING, fetches)


@attrs.frozen
class _Proof:
    """What a provider knows us by.

    Attributes:
        headers: Sent with every request; `secrets`: those of their values that no answer may show.
    """

    credentials: Sequence[Credential | None]
    headers: Mapping[str, str]
    secrets: tuple[str, ...]

    def lanes(self, base_url: str, authorization: Authorization) -> Mapping[str, Endpoint]:
        """Return the address with each of the keys, by what records call the key."""
        return {
            credential.alias if credential else "": Endpoint(
                base_url=base_url,
                credential=credential,
                authorization=authorization,
                headers=self.headers,
                secrets=self.secrets,
            )
            for credential in self.credentials
        }


def _native(name: str, configured: NativeSettings, environment: Mapping[str, str]) -> Way | Absent:
    native = NATIVES[configured.kind]
    base_url = configured.base_url or environment.get(native.home.base_url_variable, "")
    if base_url and not configured.base_url:
        try:
            check_base_url(base_url, allow_plain_http=configured.allow_plain_http)
        except ValueError as error:
            variable = native.home.base_url_variable
            return Absent(name, f"provider {name} has no address: {variable}: {error}")
    key_variable = configured.api_key_env or native.home.key_variable
    proof = _proof(name, key_variable, configured, environment)
    if isinstance(proof, Absent):
        # How it is spoken to need not be known.
        return proof
    spoken = native.spoken
    lanes = proof.lanes(base_url or native.home.base_url, spoken.authorization)
    codec, listing = spoken.codec(name, configured), spoken.listing(configured)
    return _way(codec, configured, lanes, listing, spoken.fetches(configured))


def _proof(
    name: str,
    key_variable: str,
    configured: CompatibleSettings | NativeSettings,
    environment: Mapping[str, str],
) -> _Proof | Absent:
    try:
        credentials = _credentials(key_variable, environment)
    except KeyMissing as error:
        return Absent(name, f"provider {name} has no key: {error}")
    try:
        headers, secrets = header_values(configured.headers, environment)
    except KeyMissing as error:
        return Absent(name, f"provider {name} lacks a header: {error}")
    return _Proof(credentials, headers, secrets)


def _way(
    codec: Codec,
    configured: CompatibleSettings | NativeSettings,
    lanes: Mapping[str, Endpoint],
    listing: Listing,
    fetches: Fetches,
) -> Way:
    return Way(
        codec=WithOptions(codec, configured.options) if configured.options else codec,
        lanes=lanes,
        listing=listing,
        fetches=fetches,
        declared=tuple(each.pattern for each in configured.models if each.is_name),
    )


def _credentials(variable: str, environment: Mapping[str, str]) -> tuple[Credential | None, ...]:
    """Return the keys of a provider, each once; one that wants none has one None."""
    if not variable:
        return (None,)
    found = dict.fromkeys(keys(variable, environment))
    return tuple(Credential(f"{variable}#{place}", key) for place, key in enumerate(found, 1))
