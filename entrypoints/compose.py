"""Where the onion is stacked: the only place that knows everything.

A call is validated, routed, checked against what its model takes, let in as its limits allow, settled, and
answered by the provider, which is waited for only as long as it is worth.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from loguru import logger

from adapters.http.media import HttpMedia
from adapters.http.transport.connection import SocketConnect
from adapters.http.transport.opening import open_transport
from adapters.http.transport.proxies import proxies_from_environment
from adapters.local.config import Load, LocalConfig
from adapters.local.embeddings import open_local_embeddings
from adapters.local.engine import Loaded, Loading
from adapters.local.presence import missing
from adapters.local.provider import open_local
from domain.policy.drain import DrainBounds
from domain.policy.fingerprint import digest
from domain.services.absent import Absent
from domain.services.drains import open_drains
from domain.services.keybook import Keybook, KeyBounds
from domain.services.route_embedding import EmbeddingRouted
from domain.services.service import Service
from domain.services.stacked_embedding import AbsentEmbedding
from domain.services.stage import open_stage
from domain.services.usage_reader import UsageReader
from entrypoints.account import Account, open_account
from entrypoints.answer_store import keeping, open_response_cache
from entrypoints.event_loop import loop_checkpoint, loop_clock, loop_readable
from entrypoints.inside import Inside
from entrypoints.limit_store import open_limiter
from entrypoints.limits import admission
from entrypoints.natives import NATIVES
from entrypoints.prices import price_book
from entrypoints.public_names import route_book
from entrypoints.settings.drain import DrainSettings
from entrypoints.settings.idempotency import IdempotencySettings
from entrypoints.settings.local import LocalSettings
from entrypoints.settings.media import MediaSettings
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.tree import Settings
from entrypoints.stacking import Route, Stacker
from entrypoints.stacking_embeddings import EmbeddingStacker
from ports.embedding_model import EmbeddingProvider
from ports.media_source import MediaSource
from ports.provider import Provider


def _silent(_: str) -> None:
    pass


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    environment: Mapping[str, str] = os.environ,
    account: Account | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    progress: Callable[[str], None] = _silent,
    inside: Inside | None = None,
) -> AsyncIterator[Service]:
    """Open the whole service, for use in this process.

    Args:
        settings: What is configured.
        environment: Holds the providers' keys.
        account: Keeps the records, and knows what budgets are spent; ``None``: what the settings say. Whoever
            opened it closes it.
        transport: The way to the providers; ``None``: over the network, as the environment says. Whoever
            opened it closes it.
        progress: Told in a sentence what takes long, and which provider is missing what; may be
            called from another thread.
        inside: Is filled in, for those who watch the service.

    Raises:
        NotConfigured: The embedded model is to be loaded now, and cannot be; or a public name is to use a
            key that its provider does not have.
        AccountUnusable: The account cannot be opened.
        CacheUnusable: Answers cannot be kept where the settings say.
        LimitsUnusable: Limits cannot be kept where the settings say.

    Resource handling:
        The block owns every connection and thread of the service. Calls end before it does; what is read on
        for the account alone has as long as a server gives to calls when it goes away.
    """
    clock = loop_clock()
    async with AsyncExitStack() as stack:
        if account is None:
            # First, so that it is open until every record is written.
            opened = open_account(settings.account, environment, progress)
            account = await stack.enter_async_context(opened)
        log = account.log
        if transport is None:
            opened_way = open_transport(
                proxies=proxies_from_environment(),
                connect=SocketConnect(wait_readable=loop_readable()),
                clock=clock,
            )
            transport = await stack.enter_async_context(opened_way)
        limiter = await stack.enter_async_context(
            open_limiter(settings.limits, environment, progress, account.spending)
        )
        admitting = admission(settings.limits, limiter, price_book(settings))
        cache = await stack.enter_async_context(
            open_response_cache(settings.response_cache, environment, progress)
        )
        book = route_book(settings)
        embedding = EmbeddingStacker(
            settings.timeouts, environment, transport, log, admitting, book
        )
        routes: dict[str, Route] = {}
        embeddings: dict[str, EmbeddingProvider | None] = {}
        local = None
        if settings.local.enabled:
            local = await _local(settings.local, stack, progress)
            embeddings["local"] = await _local_embeddings(
                settings.local, embedding, stack, progress
            )
        # After all that an answer needs on its way, which is so still there while it is read on.
        drains = await stack.enter_async_context(
            open_drains(drain_bounds(settings.drain), settings.grpc.drain_grace_s, _told_of)
        )
        stage = await stack.enter_async_context(open_stage(_told_of))
        stacker = Stacker(
            settings,
            environment,
            transport,
            log,
            admitting,
            drains,
            media_source(settings.media),
            keeping(settings.response_cache, cache),
            Keybook(key_bounds(settings.idempotency), stage),
            book,
            clock,
            loop_checkpoint(),
        )
        if local is not None:
            routes["local"] = (
                Route(local)
                if isinstance(local, Absent)
                else Route(stacker.timed(local), digest(settings.local))
            )
        offered = {
            kind: NativeSettings(kind=kind) for kind, each in NATIVES.items() if each.offered
        }
        for name, configured in {**offered, **settings.providers}.items():
            routes[name] = stacker.route(name, configured)
            embeddings[name] = embedding.provider(name, configured)
        for route in routes.values():
            if isinstance(route.provider, Absent):
                progress(f"{route.provider.remedy}; until then it cannot be called")
        reader = UsageReader(account.query)
        service = Service(
            stacker.service(routes), EmbeddingRouted(embeddings), drains, reader, stage
        )
        if inside is not None:
            inside.service, inside.drains, inside.limiter = service, drains, limiter
            inside.book = book
        yield service


async def _local(
    settings: LocalSettings, stack: AsyncExitStack, progress: Callable[[str], None]
) -> Provider:
    config = local_config(settings)
    remedy = missing(config)
    if remedy is not None:
        return Absent("local", remedy)

    tell = _teller(progress, "")
    return await stack.enter_async_context(open_local(config, progress=tell))


async def _local_embeddings(
    settings: LocalSettings,
    stacker: EmbeddingStacker,
    stack: AsyncExitStack,
    progress: Callable[[str], None],
) -> EmbeddingProvider:
    config = local_config(settings)
    remedy = missing(config)
    if remedy is not None:
        return AbsentEmbedding("local", remedy)
    opened = open_local_embeddings(config, progress=_teller(progress, " for embeddings"))
    return stacker.timed(await stack.enter_async_context(opened))


def _teller(progress: Callable[[str], None], use: str) -> Callable[[Loading | Loaded], None]:
    def tell(event: Loading | Loaded) -> None:
        if isinstance(event, Loading):
            progress(f"loading the embedded model {event.model}{use}")
        else:
            progress(f"the embedded model {event.model} is loaded{use}, in {event.load_s:.1f} s")

    return tell


def _told_of(error: Exception) -> None:
    logger.opt(exception=error).error("an answer that nobody hears any more failed: this is a bug")


def drain_bounds(settings: DrainSettings) -> DrainBounds:
    """Return `settings` in the words of the core."""
    return DrainBounds(
        max_streams=settings.max_streams, max_s=settings.max_s, max_bytes=settings.max_bytes
    )


def key_bounds(settings: IdempotencySettings) -> KeyBounds:
    """Return `settings` in the words of the core."""
    return KeyBounds(
        keep_s=settings.keep_s,
        max_keys=settings.max_keys,
        max_bytes=settings.max_bytes,
        max_answer_bytes=settings.max_answer_bytes,
        resume_window_s=settings.resume_window_s,
        max_held=settings.max_held,
    )


def media_source(settings: MediaSettings) -> MediaSource | None:
    """Return where media come from that a provider does not fetch; None: from nowhere."""
    if settings.fetch == "off":
        return None
    return HttpMedia(
        ports=settings.ports,
        item_bytes=settings.item_bytes,
        timeout_s=settings.timeout_s,
        allow_loopback=settings.allow_loopback,
    )


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
