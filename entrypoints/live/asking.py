"""Asks providers whether their address, key and models are good, all at once.

Laws: nothing is spent unless that is said; each provider has its own time; no question outlives the call.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import anyio
import attrs
import httpx

from adapters.http.chat_model import HttpChatModel
from adapters.http.exchange import Exchange, HttpBounds
from adapters.http.listing import PAGE_BYTES, HttpListing, Unlisted
from adapters.http.obstacle import obstacle
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ChatError, ErrorReason
from entrypoints.live.verdict import Verdict
from entrypoints.ways import Way

Asking = Callable[[], Awaitable[Verdict]]
Unproved = Callable[[Verdict], Awaitable[Verdict]]
"""What is done where a provider has no list of models; gets the verdict so far, and gives the last."""

_SUFFIX = re.compile(r"[-:](?:\d[\d-]*|latest)")
"""What a list may add to a name that can be called without it: a date, or ``latest``."""


async def ask_all(
    askings: Mapping[str, Asking], told: Callable[[Verdict], None], patience_s: float
) -> list[Verdict]:
    """Return the verdict on each provider, in the order of `askings`.

    Args:
        askings: By provider's name.
        told: Hears each verdict as it comes.
        patience_s: With each provider.
    """
    verdicts: dict[str, Verdict] = {}

    async def ask(name: str, asking: Asking) -> None:
        slow = f"did not answer within {patience_s:g} s"
        verdict = Verdict(provider=name, problem=f"it {slow}", address=slow)
        with anyio.move_on_after(patience_s):
            verdict = await asking()
        verdicts[name] = verdict
        told(verdict)

    async with anyio.create_task_group() as tasks:
        for name, asking in askings.items():
            tasks.start_soon(ask, name, asking)
    return [verdicts[name] for name in askings]


async def ask_http(
    way: Way, transport: httpx.AsyncBaseTransport, connect_s: float, unproved: Unproved
) -> Verdict:
    """Return the verdict on the provider at `way`."""
    bounds = HttpBounds(connect_s=connect_s, body_bytes=PAGE_BYTES)
    source = HttpListing(
        codec=way.codec,
        listing=way.listing,
        exchange=Exchange(way.endpoint, transport, bounds),
    )
    keyless = not way.alias
    began_s = anyio.current_time()
    verdict = Verdict(provider=way.codec.name, key="none" if keyless else "unknown")
    try:
        await source.check_key()
        models = await source.models()
    except ChatError as error:
        verdict = attrs.evolve(verdict, latency_s=anyio.current_time() - began_s)
        failed = failure(verdict, way, error)
        return await unproved(failed) if isinstance(error, Unlisted) else failed
    listed = {each.name for each in models}
    missing = tuple(name for name in way.declared if not is_listed(name, listed, way))
    ours = [each.model for each in way.codec.models() if each.model not in way.declared]
    return attrs.evolve(
        verdict,
        latency_s=anyio.current_time() - began_s,
        key=verdict.key if keyless else "accepted",
        models=models,
        capabilities=_capabilities(way, listed),
        missing=missing,
        unavailable=tuple(name for name in ours if not is_listed(name, listed, way)),
        problem=f"it does not list {', '.join(missing)}" if missing else "",
    )


def _capabilities(way: Way, listed: Collection[str]) -> Mapping[str, Sequence[str]]:
    known = {name: way.codec.info(name) for name in listed}
    return {name: sorted(info.features) for name, info in known.items() if info is not None}


def is_listed(name: str, listed: Collection[str], way: Way) -> bool:
    """Return whether one of `listed` is what a call means with `name`."""
    plain, _, variant = name.rpartition(":")
    if variant in way.listing.variants:
        name = plain
    return name in listed or any(
        each.startswith(name) and _SUFFIX.fullmatch(each, len(name)) for each in listed
    )


def failure(verdict: Verdict, way: Way, error: ChatError) -> Verdict:
    """Return `verdict` with what `error` says."""
    hindered = obstacle(error)
    where = way.endpoint.base_url
    if hindered is not None:
        return attrs.evolve(
            verdict, address=hindered.value, problem=f"{where}: {hindered.value}", latency_s=None
        )
    status = error.upstream_status
    if error.reason is ErrorReason.PROVIDER_AUTH_FAILED or status in (401, 403):
        return attrs.evolve(
            verdict,
            key=f"refused ({status})",
            problem=f"the key is refused ({status}): {error.message}",
        )
    answered = "" if status is None else f" ({status})"
    return attrs.evolve(verdict, problem=f"{where}{answered}: {error.message}")


async def say_unproved(verdict: Verdict) -> Verdict:  # noqa: ASYNC124 - as one that waits
    """Return `verdict` with what could prove the provider."""
    remedy = "check its base_url, or say --spend to ask a model for one token"
    return attrs.evolve(verdict, problem=f"{verdict.problem}; {remedy}")


async def spend_a_token(
    verdict: Verdict, way: Way, transport: httpx.AsyncBaseTransport, connect_s: float
) -> Verdict:
    """Return the verdict after each model in the settings was asked for one token."""
    if not way.declared:
        return attrs.evolve(
            verdict, problem=f"{verdict.problem}; name a model of it in the settings"
        )
    bounds = HttpBounds(connect_s=connect_s)
    model = HttpChatModel(
        codec=way.codec, endpoint=way.endpoint, transport=transport, bounds=bounds
    )
    for name in way.declared:
        try:
            async with model.stream(_shortest(way.codec.name, name)) as events:
                async for _ in events:
                    pass
        except ChatError as error:
            failed = failure(verdict, way, error)
            return attrs.evolve(failed, problem=f"{name}: {failed.problem}")
    asked = ", ".join(way.declared)
    key = verdict.key if verdict.key == "none" else "accepted"
    return attrs.evolve(verdict, problem="", key=key, note=f"spent a token on each of {asked}")


def _shortest(provider: str, model: str) -> ChatCall:
    said = Message(role=Role.USER, parts=(Text(text="Hi"),))
    request = ChatRequest(provider=provider, model=model, messages=(said,), max_tokens=1)
    return ChatCall(request=request, delivery=Delivery.WHOLE)
