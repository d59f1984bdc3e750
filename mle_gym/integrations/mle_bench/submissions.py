"""Grades MLE-bench's files of submissions, which have one JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.errors import MleGymError, SubmissionError, TaskError
from mle_gym.grading.open_grader import load_grader
from mle_gym.integrations.mle_bench.report import Report, competition_report, submission_exists
from mle_gym.regular_files import NotAFile, read_regular, read_whole
from mle_gym.tasks.catalog import load_task, task_folders

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.grading.graders.grader import Grader
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Batch", "Problem", "find_competition"]

COMMENTS = ("#", "//")
MOST_BYTES = 64 * 2**20
"""The size of a file of submissions, which contains only their paths."""
PREFIX = "mlebench-"
"""The beginning of the ids of imported competitions."""


@dataclass(frozen=True)
class Problem:
    """A line that could not be graded for a reason other than the submission."""

    file: str
    line: int
    message: str


@dataclass
class Batch:
    """Grades files of submissions, and reads the answers of each competition once.

    A line that can't be graded becomes a problem, never a score, and the others are still graded.
    """

    parity: bool = False
    """Grade as MLE-bench does, quirks included."""
    reports: list[Report] = field(default_factory=list)
    """The reports of all lines that were graded, in order."""
    problems: list[Problem] = field(default_factory=list)
    keep: Callable[[Report], None] = lambda report: None
    """Called with each report as soon as there is one."""
    _graders: dict[str, tuple[TaskSpec, Grader[bytes]]] = field(default_factory=dict)

    def grade_file(self, path: Path) -> None:
        """Grade every line except blank ones and those that begin with ``#`` or ``//``.

        Raises:
            OSError: The file can't be read.
        """
        lines = list(_lines(path))
        if not lines:
            message = "expected one submission per line, found none"
            self.problems.append(Problem(str(path), 1, message))
        for number, text in lines:
            try:
                report = self._grade_line(text)
            except (MleGymError, OSError) as error:
                self.problems.append(Problem(str(path), number, str(error)))
            except (Exception, SystemExit) as error:  # a grader's bug must not stop the others
                message = f"unexpected {type(error).__name__}: {error}"
                self.problems.append(Problem(str(path), number, message))
            except KeyboardInterrupt:
                self.problems.append(Problem(str(path), number, "interrupted here"))
                raise
            else:
                self.reports.append(report)
                self.keep(report)

    def _grade_line(self, text: str) -> Report:
        entry = _parse(text)
        # As in MLE-bench, a run without a submission has null here, which becomes "None", and there
        # is no file of that name.
        competition, path = entry["competition_id"], Path(str(entry["submission_path"]))
        if competition not in self._graders:
            self._graders[competition] = self._grader(competition)
        task, grader = self._graders[competition]
        return competition_report(task, grade_path(task, grader, path), path)

    def _grader(self, competition: str) -> tuple[TaskSpec, Grader[bytes]]:
        task = find_competition(competition)
        return task, load_grader(task, parity=self.parity)


def grade_path(task: TaskSpec, grader: Grader[bytes], path: Path) -> Grade:
    """Grade the submission at a path, whose name must end in ``.csv``, as for MLE-bench."""
    if not submission_exists(path):
        return grader.refuse(SubmissionError("missing_submission", f"{path}: no such CSV file"))
    try:
        content = read_regular(path, task.submission.max_bytes)
    except (NotAFile, OSError):
        return grader.refuse(SubmissionError("unreadable", f"{path} can't be read"))
    return grader.grade(content)


def find_competition(name: str) -> TaskSpec:
    """The task of a competition: the built-in one, or else the imported one.

    Raises:
        TaskError: There is neither; the message says how to import it.
    """
    folders = task_folders()
    for task_id in (name.lower(), f"{PREFIX}{name.lower()}"):
        if task_id in folders:
            return load_task(task_id)
    raise TaskError(
        f"competition {name!r} is not among the tasks; `mle-gym import mle-bench PATH` adds all "
        "competitions in a checkout"
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    content = read_whole(path, MOST_BYTES).removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.decode(errors="replace").strip()
        if text and not text.startswith(COMMENTS):
            yield number, text


def _parse(text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"expected a JSON object, found: {error}") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("competition_id"), str):
        raise TaskError(f"expected an object with a string 'competition_id', found {text[:80]}")
    if not isinstance(entry.get("submission_path", 0), str | None):
        raise TaskError(f"expected a string or null as 'submission_path', found {text[:80]}")
    return dict(entry)
