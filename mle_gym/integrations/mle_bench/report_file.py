"""The file of a report, which keeps every grade even if the program is killed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mle_gym.integrations.mle_bench.report import Report

__all__ = ["ReportFile"]


@dataclass
class ReportFile:
    """Writes each grade to a file of lines at once, and the report at the end.

    The file of lines remains if the program is killed. :func:`read_reports` reads it as well.
    """

    path: Path
    """The report, named as MLE-bench names it."""
    partial: Path
    """The file of lines."""

    @classmethod
    def claim(cls, folder: Path) -> ReportFile:
        """Reserve a name that no other report has, in a folder that is made if necessary.

        Raises:
            OSError: The folder can't be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S-GMT", time.gmtime())
        for number in count(1):
            path = folder / f"{stamp}{f'-{number}' if number > 1 else ''}_grading_report.json"
            partial = path.with_suffix(".jsonl")
            try:
                partial.touch(exist_ok=False)
            except FileExistsError:
                continue
            if not path.exists():
                return cls(path, partial)
            partial.unlink()
        raise AssertionError("count never ends")

    def add(self, report: Report) -> None:
        """Keep one grade.

        A full disk is not noticed here: grading goes on, and :meth:`finish` raises.
        """
        try:
            with self.partial.open("a", encoding="utf-8") as file:
                file.write(json.dumps(report, allow_nan=False) + "\n")
        except OSError:
            return

    def finish(self, aggregate: Report) -> None:
        """Write the report, and delete the file of lines.

        Raises:
            OSError: The report can't be written.
        """
        text = json.dumps(aggregate, indent=2, allow_nan=False)
        self.partial.with_suffix(".part").write_text(text, encoding="utf-8")
        self.partial.with_suffix(".part").replace(self.path)
        self.partial.unlink(missing_ok=True)
