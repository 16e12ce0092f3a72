"""What goes wrong at a socket is told in words."""

import anyio
import httpx
import pytest

from adapters.http.transport.translation import CONNECTING, GONE, lost


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (anyio.BrokenResourceError(), "the connection was lost"),
        (ConnectionResetError(104, "reset by peer"), "reset by peer"),
    ],
)
def test_an_error_is_told_in_words(error: Exception, said: str) -> None:
    assert isinstance(error, GONE)
    assert str(lost(error, httpx.ReadError)).endswith(said)
    with pytest.raises(httpx.ConnectError, match=said), CONNECTING:
        raise error
