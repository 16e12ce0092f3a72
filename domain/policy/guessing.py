"""How long the answer to a failed authentication is held back.

A peer may err now and then: a bucket holds ten failures and refills in a minute. Beyond it every failure
waits longer than the one before, up to a bound, so that whoever guesses gets slowly nowhere. The memory is
bounded: the peer that failed longest ago is forgotten first.
Source: GCRA, ITU-T I.371 (virtual scheduling)
"""

import ipaddress
from collections import OrderedDict

import attrs

_IPV6_PREFIX = 64
"""One customer's network: whoever has one address of it has all of them."""


@attrs.frozen(kw_only=True)
class GuessingPolicy:
    """What failing costs.

    Attributes:
        free: Failures answered at once.
        per_s: Failures a second that are forgiven.
        step_s: By how much each further failure waits longer.
        longest_s: Bound of the wait.
        most_peers: Peers remembered.
        most_waiting: Answers held back at one time; beyond, they are given at once.
    """

    free: int = 10
    per_s: float = 10 / 60
    step_s: float = 0.25
    longest_s: float = 2.0
    most_peers: int = 4096
    most_waiting: int = 256


@attrs.define
class Guesses:
    """The failures of each peer."""

    policy: GuessingPolicy = GuessingPolicy()
    # When the peer's failures will all be forgiven, in seconds on the caller's clock.
    _forgiven_s: OrderedDict[str, float] = attrs.field(factory=OrderedDict)

    def failed(self, peer: str, now_s: float) -> float:
        """Count a failure of `peer` at `now_s`; return for how long to hold the answer back, in seconds."""
        policy, key = self.policy, network_of(peer)
        each_s = 1 / policy.per_s
        # What is beyond the longest wait is not remembered: a peer that stops is soon forgiven.
        most_s = (policy.free + policy.longest_s / policy.step_s) * each_s
        owed_s = min(max(self._forgiven_s.pop(key, 0.0) - now_s, 0.0) + each_s, most_s)
        self._forgiven_s[key] = now_s + owed_s
        if len(self._forgiven_s) > policy.most_peers:
            self._forgiven_s.popitem(last=False)
        beyond = owed_s / each_s - policy.free
        return min(max(beyond, 0.0) * policy.step_s, policy.longest_s)

    def __len__(self) -> int:
        """Return how many peers are remembered."""
        return len(self._forgiven_s)


def network_of(peer: str) -> str:
    """Return what one party holds of the address `peer`, ``HOST:PORT``: its host, or an IPv6 network."""
    host = peer.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_PREFIX), strict=False))
