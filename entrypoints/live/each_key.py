"""Asks a provider with each of its keys: one that is refused fails every so many calls, not all."""

from collections.abc import Callable
from functools import partial

import attrs
import httpx

from entrypoints.live.asking import Unproved, ask_http, say_unproved, spend_a_token
from entrypoints.live.verdict import Verdict
from entrypoints.ways import Way

Proof = Callable[[Way, httpx.AsyncBaseTransport, float], Unproved]
"""Says how a provider without a list of models is proved, over a transport and with a bound on connecting."""


def for_nothing(_: Way, __: httpx.AsyncBaseTransport, ___: float) -> Unproved:
    """Leave it unproved."""
    return say_unproved


def for_a_token(way: Way, transport: httpx.AsyncBaseTransport, connect_s: float) -> Unproved:
    """Ask each model that the settings name for one token."""
    return partial(spend_a_token, way=way, transport=transport, connect_s=connect_s)


async def ask_with_each_key(
    way: Way, transport: httpx.AsyncBaseTransport, connect_s: float, proof: Proof
) -> Verdict:
    """Return the verdict on the provider at `way`: on its first good key, with what is wrong with the others.

    Where nothing answers, it is asked once.
    """
    verdicts: dict[str, Verdict] = {}
    for alias, endpoint in way.lanes.items():
        one = attrs.evolve(way, lanes={alias: endpoint})
        verdict = await ask_http(one, transport, connect_s, proof(one, transport, connect_s))
        if verdict.address != "reached":
            return verdict
        verdicts[alias] = verdict
    return _together(verdicts)


def _together(verdicts: dict[str, Verdict]) -> Verdict:
    problems = {alias: each.problem for alias, each in verdicts.items() if not each.good}
    first = next((each for each in verdicts.values() if each.good), next(iter(verdicts.values())))
    if not problems or (len(problems) == len(verdicts) and len(set(problems.values())) == 1):
        # All are alike: it is not about one of the keys.
        return first
    told = "; ".join(f"{alias}: {problem}" for alias, problem in problems.items())
    refused = [each.key for each in verdicts.values() if each.key.startswith("refused")]
    key = f"{len(refused)} of {len(verdicts)} refused" if refused else first.key
    return attrs.evolve(first, problem=told, key=key)
