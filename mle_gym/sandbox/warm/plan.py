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
"""Versions in which programs were seen to do the same warm and cold."""
OPT, _OWN_FOLDER = "/opt", "mle-gym"
_OWN_VARIABLES = ("PATH", "LANG", "TERM", "MPLBACKEND", "PYTHONHASHSEED")
"""Variables of commands that a zygote gets too: the ones that are read as Python starts."""


@dataclass(frozen=True)
class Shown:
    """How an installation looks to a zygote."""

    executable: Path
    folders: tuple[Path, ...]
    """Where modules may be imported from."""
    packages: Mapping[Path, Path]
    """For package folders of which sandboxes show a part, where that part is."""
    tree: list[Entry] | None = None
    """What is to be seen at :data:`OPT`; see ``launcher/trees.py``. None where the zygote sees the
    host's folders."""


@dataclass(frozen=True)
class WarmPython:
    """How to offer warm Python in a sandbox."""

    executable: Path
    names: tuple[str, ...]
    """What it may be called: ``python`` first."""
    shim: Path
    """The program that is ``python`` on the sandbox's ``PATH``."""
    plan: ZygotePlan
    """The zygote's command and environment; sandboxes with equal ones share a zygote."""


def warm_python(
    python: PythonInstallation,
    shown: Shown,
    preload: tuple[str, ...],
    environment: dict[str, str],
) -> WarmPython | None:
    """Prepare warm Python, or None where it can't be had: Python starts cold there.

    Args:
        python: What is offered to the agent.
        shown: How that looks where the zygote is.
        preload: Modules to import ahead; the ones that are not shown are left out.
        environment: What the sandbox's commands start with.
    """
    made = programs()
    if made is None or not OLDEST <= python.version <= NEWEST:
        return None
    shim, *others = made
    # Where the zygote finds what is ours, by the names below that folder.
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
    """Why Python of that version can't be warm here; empty where nothing is known against it.

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
    """The command that starts a zygote, and its environment.

    Args:
        python: The interpreter; all paths as seen where the zygote will be.
        folder: What has the zygote's parts.
        others: What :func:`programs` made, without the shim.
        folders: Where modules may be imported from.
        packages: For package folders of which sandboxes show a part, where that part is.
        preload: Names of modules; the ones that are not shown are left out.
        environment: What the sandbox's commands start with.
        system_calls: The filter that a sandbox has and the zygote has not; empty for none.
    """
    variables = {name: environment[name] for name in _OWN_VARIABLES if name in environment}
    # One thread each: an OpenMP that ever ran more would hang in every fork.
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
