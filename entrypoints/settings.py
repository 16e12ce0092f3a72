"""All settings: one tree of values, from a TOML file and the environment.

The environment wins: ``LLMSERVICE_GRPC__PORT=0`` sets ``port`` of ``[grpc]``. What is not known here is an
error that names its path, so that a typing mistake is never silently a default. Secrets are not settings:
a provider names the variable that holds its key.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import cattrs
from attrs.validators import ge, gt, in_, le, min_len

from adapters.scripted.script import Step
from entrypoints.base_url import check_base_url
from entrypoints.settings_errors import sentences
from entrypoints.settings_values import plain_converter

PREFIX = "LLMSERVICE_"
RESERVED = frozenset({"LLMSERVICE_CONFIG", "LLMSERVICE_LOG_LEVEL", "LLMSERVICE_TARGET"})
"""Variables with our prefix that are not settings of the tree."""


class SettingsError(Exception):
    """The settings make no sense; the message names each path and what to do."""


@attrs.frozen(kw_only=True)
class GrpcSettings:
    """The gRPC front door.

    Attributes:
        host: Name or address to listen at.
        port: 0 picks a free one.
        http2_engine: ``nghttp2``, ``h2``, or ``auto`` for the faster one that is there.
        max_message_bytes: Longest message taken from a client.
        max_streams: Calls a client may have open at once on one connection.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=50051, validator=[ge(0), le(65535)])
    http2_engine: str = attrs.field(default="auto", validator=in_(("auto", "nghttp2", "h2")))
    max_message_bytes: int = attrs.field(default=4 * 1024 * 1024, validator=ge(1024))
    max_streams: int = attrs.field(default=100, validator=ge(1))


@attrs.frozen(kw_only=True)
class LocalSettings:
    """The embedded model, provider ``local``.

    Attributes:
        enabled: Whether it is offered.
        model: Its public name.
        model_path: A GGUF file; empty: the small model that comes with the extra ``local``.
        context_tokens: Prompt and answer together, shared by the slots.
        load: ``lazy``: at the first call, which everything else then waits for, for half a second;
            ``eager``: before the server is ready.
        slots: Answers at once.
        max_prompt_tokens: Longest prompt taken; reading it cannot be interrupted quickly.
        max_tokens: Bound on an answer that asks for none.
    """

    enabled: bool = True
    model: str = attrs.field(default="smollm2-135m-instruct", validator=min_len(1))
    model_path: str = ""
    context_tokens: int = attrs.field(default=4096, validator=ge(256))
    load: str = attrs.field(default="lazy", validator=in_(("lazy", "eager")))
    slots: int = attrs.field(default=2, validator=[ge(1), le(64)])
    max_prompt_tokens: int = attrs.field(default=1536, validator=ge(1))
    max_tokens: int = attrs.field(default=512, validator=ge(1))


@attrs.frozen(kw_only=True)
class TimeoutSettings:
    """Patience with providers, in seconds; a call may ask for its own.

    Attributes:
        connect_s: For a connection, TLS included.
        first_token_s: From the start of an attempt to its first content.
        idle_s: Between two pieces of content.
        whole_s: For an answer that is not streamed.
    """

    connect_s: float = attrs.field(default=10.0, validator=gt(0))
    first_token_s: float = attrs.field(default=300.0, validator=gt(0))
    idle_s: float = attrs.field(default=120.0, validator=gt(0))
    whole_s: float = attrs.field(default=600.0, validator=gt(0))


@attrs.frozen(kw_only=True)
class CompatibleSettings:
    """An OpenAI-compatible endpoint.

    Attributes:
        base_url: Up to and including the version, e.g. ``https://host/v1``.
        api_key_env: Variable that holds the key (``NAME_FILE`` may name a file
            instead); empty: the endpoint wants none.
        models: What `ListModels` shows; any other name is still passed on.
        allow_plain_http: Accept ``http://`` for an address that is not loopback.
        max_tokens_field: What the endpoint calls the bound on the answer.
    """

    base_url: str
    api_key_env: str = ""
    models: tuple[str, ...] = ()
    allow_plain_http: bool = False
    max_tokens_field: str = attrs.field(
        default="max_tokens", validator=in_(("max_tokens", "max_completion_tokens"))
    )

    def __attrs_post_init__(self) -> None:
        """Refuse an address that is none, or where others could read the key on its way.

        Raises:
            ValueError: See `check_base_url`.
        """
        check_base_url(self.base_url, allow_plain_http=self.allow_plain_http)


@attrs.frozen(kw_only=True)
class NativeSettings:
    """A provider that is known by name: ``openai``, ``anthropic``, ``gemini``, ``openrouter`` or ``mistral``.

    The first four are there without being configured.

    Attributes:
        kind: Which of them.
        base_url: Empty: what its variable says (``OPENAI_BASE_URL`` and so on), else its own address.
        api_key_env: Variable that holds the key; empty: its own (``OPENAI_API_KEY`` and so on).
        allow_plain_http: Accept ``http://`` for an address that is not loopback.
    """

    kind: str
    base_url: str = ""
    api_key_env: str = ""
    allow_plain_http: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse an address that is none.

        Raises:
            ValueError: See `check_base_url`.
        """
        if self.base_url:
            check_base_url(self.base_url, allow_plain_http=self.allow_plain_http)


@attrs.frozen(kw_only=True)
class ScriptedSettings:
    """A provider that plays scripts, for demos and load.

    Attributes:
        models: Model's name -> the steps it plays.
    """

    models: Mapping[str, tuple[Step, ...]] = attrs.field(validator=min_len(1))


ProviderSettings: TypeAlias = CompatibleSettings | ScriptedSettings | NativeSettings
NATIVE_KINDS = ("openai", "anthropic", "gemini", "openrouter", "mistral")
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


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        providers: By the name that calls use.
    """

    grpc: GrpcSettings = GrpcSettings()
    local: LocalSettings = LocalSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    providers: Mapping[str, ProviderSettings] = attrs.field(factory=dict, validator=_named)


def load_settings(
    path: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of the file at `path`, overridden by `environment`.

    Args:
        path: ``None``: the file that ``LLMSERVICE_CONFIG`` names, else
            ``llmservice.toml`` in the current folder if it is there, else none.
        environment: Variables by name.

    Raises:
        SettingsError: A file cannot be read, or something in it is not known
            or not valid.
    """
    tree = _read(path, environment)
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in RESERVED:
            _override(tree, name, value)
    return structure(tree)


def structure(tree: Mapping[str, Any]) -> Settings:
    """Return `tree`, as TOML gives it, as settings.

    Raises:
        SettingsError: Names the path of everything that is not known or not valid.
    """
    try:
        return _CONVERTER.structure(tree, Settings)
    except cattrs.BaseValidationError as error:
        raise SettingsError("; ".join(sentences(error))) from None


def _read(path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = path or (
        Path(environment["LLMSERVICE_CONFIG"]) if environment.get("LLMSERVICE_CONFIG") else None
    )
    chosen = named or Path("llmservice.toml")
    if named is None and not chosen.is_file():
        return {}
    try:
        return tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{chosen}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{chosen}: is not valid TOML: {error}") from None


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    path = name.removeprefix(PREFIX).lower().split("__")
    if len(path) == 1 or not all(path):
        raise SettingsError(f"{name}: is not known; a setting is written LLMSERVICE_SECTION__KEY")
    node = tree
    for key in path[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise SettingsError(f"{name}: {key} is a value, not a section")
    node[path[-1]] = _env_value(name, value)


def _env_value(name: str, value: str) -> Any:
    if not value.startswith(("[", "{")):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: is not a valid list or table: {error}") from None


def _provider(value: Any, _: object) -> ProviderSettings:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table")
    kind = value.get("kind")
    if kind in NATIVE_KINDS:
        return _CONVERTER.structure(value, NativeSettings)
    if kind not in _KINDS:
        raise ValueError(f"'kind' must be one of: {', '.join((*_KINDS, *NATIVE_KINDS))}")
    rest = {key: each for key, each in value.items() if key != "kind"}
    return _CONVERTER.structure(rest, _KINDS[kind])


_KINDS: Mapping[Any, type[ProviderSettings]] = {
    "compatible": CompatibleSettings,
    "scripted": ScriptedSettings,
}


def _make_converter() -> cattrs.Converter:
    converter = plain_converter()
    converter.register_structure_hook(ProviderSettings, _provider)
    return converter


_CONVERTER = _make_converter()
