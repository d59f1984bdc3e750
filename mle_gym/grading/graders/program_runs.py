"""Several runs of a submitted program, and what they took: measured from outside the program.

Each run has a sandbox of its own, so a program can keep nothing from one to the next and can't know
which of them it is in. CPU seconds, wall clock and peak memory come from the runner, which the
program can't reach. A reference program runs in turn with it in equal sandboxes, so that a busy
machine slows down both.

A program could hide CPU time in processes that nobody waits for. It can't hide from the clock:
``time_ratio`` is the larger of the two ratios, of CPU seconds and of wall clock. What it leaves
running is ended before its output is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from mle_gym.errors import SubmissionError, TaskError
from mle_gym.sandbox import Files
from mle_gym.sandbox.protocol import Execution

__all__ = ["MEASUREMENTS", "ProgramRun", "measured_runs", "without_outputs"]

MEASUREMENTS = "measurements.json"
"""Beside the outputs, which are in folders ``1-1`` (the first set's first run), ``1-2``, …"""
LEAST_SECONDS = 1e-3
"""Below this no time is told from another."""
HOPELESS = frozenset({"program_timeout", "program_missing", "program_files"})
"""Failures after which the other runs on the same inputs are left out."""


@dataclass(frozen=True)
class ProgramRun:
    """A run that ended as it should."""

    output: bytes
    execution: Execution

    @property
    def took(self) -> dict[str, float]:
        """What was measured."""
        return {
            "cpu_seconds": self.execution.cpu_seconds,
            "wall_seconds": self.execution.duration,
            "peak_memory_mb": self.execution.peak_memory_mb,
        }


def measured_runs(
    run: Callable[[Files, Path], ProgramRun],
    files: Files,
    inputs: Sequence[Path],
    output: str,
    *,
    repeats: int = 1,
    reference: Files | None = None,
) -> dict[str, bytes]:
    """Run a program on each set of inputs, and collect what it left and took.

    Args:
        run: Runs one program on one set of inputs in a fresh sandbox.
        files: The program that was handed in.
        inputs: The sets.
        output: The file that a run leaves.
        repeats: How often it runs on each set.
        reference: A program to run in turn with it.

    Returns:
        The outputs and :data:`MEASUREMENTS`, by their paths.

    Raises:
        SubmissionError: No run ended as it should. It is the first one's.
        TaskError: The reference program failed.
        SandboxError: A sandbox failed.
    """
    found: dict[str, bytes] = {}
    sets = [_Set(number, folder) for number, folder in enumerate(inputs, start=1)]
    first: SubmissionError | None = None
    for repeat in range(1, repeats + 1):
        for each in sets:
            if each.hopeless:
                continue
            try:
                done = each.run(run, files, reference, repeat)
                found[f"{each.number}-{repeat}/{output}"] = done.output
            except SubmissionError as error:
                first = first or error
                each.failed(repeat, error)
    if not found and first is not None:
        raise first
    held = sum(len(name.encode()) + len(content) for name, content in files.items())
    measured = {"bytes": held, "sets": [each.measured() for each in sets]}
    return {**found, MEASUREMENTS: json.dumps(measured, indent=1).encode()}


def without_outputs(files: Files) -> dict[str, bytes]:
    """The same runs, all of them failed: what any grader of them must be able to grade."""
    measured = json.loads(files[MEASUREMENTS])
    for each in measured["sets"]:
        each.update(time_ratio=None, failed=len(each["runs"]))
        each["runs"] = [{**run, "error": "program_failed"} for run in each["runs"]]
    return {MEASUREMENTS: json.dumps(measured).encode()}


class _Set:
    """One set of inputs, and the runs on it so far."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number, self.folder = number, folder
        self.runs: list[dict[str, Any]] = []
        self.hopeless = False

    def run(
        self,
        run: Callable[[Files, Path], ProgramRun],
        files: Files,
        reference: Files | None,
        repeat: int,
    ) -> ProgramRun:
        """The program and the reference, which goes first every other time."""
        compared = None
        if reference is not None and repeat % 2 == 0:
            compared = self._reference(run, reference)
        done = run(files, self.folder)
        if reference is not None and compared is None:
            compared = self._reference(run, reference)
        entry: dict[str, Any] = {"folder": f"{self.number}-{repeat}", "error": "", **done.took}
        if compared is not None:
            entry["reference"] = compared.took
        self.runs.append(entry)
        return done

    def _reference(
        self, run: Callable[[Files, Path], ProgramRun], reference: Files
    ) -> ProgramRun:  # fmt: skip
        try:
            return run(reference, self.folder)
        except SubmissionError as error:
            raise TaskError(
                f"the reference program failed on inputs {self.number}: {error}"
            ) from error

    def failed(self, repeat: int, error: SubmissionError) -> None:
        """Note a run that left nothing to grade."""
        self.runs.append({"folder": f"{self.number}-{repeat}", "error": error.code})
        self.hopeless = error.code in HOPELESS

    def measured(self) -> dict[str, Any]:
        """What a grader is told of these runs."""
        done = [run for run in self.runs if not run["error"]]
        return {
            "runs": self.runs,
            "failed": len(self.runs) - len(done),
            "time_ratio": _ratio(done),
            "cpu_seconds": _median(done, "cpu_seconds"),
            "wall_seconds": _median(done, "wall_seconds"),
            "peak_memory_mb": max((run["peak_memory_mb"] for run in done), default=None),
        }


def _ratio(runs: list[dict[str, Any]]) -> float | None:
    """What the program took, as a share of what the reference did; None without one."""
    compared = [run["reference"] for run in runs if "reference" in run]
    if not compared:
        return None
    ratios = []
    for name in ("cpu_seconds", "wall_seconds"):
        ours, theirs = _median(runs, name) or 0.0, _median(compared, name) or 0.0
        ratios.append(max(ours, LEAST_SECONDS) / max(theirs, LEAST_SECONDS))
    return max(ratios)


def _median(runs: list[dict[str, Any]], name: str) -> float | None:
    return median(run[name] for run in runs) if runs else None
