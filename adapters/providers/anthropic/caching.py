"""Where prompts are cut for the provider's cache.

Laws: a breakpoint that was asked for is sent as it was asked for or refused, never moved to another ttl and
never dropped; at most four are sent; along the prefix (tools, then system, then messages) no 1h breakpoint
follows a 5m one. The request's own switch only fills what is left: in order of use, the end of the last user
turn, the end of the system text, the end of the user turn before that, the last tool. It skips places where
its ttl would break the order.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from collections.abc import Iterable, Mapping, Sequence

from adapters.providers.anthropic.draft import Block, Draft, Mark, Turn
from domain.model.caching import CacheControl
from domain.model.json_value import JsonObject

MOST = 4
"""Breakpoints in one request."""
_5M_S, _1H_S = 300.0, 3_600.0
_WIRE: Mapping[float | None, JsonObject] = {
    None: {"type": "ephemeral"},
    _5M_S: {"type": "ephemeral", "ttl": "5m"},
    _1H_S: {"type": "ephemeral", "ttl": "1h"},
}


def place(
    switch: CacheControl | None,
    tools: Sequence[Block],
    system: Sequence[Block],
    turns: Sequence[Turn],
    draft: Draft,
) -> None:
    """Write the breakpoints into the blocks."""
    prefix = [*tools, *system, *(block for turn in turns for block in turn.blocks)]
    asked = [block.mark for block in prefix if block.mark is not None]
    problems = len(draft.violations)
    _check_ttls(asked, draft)
    wanted = None if switch is None else Mark(switch.ttl_s, "cache_control")
    if wanted is not None:
        _check_ttls([wanted], draft)
    if len(draft.violations) == problems:
        _check_order(asked, draft)
        if wanted is not None:
            _fill(wanted, prefix, list(_places(tools, system, turns)), MOST - len(asked))
    for block in prefix:
        if block.mark is not None and block.mark.ttl_s in _WIRE:
            block.fields["cache_control"] = _WIRE[block.mark.ttl_s]


def _check_ttls(marks: Iterable[Mark], draft: Draft) -> None:
    for mark in marks:
        if mark.ttl_s not in _WIRE:
            draft.refuse(
                f"{mark.path}.ttl",
                f"is {mark.ttl_s:g} s; Anthropic keeps a prefix for 300 s or 3600 s: "
                "set one of them, or leave it out for 300 s",
            )


def _check_order(marks: Sequence[Mark], draft: Draft) -> None:
    for number, mark in enumerate(marks[MOST:], MOST + 1):
        draft.refuse(
            mark.path, f"is cache breakpoint {number} of the request; Anthropic takes {MOST}"
        )
    short = next((mark for mark in marks if mark.ttl_s != _1H_S), None)
    if short is None:
        return
    for mark in marks[marks.index(short) + 1 :]:
        if mark.ttl_s == _1H_S:
            draft.refuse(
                mark.path,
                f"keeps a prefix for 1 h after {short.path} keeps one for 5 min; along tools, system "
                "and messages the longer ones must come first",
            )


def _fill(wanted: Mark, prefix: Sequence[Block], places: Sequence[Block], left: int) -> None:
    position = {id(block): index for index, block in enumerate(prefix)}
    # A 1h breakpoint must stand before the first 5m one, and a 5m one after the last 1h one.
    low, high = 0, len(prefix)
    for index, block in enumerate(prefix):
        if block.mark is None:
            continue
        if wanted.ttl_s != _1H_S and block.mark.ttl_s == _1H_S:
            low = index
        elif wanted.ttl_s == _1H_S and block.mark.ttl_s != _1H_S:
            high = min(high, index)
    for block in places:
        if left <= 0:
            return
        if block.mark is None and low <= position[id(block)] < high:
            block.mark = wanted
            left -= 1


def _places(
    tools: Sequence[Block], system: Sequence[Block], turns: Sequence[Turn]
) -> Iterable[Block]:
    ends = [turn.blocks[-1] for turn in reversed(turns) if turn.role == "user"]
    yield from ends[:1]
    yield from system[-1:]
    yield from ends[1:2]
    yield from tools[-1:]
