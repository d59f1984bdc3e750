"""Prints a table so that nothing of it is lost, however wide the terminal is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mle_gym.clean_console import CleanConsole
from mle_gym.cli.console import out

__all__ = ["print_table"]

ANY_WIDTH = 100_000
"""Columns: more than any table needs."""


def print_table(table: Table) -> None:
    """Print a table, in the first of these forms that the terminal has room for.

    The table with each row on one line, which is also the form for files and pipes; with cells
    broken at spaces, but not names that people copy (the first column); and a block for each row.
    """
    console = out()
    for column in table.columns:
        column.overflow, column.no_wrap = "fold", False
    if table.columns:
        table.columns[0].no_wrap = True
    widest = console.measure(table, options=console.options.update(max_width=ANY_WIDTH)).maximum
    if not (sys.stdout.isatty() or "COLUMNS" in os.environ):
        CleanConsole(sys.stdout, width=max(widest, 1)).print(table)
    elif widest <= console.width or _narrowest(console, table) <= console.width:
        console.print(table)
    else:
        for part in _blocks(table):
            console.print(part)


def _narrowest(console: Console, table: Table) -> int:
    """Columns that a table needs if only the spaces in its cells are broken."""
    wide = console.options.update(max_width=ANY_WIDTH)
    needed = table._extra_width
    for number, column in enumerate(table.columns):
        cells = [column.header, *column.cells]
        measured = [console.measure(cell, options=wide) for cell in cells]
        needed += max(each.maximum if number == 0 else each.minimum for each in measured)
        needed += sum(table.padding[1::2])
    return needed


def _blocks(table: Table) -> Iterator[RenderableType]:
    """Each row as what the first column has, and below it the other columns with their names."""
    if table.title:
        yield Text(str(table.title), style="italic")
    names = [_text(column.header).plain for column in table.columns]
    last = Text()
    for row in zip(*(column.cells for column in table.columns), strict=True):
        cells = [_text(cell) for cell in row]
        last = cells[0] if cells[0].plain else last  # tables say what repeats only once
        yield Text.assemble(last, style="bold")
        pairs = [
            Text.assemble((f"{name} " if name else "", "dim"), cell)
            for name, cell in zip(names[1:], cells[1:], strict=True)
            if cell.plain
        ]
        yield Padding(Text(" · ", style="dim").join(pairs), (0, 0, 0, 2))


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
