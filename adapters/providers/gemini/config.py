"""What is set where a Gemini provider is made."""

from collections.abc import Mapping, Sequence

import attrs

from adapters.providers.gemini.media import FETCHED
from adapters.providers.gemini.models import LISTED, MODELS, ModelFacts, ModelTable
from adapters.wire.overrides import Override


@attrs.frozen(kw_only=True)
class GeminiConfig:
    """One provider that speaks generateContent.

    Attributes:
        name: The provider's configured name.
        version: Of the API; the first part of every path.
        listed: Names of the models that are shown; others are passed on too.
        facts: Further entries for the table of models, by the beginning of the name; they win.
        overrides: What the settings say of models; it wins over `facts`.
        fetched: Beginnings of the addresses that Gemini reads by itself.
    """

    name: str = "gemini"
    version: str = "v1beta"
    listed: Sequence[str] = LISTED
    facts: Mapping[str, ModelFacts] = attrs.field(factory=dict)
    overrides: Sequence[Override] = ()
    fetched: tuple[str, ...] = FETCHED

    def table(self) -> ModelTable:
        """Return all facts."""
        return ModelTable({**MODELS, **self.facts}, self.overrides)
