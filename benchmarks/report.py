"""Shows the results as a table, a JSON file and a picture."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.results import Results, RowResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["print_report", "write_json", "write_plot"]

WIDTH = 150
"""The width of the table if it is not printed to a terminal."""
SMALLEST = 1e-3
"""What a logarithmic axis shows for zero and less, such as for memory that shrank."""
COLOURS = {"better": "green", "worse": "default", "baseline": "cyan"}


def print_report(console: Console, results: Results) -> None:
    """Print medians, half the interquartile ranges and ratios, then what is missing and why."""
    table = Table(title="Medians ± half the interquartile range; ratio to the row's baseline (=)")
    table.add_column("", max_width=24)
    table.add_column("")
    for column in results.columns:
        table.add_column(column.name, justify="right", min_width=7)
    for row in results.rows:
        cells = [_cell(row, column.name) for column in results.columns]
        turns = max((len(cell.values) for cell in row.cells.values()), default=0)
        label = Text(row.row.what).append(f"\nturns: {turns}", style="dim")
        table.add_row(label, row.row.unit, *cells, end_section=True)
    console.print(table)
    _print_reasons(console, results)
    machine = results.machine()
    console.print(
        f"{machine['processors']} x {machine['processor']}, {machine['system']}, "
        f"Python {machine['python']}; load {machine['load_before']:.1f} before, "
        f"{machine['load_after']:.1f} after",
        style="dim",
    )


def _cell(row: RowResult, name: str) -> Text:
    if not row.measured(name):
        failed = name in row.cells and row.cells[name].failed
        return Text("failed", style="red") if failed else Text("-", style="dim")
    cell, ratio = row.cells[name], row.ratio(name)
    first, third = cell.quartiles
    text = Text(number(cell.median))
    text.append(f"\n±{number((third - first) / 2)}", style="dim")
    if row.baseline == name:
        text.append("\n=", style=COLOURS["baseline"])
    elif ratio is not None:
        better = (ratio > 1) == row.row.higher_is_better
        text.append(f"\n{number(ratio)}x", style=COLOURS["better" if better else "worse"])
    return text


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _print_reasons(console: Console, results: Results) -> None:
    """Print every reason once, with the cells that it explains."""
    reasons: dict[str, list[str]] = {}
    for row in results.rows:
        for name, cell in row.cells.items():
            if cell.skipped:
                reasons.setdefault(f"{name}: {cell.skipped}", []).append(row.row.name)
    for name, reason in results.absent.items():
        console.print(f"[bold]{name}[/] skipped: ", Text(reason), sep="", soft_wrap=True)
    for reason, rows in reasons.items():
        console.print(Text(f"- {reason} ({', '.join(rows)})"), style="dim", soft_wrap=True)


def write_json(path: Path, results: Results) -> None:
    """Write everything, including single values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results.to_dict(), indent=1) + "\n", encoding="utf-8")


def write_plot(path: Path, results: Results) -> str:
    """Draw a panel for each row. Returns why there is no picture; empty if there is one."""
    rows = [row for row in results.rows if any(cell.values for cell in row.cells.values())]
    if not rows:
        return "nothing was measured"
    if not find_spec("matplotlib"):
        return "matplotlib is not installed: pip install 'mle-gym[plot]'"
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(3, len(rows))
    down = -(-len(rows) // across)
    figure = Figure(figsize=(4.8 * across, 0.6 + 2.2 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for index, row in enumerate(rows):
        _panel(figure.add_subplot(down, across, index + 1), results, row)
    figure.savefig(path, dpi=110)
    return ""


def _panel(axes: Axes, results: Results, row: RowResult) -> None:
    """Draw points, because the length of a bar means nothing on a logarithmic axis."""
    from matplotlib.ticker import NullFormatter

    columns = [column for column in reversed(results.columns) if row.measured(column.name)]
    for place, column in enumerate(columns):
        cell = row.cells[column.name]
        first, third = (max(border, SMALLEST) for border in cell.quartiles)
        middle = max(cell.median, SMALLEST)
        colour = "#2a78d6" if column.ours else "#52514e"
        axes.plot([first, third], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot([middle], [place], "o", color=colour, markersize=6)
        axes.annotate(number(cell.median), (third, place), (7, 0), textcoords="offset points",
                      va="center", fontsize=7, color="#0b0b0b")  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(columns)), [column.name for column in columns])
    axes.set_ylim(-0.7, len(columns) - 0.3)
    axes.margins(x=0.25)
    axes.grid(axis="y", color="#e8e7e2")
    axes.set_axisbelow(True)
    more = ", more is better" if row.row.higher_is_better else ""
    axes.set_title(f"{row.row.what} ({row.row.unit}{more})", fontsize=8, loc="left")
    axes.tick_params(labelsize=7, which="both", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
