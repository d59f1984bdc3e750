"""Runs the Python files of a task folder that make its data: ``prepare.py`` and ``generate.py``.

They are trusted and run in this process; ``grade.py``, which sees what agents hand in, doesn't
(:mod:`mle_gym.grading.grader_code.code_sandbox`).
"""

from __future__ import annotations

import errno
import hashlib
import inspect
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from mle_gym.errors import FULL_DISK, DatasetError, TaskError

__all__ = ["call_hook", "find_hook", "load_hook", "load_module", "named", "splits_again"]

_ONE_AT_A_TIME = threading.RLock()
"""Neighbours are known to Python by their names, so two threads that load one file would each drop
what the other is importing."""


def load_hook(path: Path, function: str) -> Callable[..., Any]:
    """The function of that name, from a fresh run of the file; no bytecode of it is left.

    The file may import its neighbours in the folder: ``from .tfrecord import features``.

    Raises:
        TaskError: The file doesn't run, or has no such function.
    """
    return named(load_module(path), path, function)


def find_hook(path: Path, function: str) -> Callable[..., Any] | None:
    """As :func:`load_hook`, None where the file has no such function.

    Raises:
        TaskError: The file doesn't run.
    """
    found = getattr(load_module(path), function, None)
    return found if callable(found) else None


def named(module: ModuleType, path: Path, function: str) -> Callable[..., Any]:
    """The function of that name in a module that :func:`load_module` made of a file.

    Raises:
        TaskError: There is none.
    """
    found: Any = getattr(module, function, None)
    if not callable(found):
        raise TaskError(f"{path}: {function}: expected a function of that name, found none")
    return found  # type: ignore[no-any-return]


def load_module(path: Path) -> ModuleType:
    """A fresh run of a file of a task folder.

    Raises:
        TaskError: The file doesn't run.
    """
    with _ONE_AT_A_TIME:
        return _load_module(path)


def _load_module(path: Path) -> ModuleType:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    module = ModuleType(f"_mle_gym_hook_{digest}")
    module.__file__, module.__package__ = str(path), module.__name__
    module.__path__ = [str(path.parent)]  # where Python looks for its neighbours
    for name in list(sys.modules):  # a copy, because other threads import meanwhile
        if name.startswith(f"{module.__name__}."):
            del sys.modules[name]  # the neighbours that an earlier run imported
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except Exception as error:
        raise TaskError(f"{path}: expected Python that runs, found: {error!r}") from error
    return module


def call_hook(path: Path, hook: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of that file returns.

    Raises:
        DatasetError: The hook raised any exception except a full disk, which it can't cause.
    """
    try:
        return hook(*arguments)
    except DatasetError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if errno.errorcode.get(number or 0) in FULL_DISK:
            raise
        message = error if number else repr(error)  # of which an OSError's doesn't name its file
        raise DatasetError(f"{path}: {hook.__name__}() failed: {message}") from error


def splits_again(prepare: Callable[..., Any]) -> bool:
    """Whether a ``prepare`` makes variants of its split: it has a fifth parameter ``resplit``."""
    return "resplit" in inspect.signature(prepare).parameters
