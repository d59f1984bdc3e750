"""The file of a report, which keeps what was graded whatever ends the program."""

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
    """Grades go to a file of one line each while they come in, and to the report in the end.

    The lines stay where the program was killed; :func:`read_reports` reads them too.
    """

    path: Path
    """The report, named as MLE-bench names it."""
    partial: Path
    """The lines."""

    @classmethod
    def claim(cls, folder: Path) -> ReportFile:
        """A name that no other report has, in a folder that is made.

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
        """Write the report in the place of the lines.

        Raises:
            OSError: It can't be written.
        """
        text = json.dumps(aggregate, indent=2, allow_nan=False)
        self.partial.with_suffix(".part").write_text(text, encoding="utf-8")
        self.partial.with_suffix(".part").replace(self.path)
        self.partial.unlink(missing_ok=True)
