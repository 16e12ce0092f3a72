"""Figures of interleaved rounds, as a table of medians, spreads and ratios, and as a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

import attrs

from tests.benchmarks.machine import facts

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".benchmarks"
MANY = 8
"""Of so many rounds the spread is where the middle half of them lies, of fewer where all of them do."""


@attrs.define
class Figures:
    """What was measured, round by round.

    Attributes:
        found: By what was asked, then of whom, then by the name of the figure, unit included.
    """

    found: dict[str, dict[str, dict[str, list[float]]]] = attrs.field(factory=dict)

    def add(self, load: str, whom: str, figures: Mapping[str, float]) -> None:
        """Add one round's figures; the first named is what the ratios are about."""
        mine = self.found.setdefault(load, {}).setdefault(whom, {})
        for name, figure in figures.items():
            mine.setdefault(name, []).append(figure)

    def ratio(self, load: str, whom: str, beside: str) -> float | None:
        """Return the first figure of `whom` by that of `beside`; None where there is none.

        Round by round: what disturbed one of a pair disturbed the other.
        """
        ours, theirs = (
            next(iter(self.found[load].get(x, {}).values()), []) for x in (whom, beside)
        )
        pairs = [mine / other for mine, other in zip(ours, theirs, strict=False) if other]
        return median(pairs) if pairs else None

    def lines(self, beside: str) -> Iterator[str]:
        """Yield the table: median and spread of every figure."""
        width = max((len(whom) for each in self.found.values() for whom in each), default=0)
        for load, by_whom in self.found.items():
            yield load
            for whom, figures in by_whom.items():
                cells = [f"{name} {_shown(rounds)}" for name, rounds in figures.items()]
                ratio = self.ratio(load, whom, beside)
                times = "" if ratio is None else f"{_number(ratio)} x"
                yield f"  {whom:{width}}  {times:>8}   {';  '.join(cells)}"

    def report(
        self, name: str, beside: str, path: Path | None = None, **more: str
    ) -> dict[str, object]:
        """Print the table, with what it was measured on; save it all; return what is saved.

        Args:
            name: Of the benchmark.
            beside: What all others are compared with.
            path: Where it is saved; ``None``: under ``.benchmarks``.
            more: Facts about the machine.
        """
        machine = facts(**more)
        print(f"{name}: median (spread over rounds); the ratio is to {beside!r}")
        print(*self.lines(beside), sep="\n")
        print(*(f"{fact} {value}" for fact, value in machine.items()), sep=" | ")
        result: dict[str, object] = {
            "machine": machine,
            "figures": self.found,
            "medians": {
                load: {whom: _medians(each) for whom, each in by_whom.items()}
                for load, by_whom in self.found.items()
            },
            "ratios": {
                load: {whom: self.ratio(load, whom, beside) for whom in by_whom}
                for load, by_whom in self.found.items()
            },
        }
        save(name, result, path)
        return result


def in_turn(everyone: Sequence[T], turn: int) -> Sequence[T]:
    """Return `everyone`, beginning with the next one each turn: whoever follows a heavy one pays for it."""
    first = (turn - 1) % len(everyone)
    return [*everyone[first:], *everyone[:first]]


def save(name: str, result: Mapping[str, object], path: Path | None = None) -> None:
    """Save `result` as JSON and say where."""
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"saved in {path}")


def _medians(figures: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(rounds) for name, rounds in figures.items()}


def _shown(rounds: list[float]) -> str:
    if len(rounds) == 1:
        return _number(rounds[0])
    low, high = min(rounds), max(rounds)
    if len(rounds) >= MANY:
        low, _, high = quantiles(rounds, n=4, method="inclusive")
    return f"{_number(median(rounds))} ({_number(low)} to {_number(high)})"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
