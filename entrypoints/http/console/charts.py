"""Charts as SVG within the page: lines over time, each with a table that says the same."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from entrypoints.http.console.markup import Html, joined, tag
from entrypoints.http.console.words import name

_WIDTH, _HEIGHT = 480, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 8, 12, 30
_STYLES = 6
"""How many lines look different."""


@attrs.frozen(kw_only=True)
class Chart:
    """Lines over time.

    Attributes:
        key: Tells it from the others of the page.
        lines: Name -> a value for each step, oldest first; None: there is none.
        step_s: How long a step is.
        said: How a value is said.
    """

    key: str
    title: str
    lines: Mapping[str, Sequence[float | None]]
    step_s: int
    said: Callable[[float], str]


def figure(chart: Chart) -> Html:
    """Return `chart` with its legend and its table."""
    names = [name(each) for each in chart.lines]
    return tag(
        "figure",
        tag("figcaption", chart.title, id=f"caption-{chart.key}"),
        _drawing(chart),
        tag(
            "ul",
            *(tag("li", _sample(at), each) for at, each in enumerate(names)),
            class_="legend",
        )
        if len(names) > 1 or names[:1] not in ([], [chart.title])
        else "",
        _table(chart, names),
        data_key=chart.key,
    )


def _drawing(chart: Chart) -> Html:
    values = [each for line in chart.lines.values() for each in line if each is not None]
    top = _round_up(max(values, default=0.0))
    steps = max((len(line) for line in chart.lines.values()), default=0)
    span_min = steps * chart.step_s // 60
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    marks = [
        joined(
            tag("line", class_="grid", x1=_LEFT, x2=right, y1=y, y2=y),
            tag("text", chart.said(value), x=_LEFT - 6, y=y + 4, text_anchor="end"),
        )
        for value, y in ((top, _TOP), (top / 2, (_TOP + bottom) / 2), (0, bottom))
    ]
    drawn = [_line(line, top, at) for at, line in enumerate(chart.lines.values())]
    largest = chart.said(max(values)) if values else "none"
    return tag(
        "svg",
        tag("title", chart.title, id=f"title-{chart.key}"),
        tag(
            "desc",
            f"The last {span_min} minutes in steps of {chart.step_s} seconds."
            f" Largest value: {largest}. The table below has all values.",
            id=f"desc-{chart.key}",
        ),
        *marks,
        tag("text", f"{span_min} min ago", x=_LEFT, y=_HEIGHT - 6),
        tag("text", "now", x=right, y=_HEIGHT - 6, text_anchor="end"),
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby=f"title-{chart.key} desc-{chart.key}",
    )


def _line(line: Sequence[float | None], top: float, at: int) -> Html:
    """Return one line; it is broken where there is no value, and a lone value is a dot."""
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = wide / max(len(line) - 1, 1)
    path: list[str] = []
    dots: list[Html] = []
    style = f"s{at % _STYLES}"
    for number, value in enumerate(line):
        if value is None:
            continue
        x, y = f"{_LEFT + number * step:.1f}", f"{_TOP + high * (1 - value / top):.1f}"
        begins = number == 0 or line[number - 1] is None
        path.append(f"{'M' if begins else 'L'}{x} {y}")
        if begins and (number + 1 == len(line) or line[number + 1] is None):
            dots.append(tag("circle", cx=x, cy=y, r="2.5", class_=f"dot {style}"))
    return joined(tag("path", d="".join(path) or None, class_=f"line {style}"), *dots)


def _sample(at: int) -> Html:
    return tag(
        "svg",
        tag("path", d="M1 5h22", class_=f"line s{at % _STYLES}"),
        viewBox="0 0 24 10",
        class_="sample",
        aria_hidden="true",
    )


def _table(chart: Chart, names: Sequence[str]) -> Html:
    lines = list(chart.lines.values())
    count = max((len(line) for line in lines), default=0)
    rows = [
        tag(
            "tr",
            tag("th", _ago((count - 1 - at) * chart.step_s), scope="row"),
            *(tag("td", _said(chart, line[at]), class_="number") for line in lines),
        )
        for at in reversed(range(count))
        if any(line[at] for line in lines)
    ]
    head = tag(
        "tr",
        tag("th", "ago", scope="col"),
        *(tag("th", n, scope="col", class_="number") for n in names),
    )
    return tag(
        "details",
        tag("summary", "as a table"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"{chart.title}; steps in which nothing happened are left out"),
                tag("thead", head),
                tag("tbody", *rows),
            ),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label=f"{chart.title}, as a table",
        ),
        data_key="table",
    )


def _said(chart: Chart, value: float | None) -> str:
    return "-" if value is None else chart.said(value)


def _ago(ago_s: int) -> str:
    return "now" if ago_s <= 0 else f"{ago_s // 60}:{ago_s % 60:02}"


def _round_up(value: float) -> float:
    """Return the next number that is good at the top of an axis."""
    if value <= 0:
        return 1.0
    unit = 1.0
    while unit < value:
        unit *= 10
    while unit >= value * 10:
        unit /= 10
    return next(unit * share for share in (0.1, 0.2, 0.4, 0.5, 0.8, 1.0) if unit * share >= value)
