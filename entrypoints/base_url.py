"""What a provider's address may be."""

import re
from urllib.parse import urlsplit

from entrypoints.loopback import is_loopback

_BASE_URL = re.compile(r"https?://[^\s/?#@]+[^\s?#@]*")


def check_base_url(base_url: str, *, allow_plain_http: bool) -> None:
    """Refuse an address that is none, or where others could read a key on its way.

    Raises:
        ValueError: It is no web address, or plain http and not on this machine. The address itself is
            not said: it may hold a password.
    """
    if not _BASE_URL.fullmatch(base_url):
        raise ValueError(
            "'base_url' must be like https://host/v1, without a user, a query or a fragment"
        )
    url = urlsplit(base_url)
    if url.scheme == "http" and not allow_plain_http and not is_loopback(url.hostname or ""):
        raise ValueError("'base_url' is plain http: use https, or set allow_plain_http")
