"""The report of a run: one page of HTML that needs nothing else, not even a network."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from tests.load.plot import plot
from tests.load.summary import PERCENTILES, Summary

_STYLE = """
:root { color-scheme: light dark }
:root { --ink: #1b1f24; --paper: #fff; --line: #d8dee4; --good: #1a7f37; --bad: #cf222e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --good: #3fb950; --bad: #f85149 }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem }
body { color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.verdict { border-left: .4rem solid var(--good); padding: .5rem 1rem }
.verdict.bad { border-color: var(--bad) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child { text-align: left }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)) }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: .5rem }
figure svg { width: 100%; height: auto; display: block }
.scroll { overflow-x: auto }
"""


def write(path: Path, summary: Summary, facts: Mapping[str, str]) -> None:
    """Write the page to `path`; `facts` say what was asked for, and of which machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_page(summary, facts)) + "\n")


def _page(summary: Summary, facts: Mapping[str, str]) -> Iterator[str]:
    faults = summary.faults
    yield "<!doctype html><html lang=en><meta charset=utf-8>"
    yield '<meta name=viewport content="width=device-width"><title>Load of the LLM service</title>'
    yield f"<style>{_STYLE}</style><h1>Load of the LLM service</h1>"
    said = "; ".join(faults) or "every call ended as planned, and the account agrees"
    yield f'<p class="verdict{" bad" if faults else ""}">{escape(said)}</p>'
    names = [f"p{each:g}" for each in PERCENTILES]
    rows = [[f"added, {kind}", *_cells(found)] for kind, found in summary.added_ms.items()]
    rows.append(["first word of streams", *_cells(summary.first_word_ms)])
    rows.append(["calls begun too late", *_cells(summary.late_ms)])
    yield _table("Times in milliseconds", ["", *names], rows)
    yield (
        "<p>Added is what a call took beyond the time that the provider's script takes, from the moment when"
        " it was due. Calls begun too late are the error of the measurement itself.</p>"
    )
    yield "<h2>Over time</h2><div class=plots>"
    for chart in _charts(summary):
        yield f"<figure>{chart}</figure>"
    yield "</div>"
    statuses = sorted({code for codes in summary.codes.values() for code in codes})
    ends = [
        [kind, *(str(codes.get(status, 0)) for status in statuses)]
        for kind, codes in summary.codes.items()
    ]
    yield _table("How calls ended", ["", *statuses], ends)
    records = [[outcome, str(count)] for outcome, count in sorted(summary.records.items())]
    yield _table("Records in the account", ["outcome", ""], records)
    yield _table("What was asked for", ["", ""], [[name, value] for name, value in facts.items()])
    yield "</html>"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def row(cell: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{cell}>{escape(each)}</{cell}>" for each in cells) + "</tr>"

    top = row("th", head) if any(head) else ""
    return (
        f"<h2>{escape(title)}</h2><div class=scroll><table>{top}"
        f"{''.join(row('td', each) for each in rows)}</table></div>"
    )


def _cells(found: Mapping[float, float]) -> list[str]:
    return [f"{found[each]:,.1f}" if each in found else "" for each in PERCENTILES]


def _charts(summary: Summary) -> Iterator[str]:
    windows = summary.windows
    times = [each.at_s for each in windows]
    first, samples = summary.samples[0], summary.samples
    yield plot(
        "Added latency, ms",
        {
            f"p{each:g}": [(w.at_s, w.added_ms[each]) for w in windows if w.added_ms]
            for each in (50.0, 95.0, 99.0)
        },
    )
    whole = summary.added_ms["all"]
    yield plot(
        "Added latency by share of calls, ms",
        {"all": [(each, whole[each]) for each in PERCENTILES]},
        "% of calls",
    )
    length = times[1] if len(times) > 1 else 1.0
    yield plot(
        "Calls a second",
        {
            "due": [(w.at_s, w.due / length) for w in windows],
            "ended": [(w.at_s, w.ended / length) for w in windows],
        },
    )
    yield plot(
        "Calls that ended as nobody planned",
        {"calls": [(w.at_s, float(w.surprises)) for w in windows]},
    )
    yield plot(
        "Server: resident memory, MiB",
        {"MiB": [(each.at_s, each.resident_mib) for each in samples]},
    )
    pairs = pairwise(samples)
    yield plot(
        "Server: processor, % of a core",
        {
            "%": [
                (after.at_s, 100 * (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s))
                for before, after in pairs
                if after.at_s > max(before.at_s, first.at_s)
            ]
        },
    )
