"""Settings of the providers, sections ``[providers.NAME]``."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
import cattrs
from attrs.validators import in_, min_len

from adapters.scripted.script import Step
from entrypoints.base_url import check_base_url


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


def provider_settings(value: Any, converter: cattrs.Converter) -> ProviderSettings:
    """Return `value`, a table of ``[providers]``, as its kind of settings.

    Raises:
        ValueError: It is no table, or its kind is not known.
    """
    if not isinstance(value, Mapping):
        raise ValueError("must be a table")
    kind = value.get("kind")
    if kind in NATIVE_KINDS:
        return converter.structure(value, NativeSettings)
    if kind not in _KINDS:
        raise ValueError(f"'kind' must be one of: {', '.join((*_KINDS, *NATIVE_KINDS))}")
    rest = {key: each for key, each in value.items() if key != "kind"}
    return converter.structure(rest, _KINDS[kind])


_KINDS: Mapping[Any, type[ProviderSettings]] = {
    "compatible": CompatibleSettings,
    "scripted": ScriptedSettings,
}
