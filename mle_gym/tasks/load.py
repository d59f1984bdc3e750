"""Reads a task folder and checks it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mle_gym.errors import TaskError
from mle_gym.regular_files import read_whole
from mle_gym.tasks.consistency import check_task
from mle_gym.tasks.field_problems import FieldProblem, problem_lines
from mle_gym.tasks.spec import FILE, MOST_BYTES, TaskSpec

__all__ = ["load_folder"]


def load_folder(folder: Path) -> TaskSpec:
    """Read and check a task folder.

    Raises:
        TaskError: The folder or a file is missing or broken; one line a problem, each with file,
            field, what was expected and what was found.
    """
    file = folder / FILE
    content = _with_default_id(_read_toml(file))
    reserved = sorted({"folder", "description"} & content.keys())
    if reserved:
        raise TaskError("\n".join(f"{file}: {name}: unknown field" for name in reserved))
    content |= {"folder": folder.absolute(), "description": _read_text(folder)}
    try:
        task = TaskSpec.model_validate(content)
        check_task(task)
    except ValidationError as error:
        raise TaskError("\n".join(problem_lines(file, error, TaskSpec))) from None
    except FieldProblem as problem:
        raise TaskError(f"{file}: {problem}") from None
    except RecursionError:
        raise TaskError(f"{file}: the file: expected tables a few levels deep") from None
    return task


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        content = read_whole(file, MOST_BYTES)
    except OSError as error:
        raise TaskError(f"{file}: expected a readable file, found: {error.strerror}") from None
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{file}: expected TOML in UTF-8, found: {error}") from None


def _read_text(folder: Path) -> str:
    file = folder / "description.md"
    try:
        text = read_whole(file, MOST_BYTES).decode().strip()
    except OSError as error:
        raise TaskError(f"{file}: expected a readable file, found: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TaskError(f"{file}: expected UTF-8, found: {error.reason} at {error.start}") from None
    if not text:
        raise TaskError(f"{file}: expected a description of the task, found an empty file")
    return text


def _with_default_id(content: dict[str, Any]) -> dict[str, Any]:
    """``submission.id`` defaults to ``data.id``; a table of another type is left to the schema."""
    submission, data = content.get("submission"), content.get("data")
    if not isinstance(submission, dict) or "id" in submission:
        return content
    name = data.get("id", "id") if isinstance(data, dict) else "id"
    return {**content, "submission": {**submission, "id": name}}
