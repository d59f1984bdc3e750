"""Writes task folders for another benchmark's competitions, which stay where they are.

The folders are in the user's tasks folder (:func:`mle_gym.paths.user_tasks`), where every later
process finds them. A second import replaces the first.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mle_gym.datasets.keys import KEY_FILE, write_key
from mle_gym.grading.leaderboard import Thresholds
from mle_gym.integrations.importing.foreign_leaderboard import Board
from mle_gym.integrations.importing.imported_competition import ImportedCompetition
from mle_gym.ownership import make_private
from mle_gym.paths import bundled, user_tasks
from mle_gym.regular_files import read_whole
from mle_gym.sandbox.sandbox_config import MOST_HANDED_IN
from mle_gym.tasks.benchmark_conditions import CONDITIONS, ConditionsName
from mle_gym.tasks.catalog import register_tasks
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import GradeSpec
from mle_gym.tasks.toml_writer import dump

__all__ = ["Draft", "Imported", "board_text", "code_digest", "write_tasks"]

MOST_CODE_BYTES = 2**20
"""The size of a Python file in a checkout."""

PREPARE = '''\
"""Made by `mle-gym import {benchmark}`: runs that benchmark's own function. Don't edit."""

from mle_gym.integrations.importing.imported_competition import ImportedCompetition

COMPETITION = ImportedCompetition(
{arguments}
)
prepare = COMPETITION.prepare
adopt = COMPETITION.adopt
'''
GRADE = '''\
"""Made by `mle-gym import {benchmark}`: runs that benchmark's own grader. Don't edit."""

from mle_gym.integrations.importing.foreign_code_process import {maker}

grade_file = {maker}({function!r}, {answers!r})
'''
STEPS, SECONDS, MEMORY_MB = 500, 86_400.0, 8192
"""The limits of a competition whose benchmark recommends none."""
DISK_MB = 32_768
GRADE_SECONDS, GRADE_MEMORY_MB = 600, 4096
"""The limits of a grader. Some search by brute force."""


@dataclass(frozen=True)
class Draft:
    """Everything that the task folder of one competition is made from."""

    task_id: str
    title: str
    description: str
    metric: str
    competition: ImportedCompetition
    package: Path
    """The benchmark's Python package, which the grader imports from."""
    grade_function: str
    """As :mod:`mle_gym.integrations.importing.foreign_code_process` expects it."""
    answers: str
    """The file of answers, below ``private``."""
    board: Board
    thresholds: Thresholds
    """From the board if it is complete, otherwise the published ones, if there are any."""
    higher_is_better: bool
    tags: tuple[str, ...] = ()
    conditions: ConditionsName | None = None
    """The benchmark's own, under which the task is played by default."""
    remarks: tuple[str, ...] = ()
    """What its users should know besides what is wrong with its files."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files of the task's folder: name to text."""


@dataclass(frozen=True)
class Imported:
    """One competition that has become a task."""

    task_id: str
    competition: str
    folder: str
    notes: tuple[str, ...]
    """What its users should know."""


def write_tasks(group: str, drafts: Iterable[Draft]) -> list[Imported]:
    """Write the folders of a group, replace all that it had, and register its tasks.

    Raises:
        TaskError: An id is taken, or a competition can't become a task.
        OSError: The user's tasks folder can't be written.
    """
    # The new folders are complete before one rename puts them in the place of the old ones, so that
    # other processes never find half a group.
    home = make_private(user_tasks().absolute())
    drafts, final = list(drafts), home / group
    made = Path(tempfile.mkdtemp(prefix=f".{group}-", dir=home))
    try:
        for draft in drafts:
            _write(draft, made / draft.task_id)
            _write_key(made / draft.task_id, final / draft.task_id)
        made.chmod(0o755)
        if final.exists():
            final.rename(made / ".replaced")
        made.rename(final)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    shutil.rmtree(final / ".replaced", ignore_errors=True)
    register_tasks(final)
    return [
        Imported(d.task_id, d.competition.competition, str(final / d.task_id), _notes(d))
        for d in drafts
    ]


def code_digest(files: Iterable[Path]) -> str:
    """The digest of Python files' names and contents, sorted by path."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.name}\n".encode() + read_whole(file, MOST_CODE_BYTES))
    return total.hexdigest()[:16]


def board_text(board: Board) -> str:
    """A board as the leaderboard file of a task."""
    return "score\n" + "".join(f"{score!r}\n" for score in board.scores)


def _notes(draft: Draft) -> tuple[str, ...]:
    problems = []
    if draft.board.problem:
        known = "published thresholds" if draft.thresholds.gold is not None else "no medals"
        problems.append(f"{draft.board.problem}: {known}")
    if not draft.competition.prepare_function:
        problems.append("its prepare.py is a stub: requires prepared data (--from)")
    return (*problems, *draft.remarks)


def _write(draft: Draft, folder: Path) -> None:
    """One task folder."""
    folder.mkdir()
    (folder / "description.md").write_text(draft.description.strip() + "\n", encoding="utf-8")
    (folder / "prepare.py").write_text(_prepare(draft.competition), encoding="utf-8")
    (folder / "grade.py").write_text(_grade(draft), encoding="utf-8")
    for name, text in draft.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    medals: dict[str, Any] = dict(draft.thresholds.to_dict())
    if draft.board.state == "whole":
        (folder / "leaderboard.csv").write_text(board_text(draft.board), encoding="utf-8")
        medals = {"leaderboard": "leaderboard.csv"}
    (folder / "task.toml").write_text(dump(_task(draft) | {"medals": medals}), encoding="utf-8")


def _write_key(folder: Path, before: Path) -> None:
    """Keep the key of the previous import, so that prepared data stay valid, or make a new one."""
    if (before / KEY_FILE).is_file():
        shutil.copyfile(before / KEY_FILE, folder / KEY_FILE)
    write_key(folder)


def _task(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.task_id,
        "version": 0,
        "title": draft.title or draft.competition.competition,
        "kind": "other",
        "tags": ["imported", draft.competition.benchmark, *draft.tags],
        "data": {"loader": "kaggle", "ref": draft.competition.competition, "files": ["**"]},
        "submission": {"kind": "file", "max_bytes": MOST_HANDED_IN},
        "grade": {"metric": draft.metric, "public_fraction": 0.0, **_scale(draft)},
        "limits": _limits(draft.conditions),
        "grader": {
            "seconds": GRADE_SECONDS,
            "memory_mb": GRADE_MEMORY_MB,
            "python": draft.competition.python,
            "folders": [str(draft.package)],
        },
    }


def _limits(name: ConditionsName | None) -> dict[str, Any]:
    """The benchmark's conditions, also in numbers, for those who play the task elsewhere."""
    if name is None:
        return {"steps": STEPS, "seconds": SECONDS, "memory_mb": MEMORY_MB, "disk_mb": DISK_MB}
    found = asdict(CONDITIONS[name])
    numbers = {each: found[each] for each in ("steps", "seconds", "memory_mb", "cpus")}
    return {**numbers, "disk_mb": DISK_MB, "conditions": name}


def _scale(draft: Draft) -> dict[str, Any]:
    """The scale of the built-in task of the same competition, if there is one.

    Otherwise the metric's range is not known, and scores are normalized from the sample
    submission's score to gold. On Kaggle, scores often differ by a thousandth of a metric's range.
    """
    native = _native(draft.competition.competition)
    if native is not None and native.higher_is_better == draft.higher_is_better:
        return {"worst": native.worst, "best": native.best}
    worst, best = (0.0, 1.0) if draft.higher_is_better else (1.0, 0.0)
    return {"worst": worst, "best": best, "scale": "anchors"}


def _native(competition: str) -> GradeSpec | None:
    """How the built-in task of a competition is graded."""
    folder = bundled("envs") / competition
    return load_folder(folder).grade if (folder / "task.toml").is_file() else None


def _prepare(competition: ImportedCompetition) -> str:
    arguments = "\n".join(f"    {name}={value!r}," for name, value in asdict(competition).items())
    return PREPARE.format(benchmark=competition.benchmark, arguments=arguments)


def _grade(draft: Draft) -> str:
    benchmark = draft.competition.benchmark
    return GRADE.format(
        benchmark=benchmark,
        maker=f"{benchmark.replace('-', '_')}_grader",
        function=draft.grade_function,
        answers=draft.answers,
    )
