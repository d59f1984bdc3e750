"""Where tasks are found, and how Gymnasium learns of them.

``import mle_gym`` runs this module, so it reads ids and versions and imports nothing heavy.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
import warnings
from contextlib import nullcontext
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

from mle_gym.errors import CacheError, TaskError
from mle_gym.ownership import check_owner, check_private
from mle_gym.paths import bundled, user_tasks
from mle_gym.regular_files import read_whole
from mle_gym.text import clean_text, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["entry_points_of", "load_task", "register_all", "register_tasks", "task_folders"]

GROUP = "mle_gym.tasks"
"""Entry points of this group name a folder of task folders: ``my_package`` or
``my_package:envs`` for its subfolder. The package itself is not imported."""

ANY = "mle/any-v0"
"""The environment that plays another task in every episode."""

FIRST_TABLE = re.compile(r"^\[", re.MULTILINE)
FIRST_LINES = re.compile(rb'id = "([a-z0-9]+(?:-[a-z0-9]+)*)"\r?\nversion = (0|[1-9]\d{0,8})\r?\n')

MOST_BYTES = 2**20
"""Of a task.toml; those of competitions have a few thousand."""

_registered: dict[str, Path] = {}
"""Tasks that :func:`register_tasks` added, by id."""


def task_folders() -> dict[str, Path]:
    """Every task's folder by id: built-in, of packages, imported, ``MLE_GYM_PATH``, registered.

    A later place may not take an id of an earlier one; broken folders are left out with a warning,
    registered ones that were deleted without.
    """
    found: dict[str, Path] = {}
    for folder in _searched_folders():
        try:
            task_id = _identify(folder)[0]
        except TaskError as error:
            warnings.warn(clean_text(f"this task is left out: {error}"), stacklevel=2)
            continue
        if found.setdefault(task_id, folder) != folder:
            reason = f"the id {task_id!r} is taken by {found[task_id]}"
            warnings.warn(clean_text(f"this task is left out: {folder}: {reason}"), stacklevel=2)
    return found | {name: folder for name, folder in _registered.items() if _is_task(folder)}


def load_task(name: str | Path) -> TaskSpec:
    """The task called ``"titanic"`` or ``"mle/titanic-v0"``, or the one in a folder.

    Raises:
        TaskError: No such task (with the nearest names), or a broken one.
    """
    folder = _folder_of(name)
    return _load(folder, _state(folder))


def register_tasks(path: str | Path) -> list[str]:
    """Make your own tasks known: a folder of task folders, or one task folder.

    Returns their Gymnasium ids, ready for ``gymnasium.make``. Doing it again changes nothing.

    Raises:
        TaskError: No task there, a broken one, or an id that another task has.
    """
    folders = _tasks_below(Path(path).expanduser().absolute())
    if not folders:
        raise TaskError(f"{path}: expected a task.toml, or folders with one, found none")
    known = task_folders()
    tasks = [load_task(folder) for folder in folders]
    for task in tasks:
        if known.setdefault(task.id, task.folder) != task.folder:
            raise TaskError(
                f"{task.folder / 'task.toml'}: id: expected an id of its own, found {task.id!r}, "
                f"which is the task in {known[task.id]}"
            )
    for task in tasks:
        _registered[task.id] = task.folder
        _register(task.env_id, str(task.folder))
    return [task.env_id for task in tasks]


def register_all() -> None:
    """Register every task with Gymnasium, by id and version alone. Idempotent."""
    own = bundled("envs")
    with warnings.catch_warnings(action="ignore") if _is_program() else nullcontext():
        folders = task_folders()
    for task_id, folder in folders.items():
        version = _identify(folder)[1]
        task = task_id if folder.parent == own else str(folder)
        _register(f"mle/{task_id}-v{version}", task)
    if ANY not in gymnasium.registry:
        entry_point = "mle_gym.curricula.any_task:AnyTask"
        gymnasium.register(ANY, entry_point=entry_point, nondeterministic=True)


def _is_program() -> bool:
    """Whether this process is ``mle-gym``, which looks for tasks again and warns in one line."""
    script = Path("".join(sys.argv[:1])).name
    return script == "mle-gym" or sys.orig_argv[1:3] == ["-m", "mle_gym"]


def _register(env_id: str, task: str) -> None:
    kwargs: dict[str, Any] = {"task": task}
    present = gymnasium.registry.get(env_id)
    if present is not None and present.kwargs == kwargs:
        return
    gymnasium.registry.pop(env_id, None)
    gymnasium.register(
        env_id,
        entry_point="mle_gym.env:MLEEnv",
        vector_entry_point="mle_gym.vector:ThreadVectorEnv",
        nondeterministic=True,  # the wall clock is part of the observation
        kwargs=kwargs,
    )


def _searched_folders() -> list[Path]:
    places = [bundled("envs")]
    places += _installed_folders()
    places += _imported_folders()
    for place in filter(None, os.environ.get("MLE_GYM_PATH", "").split(os.pathsep)):
        folder = Path(place).expanduser().absolute()
        if not folder.is_dir():
            warnings.warn(f"MLE_GYM_PATH: expected folders, found {place!r}", stacklevel=3)
        places.append(folder)
    return [folder for place in places for folder in _tasks_below(place)]


def _imported_folders() -> list[Path]:
    """What ``mle-gym import`` made: a folder of task folders for each benchmark."""
    home = user_tasks().absolute()
    if not home.is_dir():
        return []
    try:
        check_private(home)
        found = sorted(path for path in home.iterdir() if path.name[0] != ".")
        for path in found:
            check_owner(path)
    except OSError:
        return []
    except CacheError as error:
        warnings.warn(f"imported tasks are left out: {error}", stacklevel=4)
        return []
    return found


def entry_points_of(group: str) -> EntryPoints:
    """What installed packages declare under that name."""
    # Slow, and seldom needed by `import mle_gym` and `mle-gym --help`.
    from importlib.metadata import entry_points

    return entry_points(group=group)


@lru_cache(maxsize=1)
def _installed_folders() -> tuple[Path, ...]:
    """What other packages offer; looked up once, since it reads every package's metadata."""
    if not any(map(_names_our_group, sys.path)):
        return ()
    places = []
    for point in entry_points_of(GROUP):
        try:
            places.append(_entry_folder(point))
        except TaskError as error:
            warnings.warn(str(error), stacklevel=4)
    return tuple(places)


def _names_our_group(place: str) -> bool:
    """Whether a package there may offer tasks; to learn that it doesn't is half of an import."""
    try:
        entries = [path for path in Path(place).iterdir() if path.name.lower().endswith("-info")]
    except OSError:  # no folder; archives are for importlib.metadata to look into
        return Path(place).is_file()
    for entry in entries:
        try:
            if GROUP.encode() in (entry / "entry_points.txt").read_bytes():
                return True
        except OSError:
            continue
    return False


def _entry_folder(point: EntryPoint) -> Path:
    package, *rest = point.module.split(".")
    spec = find_spec(package)
    roots = list(spec.submodule_search_locations or []) if spec else []
    if not roots:
        raise TaskError(
            f"entry point {point.name!r} of {GROUP}: expected a package, found {point.value!r}"
        )
    return Path(roots[0], *rest, *filter(None, (point.attr or "").split(".")))


def _is_task(folder: Path) -> bool:
    return (folder / "task.toml").is_file()


def _tasks_below(place: Path) -> list[Path]:
    if _is_task(place):
        return [place]
    try:
        return sorted(path for path in place.iterdir() if os.path.lexists(path / "task.toml"))
    except OSError:
        return []


def _identify(folder: Path) -> tuple[str, int]:
    """Id and version of the task in ``folder``."""
    file = folder / "task.toml"
    try:
        return _read_identity(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise TaskError(f"{file}: expected a readable file, found: {error.strerror}") from None


@lru_cache(maxsize=4096)
def _read_identity(file: Path, _mtime_ns: int) -> tuple[str, int]:
    text = read_whole(file, MOST_BYTES)
    plain = FIRST_LINES.match(text)
    if plain:  # as every task of ours begins; a parser would take longer than all the rest
        return plain[1].decode(), int(plain[2])
    try:  # both stand above the first table; a competition's task.toml can be long
        content = tomllib.loads(FIRST_TABLE.split(text.decode(), maxsplit=1)[0])
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{file}: expected TOML in UTF-8, found: {error}") from None
    task_id, version = content.get("id"), content.get("version", 0)
    if not isinstance(task_id, str) or not task_id.replace("-", "").isalnum():
        raise TaskError(f"{file}: id: expected a name such as 'titanic', found {task_id!r}")
    if type(version) is not int or version < 0:
        raise TaskError(f"{file}: version: expected an integer from 0, found {version!r}")
    return task_id, version


def _folder_of(name: str | Path) -> Path:
    text = str(name)
    if isinstance(name, Path) or (os.sep in text and not text.startswith("mle/")):
        return Path(name).expanduser().absolute()
    task_id, _, version = text.removeprefix("mle/").rpartition("-v")
    if not (task_id and version.isdecimal()):
        task_id, version = text.removeprefix("mle/"), ""
    folder = _folder_by_id(task_id)
    current = _identify(folder)[1]
    if version and int(version) != current:
        raise TaskError(f"unknown task {text!r}; {task_id!r} is at version {current}")
    return folder


def _folder_by_id(task_id: str) -> Path:
    built_in = bundled("envs") / task_id
    if task_id and os.sep not in task_id and (built_in / "task.toml").is_file():
        return built_in  # by convention named like its id; saves looking everywhere
    folders = task_folders()
    if task_id not in folders:
        raise TaskError(_unknown(task_id, folders))
    return folders[task_id]


def _unknown(task_id: str, folders: dict[str, Path]) -> str:
    hint = did_you_mean(task_id, folders) or f"; known: {', '.join(sorted(folders)) or 'none'}"
    return f"unknown task {task_id!r}{hint} (`mle-gym list` shows all)"


def _state(folder: Path) -> tuple[int, ...]:
    """Changes whenever the folder's entries, task.toml or description.md change."""
    times = []
    for path in (folder, folder / "task.toml", folder / "description.md"):
        try:
            status = path.stat()
            times += [status.st_mtime_ns, status.st_size]
        except OSError:
            times += [0, 0]
    return tuple(times)


@lru_cache(maxsize=512)
def _load(folder: Path, _state: tuple[int, ...]) -> TaskSpec:
    from mle_gym.tasks.load import load_folder  # pydantic, which `import mle_gym` does without

    return load_folder(folder)
