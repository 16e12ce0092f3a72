"""What stands around each provider, and what around all of them, read from the inside out."""

from collections.abc import Awaitable, Callable, Mapping

import anyio
import anyio.lowlevel
import attrs
import httpx

from adapters.http.chat_model import HttpChatModel
from adapters.http.exchange import HttpBounds
from adapters.scripted.provider import Scripted
from domain.model.chat import OnDisconnect
from domain.policy.fingerprint import digest
from domain.policy.hedge import HedgePolicy
from domain.policy.patience import Patience
from domain.policy.retry import RetryPolicy
from domain.policy.retry_budget import BudgetPolicy
from domain.policy.route_book import RouteBook
from domain.services.absent import Absent
from domain.services.admission import Admission, Admitted
from domain.services.chosen import Chosen
from domain.services.coalesced import Coalesced
from domain.services.deadline import Timed
from domain.services.drained import Drained
from domain.services.drains import Drains
from domain.services.hedged import Hedged
from domain.services.idempotent import Idempotent
from domain.services.inlined import Inlined
from domain.services.keybook import Keybook
from domain.services.lanes import Laned
from domain.services.public_names import PublicNames
from domain.services.recalled import Keeping, Kept, Recalled
from domain.services.retried import Retried
from domain.services.route import Routed
from domain.services.routes import Routes
from domain.services.settle import Settled
from domain.services.signed import Signer
from domain.services.stacked import Stacked
from entrypoints.public_names import catalogue, watching
from entrypoints.settings.hedge import HedgeSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings
from entrypoints.settings.retry import RetrySettings
from entrypoints.settings.tree import Settings
from entrypoints.ways import Way, way_to
from ports.chat_model import ChatModel
from ports.media_source import MediaSource
from ports.provider import Provider
from ports.usage_log import UsageLog


@attrs.frozen
class Route:
    """The way to one provider.

    Attributes:
        provider: With what stands around it alone.
        maker: Digest of how it is configured; empty: it is not.
        on_disconnect: What becomes of an answer whose caller leaves, where the call does not say.
    """

    provider: Provider
    maker: bytes = b""
    on_disconnect: OnDisconnect = OnDisconnect.CANCEL


@attrs.frozen
class Stacker:
    """Puts the services around the providers.

    Attributes:
        environment: Holds the providers' keys and addresses.
        transport: Towards the providers; whoever opened it closes it.
        log: Takes the records; whoever opened it closes it.
        admission: Lets calls in.
        drains: Where answers are read on whose callers are gone; whoever opened it closes it.
        media: Where media come from that a provider does not fetch; ``None``: from nowhere.
        keeping: How answers are kept that are given again.
        keys: What callers have asked under keys; its stage is where shared answers are played.
        book: Knows how routes do; every provider is entered with its keys.
        clock: The event loop's, in seconds.
        checkpoint: Looks whether the task is cancelled.
    """

    settings: Settings
    environment: Mapping[str, str]
    transport: httpx.AsyncBaseTransport
    log: UsageLog
    admission: Admission
    drains: Drains
    media: MediaSource | None
    keeping: Keeping
    keys: Keybook
    book: RouteBook
    clock: Callable[[], float] = anyio.current_time
    checkpoint: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint_if_cancelled

    def service(self, routes: Mapping[str, Route]) -> Routed:
        """Return `routes`, by provider's name, behind one model: what every call goes through once.

        Raises:
            NotConfigured: A public name is to use a key that its provider does not have.
        """
        providers = {name: route.provider for name, route in routes.items()}
        policies = {name: route.on_disconnect for name, route in routes.items()}
        sign = Signer({name: route.maker for name, route in routes.items()})
        most = self.settings.retry.max_attempts
        hedged = Hedged(Routes(providers), hedging(self.settings.hedge), most)
        retried = Retried(hedged, *retrying(self.settings.retry))
        # Around admission: what is read on holds its limits until its end.
        names = catalogue(self.settings.models, self.book.keys)
        # Below what is given again, which is there even while all routes are left alone.
        chosen = Chosen(retried, names, self.book, clock=self.clock)
        drained = Drained(chosen, self.drains, of_providers=policies)
        # Outermost: what is given again costs no limits. Who may ask was checked before.
        kept = Kept(drained, self.keeping, sign)
        cache = self.settings.response_cache
        shared = Coalesced(kept, sign, self.keys.stage, cache.buffer_bytes, cache.with_tools)
        recalled = Recalled(shared, self.keeping, sign)
        top = Idempotent(recalled, sign, self.keys)
        # What a call needs of all this that asks for none of it.
        plain = drained if OnDisconnect.DRAIN in policies.values() else chosen
        return Routed(providers, top, PublicNames(names, providers, self.book), plain)

    def route(self, name: str, configured: ProviderSettings) -> Route:
        """Return the way to the provider called `name`: `Absent` where a key or an address is missing."""
        policy = OnDisconnect(configured.on_disconnect)
        if isinstance(configured, ScriptedSettings):
            scripted = Scripted(name=name, scripts=configured.models, plays_kept=0)
            return Route(self.timed(scripted), digest(configured), policy)
        found = way_to(name, configured, self.environment)
        if isinstance(found, Absent):
            return Route(found)
        maker = digest((configured, found.endpoint.base_url))
        return Route(self._http(found), maker, policy)

    def timed(self, provider: Provider) -> Provider:
        """Return `provider`, which keeps no time itself, timed, settled and within limits."""
        settled = Settled(
            Timed(provider, self._patience),
            provider.name,
            self.log,
            prices=self.admission.prices,
            clock=self.clock,
            checkpoint=self.checkpoint,
        )
        return self._admitted(Stacked(provider, self._laned(provider.name, {"": settled})))

    def _http(self, way: Way) -> Provider:
        timeouts = self.settings.timeouts
        lanes = {
            alias: HttpChatModel(
                codec=way.codec,
                endpoint=endpoint,
                transport=self.transport,
                patience=self._patience,
                bounds=HttpBounds(connect_s=timeouts.connect_s, whole_s=timeouts.whole_s),
                clock=self.clock,
            )
            for alias, endpoint in way.lanes.items()
        }
        model = lanes[way.alias]
        settled = {
            alias: Settled(
                lane,
                model.name,
                self.log,
                credential_alias=alias,
                prices=self.admission.prices,
                clock=self.clock,
                checkpoint=self.checkpoint,
            )
            for alias, lane in lanes.items()
        }
        laned = self._laned(model.name, settled)
        return self._admitted(Stacked(model, self._inlined(laned, way)))

    def _admitted(self, provider: Stacked) -> Provider:
        return Stacked(provider, Admitted(provider, provider, self.admission))

    def _laned(self, name: str, settled: Mapping[str, ChatModel]) -> ChatModel:
        # Inside admission, so that a key is chosen when it is about to be used.
        self.book.keys[name] = tuple(settled)
        if len(settled) == 1 and not watching(self.settings):
            return next(iter(settled.values()))
        return Laned(name, settled, self.book, self.clock)

    def _inlined(self, settled: ChatModel, way: Way) -> ChatModel:
        # Inside admission, so that nobody who is not let in makes us fetch; outside the account of attempts.
        if self.media is None:
            return settled
        limits = self.settings.media
        return Inlined(
            inner=settled,
            source=self.media,
            fetches=way.fetches,
            call_bytes=limits.call_bytes,
            parallel=limits.parallel,
        )

    @property
    def _patience(self) -> Patience:
        timeouts = self.settings.timeouts
        return Patience(first_token_s=timeouts.first_token_s, idle_s=timeouts.idle_s)


def retrying(settings: RetrySettings) -> tuple[RetryPolicy, BudgetPolicy]:
    """Return `settings` in the words of the core."""
    policy = RetryPolicy(
        max_attempts=settings.max_attempts,
        base_s=settings.base_s,
        max_s=settings.max_s,
        max_wait_s=settings.max_wait_s,
        accepted=settings.after_accept,
    )
    budget = BudgetPolicy(
        ratio=settings.budget_ratio,
        min_per_s=settings.budget_min_per_s,
        burst=settings.budget_burst,
    )
    return policy, budget


def hedging(settings: HedgeSettings) -> HedgePolicy:
    """Return `settings` in the words of the core."""
    return HedgePolicy(
        after_s=settings.after_s or None,
        by_p95=settings.after_p95,
        min_s=settings.min_s,
        budget=BudgetPolicy(
            ratio=settings.budget_ratio,
            min_per_s=settings.budget_min_per_s,
            burst=settings.budget_burst,
        ),
    )
