"""Finds the tables among the files that sandboxes show. It looks from inside, once an environment.

The program in ``standalone/tables`` runs in a sandbox of its own that is made like an episode's, so
it sees exactly what an agent would. The result is cached under the digest of what is shown. So
another set of packages, another image or another interpreter is searched again.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.errors import SandboxUnavailable
from mle_gym.file_lock import file_lock
from mle_gym.paths import cache_folder
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Backend
from mle_gym.sandbox.sandbox_config import SandboxConfig

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["IndexedFile", "index_tables", "indexed_files"]

PROGRAM = Path(__file__).resolve().parent / "standalone/tables"
_SECONDS = 600.0
"""The search takes some seconds on an idle machine."""
_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class IndexedFile:
    """One file that may hold a table, by its prints (``standalone/tables/row_fingerprints.py``)."""

    path: str
    also: tuple[str, ...]
    """Other files with the same content: the bytecode of a module."""
    kinds: dict[str, npt.NDArray[np.int64]]
    """Kind of prints to hashes."""
    every: dict[str, int]
    """Kind to n: of all hashes, ``kinds`` holds those that n divides."""
    unread: bool = False
    """Whether the search couldn't read all of it."""


def index_tables(backend: Backend, config: SandboxConfig, digest: str) -> Path:
    """Index what sandboxes of this configuration show; returns the index's file.

    Args:
        backend: Makes the sandboxes.
        config: Their configuration.
        digest: The digest that :func:`mle_gym.sandbox.backends.shown` reports for them.

    Raises:
        SandboxUnavailable: The search failed, or the cache can't be written.
        SandboxCrashed: Its sandbox could not be started.
    """
    key = hashlib.sha256(f"{digest} {_program_digest()}".encode()).hexdigest()[:32]
    file = cache_folder().resolve() / "tables" / key / "index.jsonl"
    if file.is_file():
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(file.with_suffix(".lock")):
            if not file.is_file():
                write_whole(file, _search(backend, config))
    except OSError as error:
        raise SandboxUnavailable(
            f"{error.filename or file}: can't write the index of tables that sandboxes show: "
            f"{error.strerror or error}; make room or access there, or set MLE_GYM_CACHE"
        ) from None
    return file


@functools.lru_cache(maxsize=2)
def indexed_files(index: Path) -> tuple[IndexedFile, ...]:
    """Read the files of an index."""
    found = []
    for line in index.read_bytes().splitlines():
        entry = json.loads(line)
        kinds = {
            kind: np.frombuffer(base64.b64decode(text), np.int64)
            for kind, text in entry["kinds"].items()
        }
        also, unread = tuple(entry["also"]), entry.get("unread", False)
        found.append(IndexedFile(entry["path"], also, kinds, entry["every"], unread))
    return tuple(found)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees only a part of it."""
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _search(backend: Backend, config: SandboxConfig) -> bytes:
    plain = SandboxConfig(
        python=config.python, packages=config.packages, runtime=config.runtime, warm=False
    )
    with backend.create(replace(plain, limits=Limits(cpus=2.0))) as sandbox:
        for source in sorted(PROGRAM.glob("*.py")):
            sandbox.write_file(f"tables/{source.name}", source.read_bytes())
        run = sandbox.execute("python tables/find_tables.py index.jsonl", timeout=_SECONDS)
        if run.exit_code != 0:
            tail = run.output.decode("utf-8", "replace")[-500:].strip()
            raise SandboxUnavailable(
                f"what {backend.name} sandboxes show can't be searched for the rows of tasks: "
                f"exit code {run.exit_code}: {tail}"
            )
        return sandbox.fetch("index.jsonl", max_bytes=_MOST_BYTES)


@functools.cache
def _program_digest() -> str:
    sources = sorted(PROGRAM.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
