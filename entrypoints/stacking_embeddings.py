"""What stands around each provider that embeds, read from the inside out."""

from collections.abc import Mapping

import attrs
import httpx

from adapters.http.embedding_model import HttpEmbeddingModel
from adapters.http.exchange import HttpBounds
from adapters.providers.compatible.embeddings import CompatibleEmbeddings, compatible_embeddings
from adapters.scripted.embeddings import ScriptedEmbeddings
from adapters.wire.embedding import EmbeddingCodec
from domain.policy.route_book import RouteBook
from domain.services.absent import Absent
from domain.services.admission import Admission
from domain.services.admitted_embedding import AdmittedEmbedding
from domain.services.batched_embedding import BatchedEmbedding
from domain.services.lanes import LanedEmbedding
from domain.services.settle_embedding import SettledEmbedding
from domain.services.stacked_embedding import AbsentEmbedding, StackedEmbedding
from domain.services.timed_embedding import TimedEmbedding
from entrypoints.natives import NATIVES
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings
from entrypoints.settings.timeouts import TimeoutSettings
from entrypoints.ways import way_to
from ports.embedding_model import EmbeddingModel, EmbeddingProvider
from ports.usage_log import UsageLog


@attrs.frozen
class EmbeddingStacker:
    """Puts the services around each provider that embeds.

    Attributes:
        environment: Holds the providers' keys and addresses.
        transport: Towards the providers; whoever opened it closes it.
        log: Takes the records; whoever opened it closes it.
        admission: Lets calls in.
        book: Knows how routes do.
    """

    timeouts: TimeoutSettings
    environment: Mapping[str, str]
    transport: httpx.AsyncBaseTransport
    log: UsageLog
    admission: Admission
    book: RouteBook = attrs.field(factory=RouteBook)

    def provider(self, name: str, configured: ProviderSettings) -> EmbeddingProvider | None:
        """Return what embeds of the provider called `name`; None: nothing does.

        It is `AbsentEmbedding` where a key or an address is missing.
        """
        if isinstance(configured, ScriptedSettings):
            scripts = configured.embedding_models
            if not scripts:
                return None
            return self.timed(ScriptedEmbeddings(name=name, scripts=scripts, plays_kept=0))
        if isinstance(configured, NativeSettings) and not NATIVES[configured.kind].embeds:
            return None
        way = way_to(name, configured, self.environment)
        if isinstance(way, Absent):
            return AbsentEmbedding(name, way.remedy)
        codec = _codec(name, configured)
        lanes = {
            alias: HttpEmbeddingModel(
                codec=codec,
                endpoint=endpoint,
                transport=self.transport,
                bounds=HttpBounds(connect_s=self.timeouts.connect_s, whole_s=self.timeouts.whole_s),
            )
            for alias, endpoint in way.lanes.items()
        }
        settled = {
            alias: SettledEmbedding(
                lane, name, self.log, credential_alias=alias, prices=self.admission.prices
            )
            for alias, lane in lanes.items()
        }
        laned = LanedEmbedding(name, settled, self.book)
        return self._admitted(lanes[way.alias], laned)

    def timed(self, provider: EmbeddingProvider) -> EmbeddingProvider:
        """Return `provider`, which keeps no time itself, timed, settled and within limits."""
        timed = TimedEmbedding(provider, self.timeouts.whole_s)
        settled = SettledEmbedding(timed, provider.name, self.log, prices=self.admission.prices)
        return self._admitted(provider, settled)

    def _admitted(self, provider: EmbeddingProvider, settled: EmbeddingModel) -> EmbeddingProvider:
        batched = BatchedEmbedding(settled, provider)
        return StackedEmbedding(provider, AdmittedEmbedding(batched, provider.name, self.admission))


def _codec(name: str, configured: CompatibleSettings | NativeSettings) -> EmbeddingCodec:
    if isinstance(configured, NativeSettings):
        make = NATIVES[configured.kind].spoken.embeddings
        assert make is not None, "it was asked before whether there is one"
        return make(name, configured)
    return compatible_embeddings(
        CompatibleEmbeddings(
            name=name,
            models=configured.embedding_models,
            open_ended=not configured.only_listed,
            max_inputs=configured.max_embedding_inputs,
        )
    )
