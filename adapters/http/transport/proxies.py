"""Which requests go through which proxy, as the environment says.

NO_PROXY lists names that stand for themselves and what is below them, each with or without a port;
``*`` is all.

Source: https://www.gnu.org/software/wget/manual/html_node/Proxies.html
"""

import urllib.request
from collections.abc import Mapping

import attrs
import httpx


@attrs.frozen
class Proxies:
    """Proxies by the scheme of what is asked for.

    Attributes:
        by_scheme: Addresses; they may hold a password. ``all`` stands for what is not named.
        no_proxy: Hosts that are asked directly, as NO_PROXY lists them.
    """

    by_scheme: Mapping[str, str] = attrs.field(factory=dict, repr=lambda by: str(sorted(by)))
    no_proxy: str = ""

    def address_for(self, url: httpx.URL) -> str | None:
        """Return the address of the proxy for `url`; None: it is asked directly."""
        address = self.by_scheme.get(url.scheme) or self.by_scheme.get("all")
        if address is None or self._is_exempt(url):
            return None
        return address if "://" in address else f"http://{address}"

    def _is_exempt(self, url: httpx.URL) -> bool:
        host = url.host.lower()
        names = (name.strip().lower().lstrip(".") for name in self.no_proxy.split(","))
        return any(
            name == "*" or name in (host, f"{host}:{url.port}") or host.endswith(f".{name}")
            for name in names
            if name
        )


NO_PROXIES = Proxies()


def proxies_from_environment() -> Proxies:
    """Return what the environment of this process says."""
    found = urllib.request.getproxies_environment()
    return Proxies(
        {scheme: found[scheme] for scheme in ("http", "https", "all") if found.get(scheme)},
        found.get("no", ""),
    )
