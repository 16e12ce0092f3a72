"""What is said where something answers that is no provider: whoever set it up has to know."""

import pytest

from adapters.faults.format import Format
from adapters.faults.formats import FORMATS
from adapters.wire.codec import Codec
from domain.model.errors import ErrorReason, ProviderFailure
from entrypoints.natives import NATIVES
from entrypoints.settings.native import NativeSettings
from tests.support.http_calls import CODEC, call
from tests.support.http_peer import answering, drained, far_model, sized

PAGE = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1>\n</body></html>"


def _codec(format_: Format) -> Codec:
    if format_.kind == "compatible":
        return CODEC
    return NATIVES[format_.kind].spoken.codec(format_.kind, NativeSettings(kind=format_.kind))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("status", "retryable"), [("200 OK", True), ("404 Not Found", False)], ids=["200", "404"]
)
async def test_a_page_for_browsers_tells_of_the_base_url(
    status: str, retryable: bool, kind: str, whole: bool
) -> None:
    handler = answering(sized(PAGE, status, content_type="text/html"))
    async with far_model(handler, codec=_codec(FORMATS[kind])) as (model, _):
        with pytest.raises(ProviderFailure, match="base_url may be wrong") as caught:
            await drained(model, call(whole=whole))
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR
    assert caught.value.retryable is retryable
    assert caught.value.upstream_status == int(status[:3])


@pytest.mark.parametrize("kind", FORMATS)
async def test_an_empty_404_is_no_unknown_model(kind: str) -> None:
    handler = answering(sized(b"", "404 Not Found"))
    async with far_model(handler, codec=_codec(FORMATS[kind])) as (model, _):
        with pytest.raises(ProviderFailure, match="its base_url may be wrong") as caught:
            await drained(model, call())
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR
