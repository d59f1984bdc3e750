"""Warm Python, the host's part: what a zygote imports, and the two small programs it needs."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import CacheError
from mle_gym.ownership import own_cache
from mle_gym.paths import cache_folder
from mle_gym.sandbox.command_variables import THREAD_VARIABLES
from mle_gym.sandbox.installation.python_installation import PythonInstallation
from mle_gym.sandbox.seccomp import filter_program
from mle_gym.sandbox.standalone.shared.launcher_messages import Entry, ZygotePlan
from mle_gym.sandbox.standalone.start_commands import FOLDER, parts_of, zygote_command
from mle_gym.sandbox.warm.compiled_programs import COMPILERS, programs

__all__ = ["NEWEST", "OLDEST", "Shown", "WarmPython", "obstacle", "warm_python", "zygote_plan"]

OLDEST, NEWEST = (3, 9), (3, 14)
"""Versions of Python for which it was tried that programs do the same warm and cold."""
OPT, _OWN_FOLDER = "/opt", "mle-gym"
_OWN_VARIABLES = ("PATH", "LANG", "TERM", "MPLBACKEND", "PYTHONHASHSEED")
"""Variables of commands that a zygote has too: those that are read as Python starts."""


@dataclass(frozen=True)
class Shown:
    """How an installation looks to a zygote."""

    executable: Path
    folders: tuple[Path, ...]
    """Where modules may be imported from."""
    packages: Mapping[Path, Path]
    """Package folder to the folder that holds what sandboxes show of it."""
    tree: list[Entry] | None = None
    """The entries of the folder that the zygote sees at :data:`OPT`, which
    ``launcher/merged_folders.py`` describes. None if it sees the host's folders."""


@dataclass(frozen=True)
class WarmPython:
    """How to offer warm Python in a sandbox."""

    executable: Path
    names: tuple[str, ...]
    """The names by which it may be called, ``python`` first."""
    shim: Path
    """The program that is ``python`` on the sandbox's ``PATH``."""
    plan: ZygotePlan
    """How to start the zygote. Sandboxes with equal plans share a zygote."""


def warm_python(
    python: PythonInstallation,
    shown: Shown,
    preload: tuple[str, ...],
    environment: dict[str, str],
) -> WarmPython | None:
    """Prepare warm Python. None if it can't work here, so that Python starts cold.

    Args:
        python: What is offered to the agent.
        shown: How that looks where the zygote is.
        preload: Modules to import ahead of time; those that are not shown are left out.
        environment: The variables with which the sandbox's commands start.
    """
    made = programs()
    if made is None or not OLDEST <= python.version <= NEWEST:
        return None
    shim, *others = made
    # What the zygote needs of ours, by its path below our folder.
    own = {program.name: program for program in others}
    own |= {f"{FOLDER.name}/{part}": FOLDER / part for part in parts_of("zygote")}
    ours = Path(OPT, _OWN_FOLDER)
    plan = zygote_plan(
        str(shown.executable),
        str(FOLDER if shown.tree is None else ours / FOLDER.name),
        [str(program if shown.tree is None else ours / program.name) for program in others],
        list(map(str, shown.folders)),
        {str(site): str(folder) for site, folder in shown.packages.items()},
        preload,
        environment,
        filter_program() or b"",
    )
    if shown.tree is not None:
        entries: list[Entry] = [
            {"target": f"{_OWN_FOLDER}/{name}", "source": str(path)} for name, path in own.items()
        ]
        plan["trees"] = {OPT: [*shown.tree, *entries]}
    return WarmPython(shown.executable, _names(python.executable), shim, plan)


def obstacle(version: tuple[int, ...]) -> str:
    """Why Python of this version can't be warm here; empty if no reason is known.

    Args:
        version: Major and minor of what is offered to the agent.
    """
    if not OLDEST <= version <= NEWEST:
        found, *bounds = (f"{major}.{minor}" for major, minor in (version, OLDEST, NEWEST))
        return f"Python {found} is not one of those that were tried, {' to '.join(bounds)}"
    try:
        if programs() is not None:
            return ""
    except CacheError as error:
        return str(error)
    folder = cache_folder().resolve() / "programs"
    try:
        own_cache("programs")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"no program can be kept in {folder}: {error.strerror}"
    if not any(map(shutil.which, COMPILERS)):
        return f"no C compiler is installed: none of {', '.join(COMPILERS)}"
    return "the C compiler could not compile what it takes"


def zygote_plan(
    python: str,
    folder: str,
    others: list[str],
    folders: list[str],
    packages: dict[str, str],
    preload: tuple[str, ...],
    environment: dict[str, str],
    system_calls: bytes,
) -> ZygotePlan:
    """Make the command that starts a zygote, and its environment.

    Args:
        python: The interpreter. All paths are as seen where the zygote will be.
        folder: The folder that holds the zygote's parts.
        others: The programs of :func:`programs`, without the shim.
        folders: Where modules may be imported from.
        packages: Package folder to the folder that holds what sandboxes show of it.
        preload: Names of modules; those that are not shown are left out.
        environment: The variables with which the sandbox's commands start.
        system_calls: The filter that a sandbox has and the zygote hasn't; empty for none.
    """
    variables = {name: environment[name] for name in _OWN_VARIABLES if name in environment}
    # One thread each: if OpenMP ever ran more of them, it would hang in every fork.
    variables |= dict.fromkeys(THREAD_VARIABLES, "1")
    arguments = [*others, json.dumps(preload), json.dumps(folders), json.dumps(packages)]
    arguments.append(system_calls.hex())
    return {"command": zygote_command(python, folder, arguments), "environment": variables}


@functools.cache
def _names(executable: Path) -> tuple[str, ...]:
    """``python``, ``python3`` and the other names of the same interpreter in its folder."""
    real = executable.resolve()
    found = [path.name for path in executable.parent.glob("python*") if path.resolve() == real]
    return tuple(dict.fromkeys(["python", "python3", *sorted(found)]))
