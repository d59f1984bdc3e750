"""What a task's ``grade.py`` needs to run: its files, its Python and its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.dataset import MLE_BENCH
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.errors import TaskError
from mle_gym.paths import PACKAGE
from mle_gym.sandbox.installation.packages import distribution_of
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.sandbox_config import Mount, SandboxConfig

if TYPE_CHECKING:
    from mle_gym.tasks.spec import GraderSpec, TaskSpec

__all__ = [
    "TABLES",
    "GraderCode",
    "grader_config",
    "grader_files",
    "missing_module",
    "private_files",
]

PROGRAM = Path(__file__).with_name("program_inside.py")
OWN = ("errors.py", "text.py", "integrations/importing/foreign_code_process.py")
"""The only files of this package in the sandbox, which ``grade.py`` may import."""
LEFT_OUT = frozenset({KEY_FILE, SPLIT_FILE, "solution.py", "baseline.py"})
"""Files of a task's folder that no grader needs, and from which the answers follow."""
NOT_GIVEN = frozenset({"answers.csv", MLE_BENCH})
"""Private files that a grader of tables gets as a table, or never needs."""
TABLES = 4
"""How many tables of answers one process holds: public, private, and those that were given."""
MOST_BYTES = 1 << 30
"""Of the task's and the private folder together, which lie in the sandbox's memory."""


@dataclass(frozen=True)
class GraderCode:
    """A task's ``grade.py``, and everything that its sandbox is made of."""

    folder: Path
    """The task's."""
    function: str
    """``"grade"``, ``"grade_file"`` or ``"grade_files"``."""
    version: tuple[int, ...]
    """Changes when a program in the task's folder changes, or the private folder is replaced."""
    limits: GraderSpec
    """The task's table ``[grader]``."""
    max_bytes: int
    """Of a submission."""
    raw: str
    """The file or folder of raw data in the task's folder, which is hidden from the grader."""
    private: Path | None
    """The folder that ``grade_file`` and ``grade_files`` read the answers from."""
    backend: str
    """The backend to use where no isolating one can run."""

    @classmethod
    def of(
        cls, task: TaskSpec, function: str, backend: str, private: Path | None = None
    ) -> GraderCode:
        """What the task declares.

        Raises:
            TaskError: There is no ``grade.py``.
        """
        path = task.folder / "grade.py"
        if not path.is_file():
            raise TaskError(f"{path}: expected a function {function}, found no file")
        return cls(
            folder=task.folder,
            function=function,
            version=_version(task.folder, private),
            limits=task.grader,
            max_bytes=task.submission.max_bytes,
            raw=task.data.ref if task.data.loader == "files" else "",
            private=private,
            backend=backend,
        )

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.folder / 'grade.py'}: {self.function}"


def _version(folder: Path, private: Path | None) -> tuple[int, ...]:
    programs = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.py"))]
    if private is None or not private.is_dir():
        return tuple(programs)
    status = private.stat()
    return (*programs, status.st_ino, status.st_mtime_ns)


def grader_config(code: GraderCode, backend: str) -> SandboxConfig:
    """The sandbox that a ``grade.py`` runs in.

    Args:
        code: The ``grade.py``.
        backend: Name of the sandbox backend. A Docker image has its own Python.

    Raises:
        TaskError: It names a folder or a Python that isn't there, or the files are too large.
    """
    held = sum(path.stat().st_size for path in (PROGRAM, *_sources(code)) if path.is_file())
    if held > MOST_BYTES:
        raise TaskError(
            f"{code.folder}: the answers and the files beside grade.py hold {held:,} bytes; a "
            f"grader's sandbox has room for {MOST_BYTES:,}"
        )
    for folder in code.limits.folders:
        if not Path(folder).is_dir():
            raise TaskError(f"{code.folder / 'task.toml'}: grader.folders: no folder at {folder}")
    python = Path(code.limits.python) if code.limits.python and backend != "docker" else None
    if python is not None and not python.is_file():
        raise TaskError(f"{code.folder / 'task.toml'}: grader.python: no interpreter at {python}")
    return SandboxConfig(
        limits=Limits(
            memory_mb=code.limits.memory_mb, disk_mb=64 + ((held + 5 * code.max_bytes) >> 20)
        ),
        mounts=tuple(Mount(Path(f), f"folders/{Path(f).name}") for f in code.limits.folders),
        python=python,
        all_packages=True,
        warm=False,
    )


def grader_files(code: GraderCode) -> Iterator[tuple[str, bytes]]:
    """The files to write into the sandbox, with their names there."""
    yield "grader_program.py", PROGRAM.read_bytes()
    request = {
        "function": code.function,
        "seconds": math.ceil(code.limits.seconds),
        "tables": TABLES,
    }
    yield "request.json", json.dumps(request).encode()
    yield "own/mle_gym/__init__.py", b""
    for package in {str(parent) for name in OWN for parent in Path(name).parents} - {"."}:
        yield f"own/mle_gym/{package}/__init__.py", b""
    for name in OWN:
        yield f"own/mle_gym/{name}", (PACKAGE / name).read_bytes()
    for path in _sources(code):
        if code.private is not None and path.is_relative_to(code.private):
            yield f"private/{path.relative_to(code.private)}", path.read_bytes()
        else:
            yield f"task/{path.relative_to(code.folder)}", path.read_bytes()


def _sources(code: GraderCode) -> Iterator[Path]:
    """The files of the task's folder that the grader sees, and the private ones."""
    left_out = {code.folder / name for name in (*LEFT_OUT, code.raw) if name}
    for path in sorted(code.folder.rglob("*")):
        parts = path.relative_to(code.folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and left_out.isdisjoint((path, *path.parents)):
            yield path
    if code.private is not None:
        yield from (path for path in sorted(code.private.rglob("*")) if path.is_file())


def private_files(private: Path | None) -> Iterator[tuple[str, bytes]]:
    """What a ``grade`` of tables may read beside the answers; nothing without a private folder."""
    for path in sorted(private.rglob("*")) if private is not None else ():
        name = path.relative_to(private or path).as_posix()
        if path.is_file() and name not in NOT_GIVEN:
            yield name, path.read_bytes()


def missing_module(code: GraderCode, module: str) -> str:
    """The message for a module that its Python lacks, with the command that installs it."""
    python = code.limits.python or "the grader's Python"
    install = f"pip install {distribution_of(module)}"
    return f"needs the Python module {module!r}, which {python} doesn't have: {install}"
