"""Settings of a provider that is known by name, ``[providers.NAME] kind = "openai"`` and so on."""

import re
from collections.abc import Mapping

import attrs
from attrs.validators import matches_re

from adapters.wire.overrides import Override
from domain.model.json_value import JsonObject
from entrypoints.base_url import check_base_url
from entrypoints.settings.drain import check_policy
from entrypoints.settings.headers import Header

NATIVE_KINDS = ("openai", "anthropic", "gemini", "openrouter", "mistral", "deepseek", "groq")
OFFERED_KINDS = NATIVE_KINDS[:4]
"""Those that are there without being configured."""
_WORD = re.compile(r"[A-Za-z0-9._-]*")
_SHOWN = re.compile(r"[^\x00-\x1f\x7f]*")


def _words(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", words: tuple[str, ...]
) -> None:
    for word in words:
        if not word or not _WORD.fullmatch(word):
            raise ValueError(f"'{attribute.name}' must be names of letters, digits, . _ and -")


@attrs.frozen(kw_only=True)
class NativeSettings:
    """A provider that is known by name, one of `NATIVE_KINDS`.

    The first four are there without being configured.

    Attributes:
        kind: Which of them.
        base_url: Empty: what its variable says (``OPENAI_BASE_URL`` and so on), else its own address.
        api_key_env: Variable that holds the key; empty: its own (``OPENAI_API_KEY`` and so on).
        models: What is said of models, over what the codec's table says.
        headers: Sent with every request.
        options: Fields of the body that are sent unless a call says otherwise, for example
            ``service_tier``.
        allow_plain_http: Accept ``http://`` for an address that is not loopback.
        on_disconnect: What becomes of an answer whose caller leaves before its end: ``cancel``; ``drain``
            reads it on, within the bounds of ``[drain]``, so that its cost is known.
        organization: OpenAI's; whose account pays, where the key belongs to several.
        project: OpenAI's; which of its projects.
        api_version: Anthropic's and Gemini's; empty: the codec's own.
        betas: Anthropic's; names for the header ``anthropic-beta``.
        fetches: Gemini's; beginnings of further addresses that it fetches by itself, e.g. ``https://``.
        referer: OpenRouter's; address of the application, for its listings.
        title: OpenRouter's; name of the application there.
        require_parameters: OpenRouter's; ask only those who take all that a request asks for.
    """

    kind: str
    base_url: str = ""
    api_key_env: str = ""
    models: tuple[Override, ...] = ()
    headers: Mapping[str, Header] = attrs.field(factory=dict)
    options: JsonObject = attrs.field(factory=dict)
    allow_plain_http: bool = False
    on_disconnect: str = attrs.field(default="cancel", validator=check_policy)
    organization: str = attrs.field(default="", validator=matches_re(_WORD))
    project: str = attrs.field(default="", validator=matches_re(_WORD))
    api_version: str = attrs.field(default="", validator=matches_re(_WORD))
    betas: tuple[str, ...] = attrs.field(default=(), validator=_words)
    fetches: tuple[str, ...] = ()
    referer: str = attrs.field(default="", validator=matches_re(_SHOWN))
    title: str = attrs.field(default="", validator=matches_re(_SHOWN))
    require_parameters: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse an address that is none.

        Raises:
            ValueError: See `check_base_url`.
        """
        if self.base_url:
            check_base_url(self.base_url, allow_plain_http=self.allow_plain_http)
