"""Reads the competitions of an MLE-bench checkout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mle_gym.errors import TaskError
from mle_gym.grading.leaderboard import Thresholds
from mle_gym.integrations.importing.foreign_leaderboard import read_board
from mle_gym.integrations.importing.imported_competition import ImportedCompetition
from mle_gym.integrations.importing.task_writer import Draft, Imported, code_digest, write_tasks
from mle_gym.integrations.mle_bench.checksums import CHECKSUMS
from mle_gym.integrations.mle_bench.known_issues import known_issues
from mle_gym.integrations.mle_bench.published import Published, competitions
from mle_gym.integrations.mle_bench.submissions import PREFIX
from mle_gym.paths import below, plain_name
from mle_gym.regular_files import read_whole

__all__ = ["import_mle_bench"]

GROUP = "mle-bench"
PACKAGE = Path("mlebench", "competitions")
MOST_BYTES = 2**20
"""The size of a configuration or a description."""


def import_mle_bench(path: Path, python: str = "") -> tuple[list[Imported], list[str]]:
    """Make a task of every competition in a checkout: ``mle/mlebench-<competition>-v0``.

    Args:
        path: The checkout. It stays where it is, and its code is read whenever a task is used.
        python: A Python with the packages that MLE-bench requires; empty for this one.

    Returns:
        What was imported, and a line for each competition that can't be.

    Raises:
        TaskError: There is no checkout at the path.
    """
    root = _root(path)
    drafts, problems = [], []
    for file in sorted((root / PACKAGE).glob("*/config.yaml")):
        try:
            drafts.append(_draft(root, file, python))
        except (TaskError, OSError) as error:
            problems.append(f"{file.parent.name}: {error}")
    if not drafts:
        found = "; ".join(problems[:3]) or "no config.yaml"
        raise TaskError(f"{root / PACKAGE}: expected competitions, found {found}")
    return write_tasks(GROUP, drafts), problems


def _root(path: Path) -> Path:
    place = path.expanduser().absolute()
    for folder in (place, *place.parents[:2]):
        if (folder / PACKAGE).is_dir():
            return folder
    raise TaskError(f"{path}: expected a checkout of MLE-bench with {PACKAGE}, found none")


def _draft(root: Path, file: Path, python: str) -> Draft:
    config = _read(file)
    name = str(_field(config, "id", file))
    grader, dataset = _table(config, "grader", file), _table(config, "dataset", file)
    # The published thresholds show whether the checkout's leaderboard is complete, and replace it
    # if it is not.
    known = competitions().get(name)
    board = read_board(file.with_name("leaderboard.csv"), known.thresholds if known else None)
    whole = board.state == "whole"
    description = below(root, _field(config, "description", file), TaskError)
    competition = ImportedCompetition(
        benchmark=GROUP,
        root=str(root),
        competition=name,
        prepare_function=str(_field(config, "preparer", file)),
        sample=_below_prepared(_field(dataset, "sample_submission", file)),
        python=python,
        digest=code_digest(file.parent.glob("*.py")),
    )
    return Draft(
        task_id=PREFIX + re.sub("[^a-z0-9]+", "-", name.lower()).strip("-"),
        title=str(config.get("name") or name),
        description=_text(description) or f"The Kaggle competition {name}.",
        metric=str(grader.get("name") or "score"),
        competition=competition,
        package=root / "mlebench",
        grade_function=str(_field(grader, "grade_fn", file)),
        answers=_below_prepared(_field(dataset, "answers", file)).removeprefix("private/"),
        board=board,
        thresholds=board.thresholds if whole else (known.thresholds if known else Thresholds()),
        higher_is_better=board.higher_is_better if whole else _published_direction(known),
        tags=(known.split,) if known else (),
        conditions="mle-bench",
        remarks=("MLE-bench knows issues of it: `mle-gym show`",) if _has_issues(name) else (),
        files=_checksums(file.with_name("checksums.yaml")),
    )


def _has_issues(name: str) -> bool:
    return any(issue.competition == name for issue in known_issues())


def _checksums(file: Path) -> dict[str, str]:
    """The checksums of a competition's data as a file of its task; nothing if there are none."""
    if not file.is_file():
        return {}
    found = _read(file)
    parts = {name: found.get(name) or {} for name in ("public", "private")}
    for part, names in parts.items():
        if not isinstance(names, dict):
            raise TaskError(f"{file}: {part}: expected a checksum for each file, found {names!r}")
        for name in names:
            plain_name(name, TaskError)
    return {CHECKSUMS: json.dumps(parts | {"zip": found.get("zip")}, default=str, indent=1)}


def _published_direction(known: Published | None) -> bool:
    """The published direction; without one, higher is better, since nothing else is known."""
    return known.higher_is_better if known else True


def _read(file: Path) -> dict[str, Any]:
    try:
        import yaml  # of the extra mle-bench
    except ModuleNotFoundError:
        raise TaskError(
            "reading MLE-bench's config.yaml requires PyYAML: pip install 'mle-gym[mle-bench]'"
        ) from None
    content = read_whole(file, MOST_BYTES)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content)):
            raise TaskError(
                f"{file}: expected YAML without aliases, which can multiply without end"
            )
        config = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise TaskError(f"{file}: expected YAML, found: {str(error).splitlines()[0]}") from None
    except (RecursionError, ValueError) as error:
        raise TaskError(f"{file}: expected a configuration, found: {error}") from None
    if not isinstance(config, dict):
        raise TaskError(f"{file}: expected a table, found {type(config).__name__}")
    return config


def _table(config: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    value = _field(config, name, file)
    if not isinstance(value, dict):
        raise TaskError(f"{file}: {name}: expected a table, found {value!r}")
    return value


def _field(table: dict[str, Any], name: str, file: Path) -> Any:
    if not table.get(name):
        raise TaskError(f"{file}: {name}: missing")
    return table[name]


def _below_prepared(path: str) -> str:
    """``<id>/prepared/private/test.csv`` without the part that all competitions have."""
    return plain_name(str(path).partition("/prepared/")[2] or path, TaskError)


def _text(file: Path) -> str:
    try:
        return read_whole(file, MOST_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""
