"""From the words of a command line to tasks, arguments and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mle_gym.cli.output import Unusable

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["TaskName", "Variant", "assignments", "find_task", "read_file"]

TaskName = Annotated[
    str, typer.Argument(metavar="TASK", help="A name (titanic) or a task folder (./my-task).")
]
Variant = Annotated[int, typer.Option(help="Which instance of the task; 0 is the canonical one.")]


def find_task(name: str) -> TaskSpec:
    """The task that a user means: a name of the catalog, else a folder with a ``task.toml``.

    A folder is registered, so that agents and Gymnasium find it too.

    Raises:
        TaskError: No such task (with the nearest names), or a broken one.
    """
    from mle_gym.tasks.catalog import load_task, register_tasks, task_folders

    folder = Path(name)
    if name not in task_folders() and (folder / "task.toml").is_file():
        register_tasks(folder)
        return load_task(folder.absolute())
    return load_task(name)


def assignments(words: list[str], option: str) -> dict[str, Any]:
    """``["max_steps=5", "gpus=[0]"]`` as a dict: values are JSON, and text where they are not."""
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key.isidentifier() and equals):
            raise Unusable(f"{option}: expected NAME=VALUE, found {word!r}")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return values


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file, at most one more than ``most``; ``-`` is standard input.

    Raises:
        OSError: The file can't be read.
    """
    if str(path) == "-":
        return typer.get_binary_stream("stdin").read(most + 1)
    with path.open("rb") as file:
        return file.read(most + 1)
