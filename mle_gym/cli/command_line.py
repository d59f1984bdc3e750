"""Turns the words of a command line into tasks, arguments and files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from mle_gym.cli.console import MissingExtra, UsageError
from mle_gym.datasets.dataset import SIZES, Size
from mle_gym.regular_files import NotAFile, read_regular, read_whole
from mle_gym.tasks.catalog import load_task, register_tasks, task_folders
from mle_gym.tasks.spec import TaskSpec
from mle_gym.trajectories.hash_chain import check_key
from mle_gym.trajectories.training_data.export_records import record_files

__all__ = [
    "DataSize",
    "Difficulty",
    "KeyFile",
    "TaskName",
    "Variant",
    "assignments",
    "data_size",
    "find_task",
    "integration",
    "module_of_extra",
    "name_and_word",
    "read_file",
    "read_key",
    "trajectory_files",
]

TaskName = Annotated[
    str, typer.Argument(metavar="TASK", help="A name (titanic) or a task folder (./my-task).")
]
Variant = Annotated[int, typer.Option(help="Which instance of the task; 0 is the canonical one.")]


def data_size(word: str) -> Size:
    """One of the sizes; releases of typer before 0.19 can't be given the names themselves."""
    for size in SIZES:
        if word == size:
            return size
    raise typer.BadParameter(f"{word!r} is none of {', '.join(SIZES)}")


DataSize = Annotated[
    Size,
    typer.Option(
        parser=data_size, metavar="|".join(SIZES), help="How much data a generated task has."
    ),
]
Difficulty = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="How hard a generated task is, from 0 to 1.")
]


def trajectory_files(paths: list[Path]) -> list[Path]:
    """The files that are named, and all trajectories in the folders that are.

    Raises:
        UsageError: A folder has none.
    """
    found = []
    for path in paths:
        files = list(record_files([path], ".jsonl"))
        if not files:
            raise UsageError(f"{path}: expected trajectories (JSONL) in this folder, found none")
        found += files
    return found


MOST_KEY_BYTES = 2**16

KAGGLE = re.compile(r"(?i)(?:https?://)?(?:www\.)?kaggle\.com/(?:c|competitions)/([\w-]+)")
"""The address of a competition, which people copy from their browser."""

KeyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="MLE_GYM_KEY_FILE",
        help="A file of at least 16 secret bytes, which sign trajectories (HMAC-SHA256).",
    ),
]


def find_task(name: str) -> TaskSpec:
    """The task that a user means: a name in the catalog, else a folder with a ``task.toml``.

    The address of a Kaggle competition means the task of that name. A folder is registered, so
    that agents and Gymnasium find it too.

    Raises:
        TaskError: No such task (with the nearest names), or a broken one.
    """
    address = KAGGLE.match(name)
    name = address[1].lower() if address else name
    folder = Path(name)
    if name not in task_folders() and (folder / "task.toml").is_file():
        register_tasks(folder)
        return load_task(folder.absolute())
    return load_task(name)


def assignments(words: list[str], option: str) -> dict[str, Any]:
    """``["max_steps=5", "gpus=[0]"]`` as a dict. A value that isn't JSON is a string."""
    values: dict[str, Any] = {}
    for key, value in name_and_word(words, option):
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return values


def name_and_word(words: list[str], option: str) -> Iterator[tuple[str, str]]:
    """Splits each ``NAME=VALUE`` that an option was given.

    Raises:
        UsageError: A word has another form.
    """
    for word in words:
        key, equals, value = word.partition("=")
        if not (key.isidentifier() and equals):
            raise UsageError(f"{option}: expected NAME=VALUE, found {word!r}")
        yield key, value


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a regular file, at most one more than ``most``; ``-`` is standard input.

    Raises:
        OSError: The file can't be read.
        UsageError: The path is a folder, a pipe or a device, which might never end.
    """
    if str(path) == "-":
        return typer.get_binary_stream("stdin").read(most + 1)
    try:
        return read_regular(path, most)
    except NotAFile:
        raise UsageError(
            f"{path} is not a regular file; to grade what a program writes, pipe it to -"
        ) from None


def read_key(path: Path | None) -> bytes | None:
    """The key in a file, without the newline that an editor leaves at its end.

    Raises:
        OSError: The file can't be read.
        UsageError: The file is too short for a key.
    """
    if path is None:
        return None
    try:
        return check_key(read_whole(path, MOST_KEY_BYTES).removesuffix(b"\n"))
    except ValueError as error:
        raise UsageError(f"--key-file: {path}: {error}") from error


def integration(name: str) -> ModuleType:
    """The package ``mle_gym.integrations.NAME``, which requires the extra of the same name.

    Raises:
        MissingExtra: It isn't installed.
    """
    apart = ", in a virtual environment without the other integrations"
    return module_of_extra(f"mle_gym.integrations.{name}", name, apart)


def module_of_extra(module: str, extra: str, how: str = "") -> ModuleType:
    """Import a module of ours that an extra is required for.

    Args:
        module: Its full name.
        extra: The extra's name.
        how: What to say behind the command that installs it.

    Raises:
        MissingExtra: It isn't installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "mle_gym":
            raise
        message = f"this requires {package}: pip install 'mle-gym[{extra}]'{how}"
        raise MissingExtra(message) from error
