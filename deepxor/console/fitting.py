"""Tables that fit a terminal: names fold once, and the least columns are left out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import chop_cells
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

# The width of the first column before others are left out in its favour.
NAME_WIDTH = 20

# The letters of a border and two spaces beside every column.
_BESIDE = 3


def print_table(
    console: Console, table: Table, least_important: Sequence[str], elsewhere: str
) -> None:
    """Prints a table without the columns for which the console is too narrow.

    Args:
        console: The console.
        table: The table, with names in its first column. Columns that have a
            `min_width` may be as narrow as that.
        least_important: What the headings of the columns that may be left out begin
            with, in the order in which they are left out.
        elsewhere: What shows the columns that are left out, such as "see --csv".
    """
    kept = list(table.columns)
    left_out = []
    for start in least_important:
        least = _least_widths(console, kept)
        if 1 + sum(width + _BESIDE for width in least) <= console.width:
            break
        dropped = [column for column in kept if _heading(column).startswith(start)]
        kept = [column for column in kept if column not in dropped]
        left_out += [start] * len(dropped)
    console.print(_fitted(console, table, kept))
    if left_out:
        line = (
            f"left out at {console.width} columns: {', '.join(left_out)}; {elsewhere}"
        )
        console.print(Text(line, "dim"))


def _fitted(console: Console, table: Table, columns: Sequence[Column]) -> Table:
    """Returns a table of some of the columns, each as wide as there is room."""
    least = _least_widths(console, columns)
    spare = max(0, console.width - 1 - sum(width + _BESIDE for width in least))
    found = Table(title=table.title, title_style=table.title_style)
    for column, width in zip(columns, least, strict=True):
        more = min(spare, _full_width(console, column) - width)
        spare -= more
        found.add_column(column.header, justify=column.justify, width=width + more)
    width = found.columns[0].width or 1
    for name, *cells in zip(*(column.cells for column in columns), strict=True):
        found.add_row(_name(str(name), width), *cells)
    return found


def _name(text: str, width: int) -> Text:
    """Returns a name in at most two lines, shortened in the middle if it must be."""
    lines = chop_cells(text, width)
    if len(lines) > 2:
        end = chop_cells(text[::-1], width - 1)[0][::-1]
        lines = [lines[0], "\N{HORIZONTAL ELLIPSIS}" + end]
    return Text("\n".join(lines))


def _heading(column: Column) -> str:
    return str(column.header).replace("\n", " ")


def _full_width(console: Console, column: Column) -> int:
    """Returns the width at which no cell of a column is wrapped."""
    options = console.options.update(width=1000)
    cells = (column.header, *column.cells)
    return max(Measurement.get(console, options, cell).maximum for cell in cells)


def _least_widths(console: Console, columns: Sequence[Column]) -> list[int]:
    """Returns the widths below which the columns cannot be read."""
    least = [column.min_width or 1000 for column in columns]
    least[0] = NAME_WIDTH
    full = (_full_width(console, column) for column in columns)
    return [min(pair) for pair in zip(least, full, strict=True)]
