"""MLE-bench's file of submissions, a JSON object a line, graded line by line."""

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
"""Of a file of submissions, which names them and holds none."""
PREFIX = "mlebench-"
"""What the ids of imported competitions begin with."""


@dataclass(frozen=True)
class Problem:
    """A line that could not be graded, through no fault of the submission."""

    file: str
    line: int
    message: str


@dataclass
class Batch:
    """Grades files of submissions; the answers of a competition are read once.

    No line keeps the others from being graded: one that can't be is a problem, never a score.
    """

    parity: bool = False
    """Grade as MLE-bench does, quirks included."""
    reports: list[Report] = field(default_factory=list)
    """Of every line that was graded, in order."""
    problems: list[Problem] = field(default_factory=list)
    keep: Callable[[Report], None] = lambda report: None
    """Called with each report as soon as there is one."""
    _graders: dict[str, tuple[TaskSpec, Grader[bytes]]] = field(default_factory=dict)

    def grade_file(self, path: Path) -> None:
        """Grade every line; blank ones and those that begin with ``#`` or ``//`` are skipped.

        Raises:
            OSError: The file can't be read.
        """
        lines = list(_lines(path))
        if not lines:
            self.problems.append(Problem(str(path), 1, "expected a submission a line, found none"))
        for number, text in lines:
            try:
                report = self._grade_line(text)
            except (MleGymError, OSError) as error:
                self.problems.append(Problem(str(path), number, str(error)))
            except (Exception, SystemExit) as error:  # of a grader; it must not cost the others
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
        # As in MLE-bench, a run that left nothing has null here, which is no file's name.
        competition, path = entry["competition_id"], Path(str(entry["submission_path"]))
        if competition not in self._graders:
            self._graders[competition] = self._grader(competition)
        task, grader = self._graders[competition]
        return competition_report(task, grade_path(task, grader, path), path)

    def _grader(self, competition: str) -> tuple[TaskSpec, Grader[bytes]]:
        task = find_competition(competition)
        return task, load_grader(task, parity=self.parity)


def grade_path(task: TaskSpec, grader: Grader[bytes], path: Path) -> Grade:
    """Grade the submission at a path; as for MLE-bench, its name must end in ``.csv``."""
    if not submission_exists(path):
        return grader.refuse(SubmissionError("missing_submission", f"{path}: no such CSV file"))
    try:
        content = read_regular(path, task.submission.max_bytes)
    except (NotAFile, OSError):
        return grader.refuse(SubmissionError("unreadable", f"{path} can't be read"))
    return grader.grade(content)


def find_competition(name: str) -> TaskSpec:
    """The task of a competition: the built-in one, else the imported one.

    Raises:
        TaskError: There is neither; says how to import it.
    """
    folders = task_folders()
    for task_id in (name.lower(), f"{PREFIX}{name.lower()}"):
        if task_id in folders:
            return load_task(task_id)
    raise TaskError(
        f"competition {name!r} is not among the tasks; `mle-gym import mle-bench PATH` adds all of "
        "a checkout's"
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
        raise TaskError(f"expected an object with a text 'competition_id', found {text[:80]}")
    if not isinstance(entry.get("submission_path", 0), str | None):
        raise TaskError(f"expected a text or null as 'submission_path', found {text[:80]}")
    return dict(entry)
