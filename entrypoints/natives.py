"""The providers that are known by name: where each is, and how it is spoken to.

How they are spoken to is imported when somebody wants to know: a server may have a key for none of them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from adapters.providers.anthropic.home import HOME as ANTHROPIC
from adapters.providers.deepseek.home import HOME as DEEPSEEK
from adapters.providers.gemini.home import HOME as GEMINI
from adapters.providers.groq.home import HOME as GROQ
from adapters.providers.mistral.home import HOME as MISTRAL
from adapters.providers.openai.home import HOME as OPENAI
from adapters.providers.openrouter.home import HOME as OPENROUTER
from adapters.wire.home import ProviderHome

if TYPE_CHECKING:
    from entrypoints.spoken import Spoken


@attrs.frozen(kw_only=True)
class Native:
    """One provider that is known by name.

    Attributes:
        kind: Its name.
        embeds: Whether it can be asked to embed.
        offered: Whether it is there without being configured, and called missing without a key.
    """

    kind: str
    home: ProviderHome
    embeds: bool = True
    offered: bool = True

    @property
    def spoken(self) -> "Spoken":
        """How it is spoken to."""
        from entrypoints.spoken import SPOKEN  # noqa: PLC0415 - 60 ms of a cold start

        return SPOKEN[self.kind]


NATIVES: Mapping[str, Native] = {
    each.kind: each
    for each in (
        Native(kind="openai", home=OPENAI),
        Native(kind="anthropic", home=ANTHROPIC, embeds=False),
        Native(kind="gemini", home=GEMINI),
        Native(kind="openrouter", home=OPENROUTER),
        Native(kind="mistral", home=MISTRAL, offered=False),
        Native(kind="deepseek", home=DEEPSEEK, embeds=False, offered=False),
        Native(kind="groq", home=GROQ, embeds=False, offered=False),
    )
}
