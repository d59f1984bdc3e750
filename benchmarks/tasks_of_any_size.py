"""Tasks with datasets of any size, in a temporary cache."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import mle_gym
from benchmarks.measure import Skip
from benchmarks.programs import temporary_folder
from mle_gym.paths import bundled

__all__ = ["large_task"]

MODEL = "wine"
"""The task that is copied, and changed only in its name and by the large file."""

PREPARE = """\
import os


def prepare(raw, public, private, rng):
    with open(public / "large.bin", "wb") as file:
        for _ in range({megabytes}):
            file.write(os.urandom(10**6))
"""


@contextlib.contextmanager
def large_task(megabytes: int) -> Iterator[str]:
    """Make a task with a file of that size beside its tables, and yield its id.

    Raises:
        Skip: The disk has no room for it and for the copies that some contenders make.
    """
    folder = temporary_folder()
    before = os.environ.get("MLE_GYM_CACHE")
    id = f"benchmark-{megabytes}-mb"
    try:
        if shutil.disk_usage(folder).free < 6 * megabytes * 10**6:
            raise Skip(f"not enough room in {folder.parent}")
        _write(folder / "envs" / id, id, megabytes)
        os.environ["MLE_GYM_CACHE"] = str(folder / "cache")
        mle_gym.register_tasks(folder / "envs")
        mle_gym.prepare(id)
        yield id
    finally:
        if before is None:
            os.environ.pop("MLE_GYM_CACHE", None)
        else:
            os.environ["MLE_GYM_CACHE"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, id: str, megabytes: int) -> None:
    shutil.copytree(bundled("envs") / MODEL, folder)
    text = (folder / "task.toml").read_text(encoding="utf-8")
    (folder / "task.toml").write_text(
        text.replace(f'id = "{MODEL}"', f'id = "{id}"', 1), encoding="utf-8"
    )
    (folder / "prepare.py").write_text(PREPARE.format(megabytes=megabytes), encoding="utf-8")
