"""Compares what an environment costs with its alternatives.

In one run, all columns take turns at the same work, so that noise affects them equally. The table
shows medians and ratios. What this machine or this version can't do is skipped, with the reason.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.contenders import Contender, all_contenders
from benchmarks.context import QUICK, Scale
from benchmarks.measure import Tick
from benchmarks.report import WIDTH, print_report, write_json, write_plot
from benchmarks.results import Results, RowResult, measure_row
from benchmarks.rows import Row, all_rows
from mle_gym.datasets.prepare import prepare

Named = TypeVar("Named", Row, Contender)
REDRAW_SECONDS = 0.2
"""No thread draws the progress bar, so that nothing runs beside what is timed."""
EXAMPLES = """
examples:
  python -m benchmarks --list                        lists the rows and columns
  python -m benchmarks --quick                       checks that everything works (small sizes)
  python -m benchmarks --only trivial-step reset     some rows; the beginning of a name is enough
  python -m benchmarks --columns bubblewrap bare     some columns, by the beginnings of their names
  python -m benchmarks                               everything (half an hour, on an idle machine)

Ctrl-C ends a run early: everything that was opened is closed, and everything that was measured is
printed and written. Docker columns require a daemon and `mle-gym image build`. The column AIDE
requires `pip install aideml`, here or in another environment that --aide-python names.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark. Returns 0, 1 if something failed, or 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    scale = QUICK if options.quick else Scale()
    rows = _chosen(all_rows(scale), options.only, "row")
    columns = _chosen(all_contenders(options.aide_python), options.columns, "column")
    if options.list:
        _list(rows, columns)
        return 0
    results = Results([], {})
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    try:
        _measure(results, rows, columns, scale, options)
    except KeyboardInterrupt:
        results.interrupted = True
    print_report(console, results)
    _write(console, options.out, results)
    failed = any(cell.failed for row in results.rows for cell in row.cells.values())
    return 130 if results.interrupted else int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", action="store_true", help="list the rows and columns, and measure nothing")
    add("--quick", action="store_true", help="small sizes and two turns: only a check")
    add("--only", nargs="+", default=[], metavar="ROW", help="these rows")
    add("--columns", nargs="+", default=[], metavar="COLUMN", help="these columns")
    add("--repeats", type=_positive, help="turns of every row, instead of each row's own number")
    add(
        "--seconds",
        type=float,
        default=60.0,
        help="seconds in which a row may begin turns (default: 60)",
    )
    add("--out", type=Path, default=Path("runs/benchmarks"), metavar="DIR",
        help="folder for the JSON file and the picture (default: runs/benchmarks)")  # fmt: skip
    add("--aide-python", type=Path, metavar="PATH", help="an interpreter that has aideml")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return value


def _chosen(everything: list[Named], beginnings: list[str], kind: str) -> list[Named]:
    """The names with one of these beginnings; all names if there are no beginnings."""
    names = [each.name for each in everything]
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            sys.exit(f"no {kind} begins with {beginning!r}; there are: {', '.join(names)}")
    wanted = tuple(beginnings) or ("",)
    exact = set(beginnings) & set(names)
    return [
        each
        for each in everything
        if each.name in exact or each.name.startswith(tuple(set(wanted) - exact))
    ]


def _list(rows: list[Row], columns: list[Contender]) -> None:
    for row in rows:
        print(f"{row.name:16} {row.what} ({row.unit})")
    print()
    for column in columns:
        print(f"{column.name:16} {column.what}")


def _measure(
    results: Results,
    rows: list[Row],
    columns: list[Contender],
    scale: Scale,
    options: argparse.Namespace,
) -> None:
    """Fill in the results row by row."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(), console=Console(stderr=True), transient=True, auto_refresh=False,
    )  # fmt: skip
    with bar:
        task = bar.add_task("checking what can run here", total=len(rows))
        bar.refresh()
        prepare("titanic")
        for column in columns:
            reason = column.reason()
            if reason:
                results.absent[column.name] = reason
            else:
                results.columns.append(column)
        for row in rows:
            results.rows.append(RowResult(row))
            measure_row(
                results.rows[-1],
                results.columns,
                scale,
                repeats=options.repeats or (2 if options.quick else row.repeats),
                seconds=options.seconds,
                tick=_drawing(bar, task, row),
            )
            bar.advance(task)


def _drawing(bar: Progress, task: TaskID, row: Row) -> Tick:
    """Returns a function that shows what is being measured, at most every REDRAW_SECONDS."""
    drawn = float("-inf")

    def tick(name: str) -> None:
        nonlocal drawn
        bar.update(task, description=f"{row.what}: {name}")
        if time.monotonic() > drawn + REDRAW_SECONDS:
            bar.refresh()
            drawn = time.monotonic()

    return tick


def _write(console: Console, folder: Path, results: Results) -> None:
    write_json(folder / "benchmarks.json", results)
    missing = write_plot(folder / "benchmarks.png", results)
    console.print(f"Written: {folder / 'benchmarks.json'}", soft_wrap=True)
    if missing:
        console.print(f"No picture: {missing}", markup=False, soft_wrap=True)
    else:
        console.print(f"Written: {folder / 'benchmarks.png'}", soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warnings.filterwarnings("ignore", "sandbox='subprocess' isolates nothing")
    sys.exit(main())
