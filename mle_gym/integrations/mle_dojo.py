"""Reads the competitions of an MLE-Dojo checkout."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mle_gym.errors import TaskError
from mle_gym.grading.leaderboard import PUBLIC_BOARD, Thresholds
from mle_gym.integrations.importing.foreign_leaderboard import read_board
from mle_gym.integrations.importing.imported_competition import ImportedCompetition
from mle_gym.integrations.importing.task_writer import (
    Draft,
    Imported,
    board_text,
    code_digest,
    write_tasks,
)
from mle_gym.paths import below
from mle_gym.regular_files import read_whole

__all__ = ["import_mle_dojo"]

GROUP = "mle-dojo"
PREFIX = "dojo-"
PACKAGE = Path("mledojo", "competitions")
MOST_BYTES = 2**20
"""The size of a program or a description."""


def import_mle_dojo(path: Path, python: str = "") -> tuple[list[Imported], list[str]]:
    """Make a task of every competition in a checkout: ``mle/dojo-<competition>-v0``.

    Many of its ``prepare.py`` are stubs. Those competitions are also imported, for data that were
    prepared elsewhere.

    Args:
        path: The checkout. It stays where it is, and its code is read whenever a task is used.
        python: A Python with the packages that MLE-Dojo requires; empty for this one.

    Returns:
        What was imported, and a line for each competition that can't be.

    Raises:
        TaskError: There is no checkout at the path.
    """
    place = path.expanduser().absolute()
    roots = [folder for folder in (place, *place.parents[:2]) if (folder / PACKAGE).is_dir()]
    if not roots:
        raise TaskError(f"{path}: expected a checkout of MLE-Dojo with {PACKAGE}, found none")
    drafts, problems = [], []
    for file in sorted((roots[0] / PACKAGE).glob("*/utils/metric.py")):
        try:
            drafts.append(_draft(roots[0], file, python))
        except (TaskError, OSError) as error:
            problems.append(f"{file.parent.parent.name}: {error}")
    if not drafts:
        raise TaskError(f"{roots[0] / PACKAGE}: expected competitions, found none")
    return write_tasks(GROUP, drafts), problems


def _draft(root: Path, metric: Path, python: str) -> Draft:
    # The files are only parsed here. They belong to the checkout, and their code runs elsewhere.
    folder = metric.parent.parent
    if not _functions(metric, "Metrics"):
        raise TaskError(f"{metric}: expected a class named …Metrics, found none")
    board = read_board(folder / "info" / "private_leaderboard.csv", None)
    whole = board.state == "whole"
    prepare = metric.with_name("prepare.py")
    competition = ImportedCompetition(
        benchmark=GROUP,
        root=str(root),
        competition=folder.name,
        prepare_function=str(prepare) if _functions(prepare, "prepare") else "",
        sample="public/sample_submission.csv",
        python=python,
        digest=code_digest(metric.parent.glob("*.py")),
    )
    description = below(folder, "info/description.txt", TaskError)
    there = description.is_file()
    text = read_whole(description, MOST_BYTES).decode(errors="replace") if there else ""
    return Draft(
        task_id=PREFIX + re.sub("[^a-z0-9]+", "-", folder.name.lower()).strip("-"),
        title=folder.name,
        description=text.strip() or f"The Kaggle competition {folder.name}.",
        metric="the competition's own",
        competition=competition,
        package=root / "mledojo",
        grade_function=metric.relative_to(root).as_posix(),
        answers="test_answer.csv",
        board=board,
        thresholds=board.thresholds if whole else Thresholds(),
        higher_is_better=board.higher_is_better if whole else True,
        files=_public_board(folder / "info" / "public_leaderboard.csv"),
    )


def _public_board(file: Path) -> dict[str, str]:
    """The public leaderboard as a file of the task, for HumanRank; nothing if it is broken."""
    board = read_board(file, None)
    return {PUBLIC_BOARD: board_text(board)} if board.state == "whole" else {}


def _functions(file: Path, ending: str) -> list[str]:
    """The functions and classes in a file whose names have an ending. A stub has none."""
    try:
        tree = ast.parse(read_whole(file, MOST_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [n.name for n in tree.body if isinstance(n, kinds) and n.name.endswith(ending)]
