"""One run of the benchmark, row after row, and its results as plain data."""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.context import Context, Scale
from benchmarks.measure import Cell, Operation, Tick, in_turns
from benchmarks.rows import Row

__all__ = ["Results", "RowResult", "measure_row"]

LIBRARIES = ("mle-gym", "gymnasium", "numpy", "pandas", "scikit-learn", "docker")


@dataclass
class RowResult:
    """One row and its cells, by contender."""

    row: Row
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """The column that the others are compared with; empty without one."""
        measured = (name for name in self.row.baseline if self.measured(name))
        return next(measured, "")

    def measured(self, name: str) -> bool:
        """Whether there is a value for that contender."""
        return name in self.cells and bool(self.cells[name].values)

    def ratio(self, name: str) -> float | None:
        """The contender's median over the baseline's."""
        if not self.baseline or not self.measured(name):
            return None
        base = self.cells[self.baseline].median
        return self.cells[name].median / base if base > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        cells = {name: self._cell(name) for name in self.cells}
        return {
            "name": self.row.name,
            "what": self.row.what,
            "unit": self.row.unit,
            "higher_is_better": self.row.higher_is_better,
            "baseline": self.baseline,
            "cells": cells,
        }

    def _cell(self, name: str) -> dict[str, Any]:
        cell = self.cells[name]
        if not cell.values:
            return {"skipped": cell.skipped, "failed": cell.failed}
        return {
            "median": cell.median,
            "quartiles": list(cell.quartiles),
            "ratio": self.ratio(name),
            "values": cell.values,
        }


@dataclass
class Results:
    """Everything that was measured, on which machine, and what was skipped."""

    columns: list[Contender]
    absent: dict[str, str]
    """Columns that can't run here, and why."""
    rows: list[RowResult] = field(default_factory=list)
    interrupted: bool = False
    started: float = field(default_factory=time.time)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "seconds": time.time() - self.started,
            "interrupted": self.interrupted,
            "machine": self.machine(),
            "columns": {column.name: column.what for column in self.columns},
            "absent": self.absent,
            "rows": [row.to_dict() for row in self.rows],
        }

    def machine(self) -> dict[str, Any]:
        """Describe this machine; the load is the mean number of running processes in a minute."""
        return {
            "processor": _processor(),
            "processors": _processors(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            "system": platform.platform(),
            "python": sys.version.split()[0],
            "libraries": {name: _version(name) for name in LIBRARIES},
            "root": os.geteuid() == 0,
            "load_before": self.load_before,
            "load_after": os.getloadavg()[0],
        }


def measure_row(
    result: RowResult,
    columns: list[Contender],
    scale: Scale,
    *,
    repeats: int,
    seconds: float,
    tick: Tick,
) -> None:
    """Fill a row's cells, and close everything that was opened for it, even after an error."""
    first_of_ours = next((column.name for column in columns if column.ours), "")
    operations: dict[str, Operation] = {}
    with ExitStack() as stack:
        context = Context(scale, stack, first_of_ours)
        for column in columns:
            cell = result.cells[column.name] = Cell()
            tick(column.name)
            try:
                operations[column.name] = result.row.prepare(context, column)
            except Exception as error:
                cell.fail(error)
        warm_up = result.row.warm_up
        in_turns(operations, result.cells, repeats=repeats, seconds=seconds, warm_up=warm_up,
                 tick=tick)  # fmt: skip


def _processors() -> int:
    usable = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(usable(0)) if usable else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
