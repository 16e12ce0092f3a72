"""Media that a provider does not fetch are given to it as data; without them, the call was never tried."""

import anyio
import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    Media,
    Message,
    Refusal,
    Role,
    Text,
    ToolResult,
)
from domain.model.errors import InvalidRequest
from domain.policy.fetching import Fetches, to_fetch
from domain.services.inlined import MOST, Inlined
from domain.services.settle import Settled
from ports.chat_model import ChatModel
from ports.media_source import Allowance, Fetched, MediaRefused
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import Upstream, ask

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7"
PICTURES: Fetches = {"image/": ("https://",)}


@attrs.define
class Source:
    """Media by address, each after some time."""

    found: dict[str, Fetched | MediaRefused]
    delay_s: float = 1.0
    asked: list[str] = attrs.field(factory=list)
    running: int = 0
    most: int = 0

    async def fetch(self, uri: str, allowance: Allowance, /) -> Fetched:
        """Return what is there."""
        self.asked.append(uri)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await anyio.sleep(self.delay_s)
        finally:
            self.running -= 1
        found = self.found[uri]
        if isinstance(found, MediaRefused):
            raise found
        allowance.take(len(found.data))
        return found


async def drain(model: ChatModel, call: ChatCall) -> None:
    async with model.stream(call) as events:
        async for _ in events:
            pass


def asked(*parts: ContentPart) -> ChatRequest:
    return ChatRequest(model="model", messages=(Message(role=Role.USER, parts=parts),))


def media(name: str, mime_type: str = "image/png") -> Media:
    return Media(uri=f"https://x.test/{name}", mime_type=mime_type)


def source(**found: Fetched | MediaRefused) -> Source:
    return Source({f"https://x.test/{name}": each for name, each in found.items()})


def inlined(upstream: ChatModel, from_: Source, fetches: Fetches | None = None) -> Inlined:
    return Inlined(inner=upstream, source=from_, fetches=fetches or {}, call_bytes=1000, parallel=2)


A = Fetched(PNG, "image/png")


async def test_what_the_provider_cannot_fetch_is_given_as_data(autojump_clock: MockClock) -> None:
    upstream, from_ = Upstream(), source(a=A, b=Fetched(PDF, "application/pdf"))
    result = ToolResult(tool_call_id="t", content=(media("b", "application/pdf"),))
    request = asked(Text(text="x"), Refusal(text="no"), media("a"), result, media("a"))
    await drain(inlined(upstream, from_), ask(request))
    (call,) = upstream.calls
    text, refusal, first, second, third = call.request.messages[0].parts
    assert (text, refusal) == (Text(text="x"), Refusal(text="no"))
    assert first == third == Media(mime_type="image/png", data=PNG)
    assert isinstance(second, ToolResult)
    assert second.content == (Media(mime_type="application/pdf", data=PDF),)
    assert sorted(from_.asked) == ["https://x.test/a", "https://x.test/b"]
    assert trio.current_time() == 1.0


async def test_what_the_provider_fetches_by_itself_is_left_to_it() -> None:
    upstream, from_ = Upstream(), source()
    request = asked(media("a"), Media(file_id="f"), Media(uri="Data:,x"), Media(data=PNG))
    call = ask(request)
    await drain(inlined(upstream, from_, PICTURES), call)
    assert upstream.calls == [call]
    assert from_.asked == []


def test_addresses_are_told_apart_by_kind_and_beginning() -> None:
    own: Fetches = {"": ("https://own.test/",), "image/": ("https://",)}
    parts = (
        media("a"),
        media("b", "application/pdf"),
        Media(uri="https://own.test/c", mime_type=""),
        Media(uri="HTTP://x.test/d.png", mime_type="image/png"),
        Media(uri="https://x.test/e", mime_type=""),
    )
    found = to_fetch(asked(*parts), own)
    assert list(found) == [f"messages[0].parts[{index}].media" for index in (1, 3, 4)]


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        " http://10.0.0.1/",
        "\thttps://10.0.0.1/",
        "ftp://x.test/",
        "",
    ],
)
def test_no_address_is_handed_on_that_the_provider_is_not_known_to_fetch(uri: str) -> None:
    assert to_fetch(asked(Media(uri=uri, mime_type="image/png")), PICTURES)


async def test_all_that_cannot_be_had_is_named_by_its_path(autojump_clock: MockClock) -> None:
    upstream = Upstream()
    log = MemoryUsageLog()
    from_ = source(a=MediaRefused("is gone"), b=Fetched(b"<html>", "text/html"), c=A)
    model = inlined(upstream, from_)
    model = attrs.evolve(model, inner=Settled(upstream, "upstream", log))
    request = asked(media("a"), media("b"), media("c"))
    with pytest.raises(InvalidRequest) as caught:
        await drain(model, ask(request))
    assert [(each.field, each.description) for each in caught.value.violations] == [
        ("messages[0].parts[0].media.uri", "is gone; send the bytes in data instead"),
        (
            "messages[0].parts[1].media.mime_type",
            "https://x.test/b is text/html, and mime_type says image/png",
        ),
    ]
    assert upstream.opened == 0
    assert log.records == ()


async def test_one_call_has_its_share_of_bytes_fetches_and_addresses(
    autojump_clock: MockClock,
) -> None:
    upstream = Upstream()
    from_ = source(**{f"n{index}": A for index in range(4)})
    request = asked(*(media(f"n{index}") for index in range(4)))
    small = attrs.evolve(inlined(upstream, from_), call_bytes=3 * len(PNG))
    with pytest.raises(InvalidRequest, match="together with the other media"):
        await drain(small, ask(request))
    assert from_.most == 2
    many = asked(*(media(f"n{index}") for index in range(MOST + 1)))
    from_.asked.clear()
    with pytest.raises(InvalidRequest, match=f"at most {MOST}"):
        await drain(small, ask(many))
    assert from_.asked == []


async def test_fetching_counts_into_the_calls_deadline(autojump_clock: MockClock) -> None:
    upstream, from_ = Upstream(), source(a=A)
    from_.delay_s = 60.0
    with anyio.move_on_after(5) as scope:
        await drain(inlined(upstream, from_), ask(asked(media("a"))))
    assert scope.cancelled_caught
    assert (from_.running, upstream.opened) == (0, 0)
    assert trio.current_time() == 5.0


async def _cancelled_anywhere(cut: Cut) -> None:
    upstream, from_ = Upstream(), source(a=A, b=A, c=A)
    with cut.here():
        await drain(inlined(upstream, from_), ask(asked(media("a"), media("b"), media("c"))))
    assert from_.running == 0
    assert upstream.opened == upstream.closed


def test_a_cancelled_call_leaves_no_fetch_behind() -> None:
    cancel_at_every_await(_cancelled_anywhere, at_least=4)
