"""Tables on standard output: fitted to a terminal; for a pipe, a row is a line however long it is."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 1000


def print_table(table: "Table") -> None:
    """Print `table`."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDE, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())
