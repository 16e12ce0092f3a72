"""Tables that a phone can show: each cell knows what its column is called."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from entrypoints.http.console.markup import Html, tag


@attrs.frozen
class Column:
    """One column.

    Attributes:
        title: Shown above it; empty: what is in it is said by `label` to those who do not see it.
        cell: Gives the content of a row's cell.
        head: Whether it names its row.
        number: Whether numbers are in it.
    """

    title: str
    cell: Callable[[Mapping[str, Any]], object]
    head: bool = attrs.field(default=False, kw_only=True)
    number: bool = attrs.field(default=False, kw_only=True)
    label: str = attrs.field(default="", kw_only=True)


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], *, none: str
) -> Html:
    """Return a table; `none` is said where there are no rows."""
    made = [_row(columns, each) for each in rows]
    if not made:
        return tag("p", none, class_="none")
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", *map(_title, columns))),
        tag("tbody", *made),
        class_="cards",
    )


def of_workers(rows: Sequence[Mapping[str, Any]]) -> Sequence[Column]:
    """Return the column that says whose each row is, where several workers are the server."""
    if not any(each.get("worker") for each in rows):
        return ()
    return (Column("worker", lambda each: each["worker"] or "all"),)


def _title(column: Column) -> Html:
    title = column.title or tag("span", column.label, class_="unseen")
    return tag("th", title, scope="col", class_="number" if column.number else None)


def _row(columns: Sequence[Column], row: Mapping[str, Any]) -> Html:
    cells = (
        tag(
            "th" if each.head else "td",
            each.cell(row),
            scope="row" if each.head else None,
            class_="number" if each.number else None,
            data_title=each.title or None,
        )
        for each in columns
    )
    return tag("tr", *cells, data_key=row.get("number"))
