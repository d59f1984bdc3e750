"""The raw files of a competition: where they are on this machine, and a folder to prepare from.

Data that lie here already are used where they are: a folder of files, of Kaggle's archives, or of
MLE-bench's cache (``<root>/<competition>/raw`` or ``prepared``). Nothing is ever written there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import platformdirs

from mle_gym.datasets.sources.kaggle.archives import (
    is_archive,
    list_members,
    pattern_regex,
    stem,
    unpack,
)
from mle_gym.errors import DatasetError
from mle_gym.ownership import check_owner, checked_cache

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = [
    "ARCHIVE",
    "FOLDERS",
    "LEADERBOARD",
    "RECORD",
    "Source",
    "download_folder",
    "download_size",
    "find_sources",
    "gather",
    "how_to_get",
    "leaderboard_file",
    "page",
]

FOLDERS = "MLE_GYM_RAW"
"""Environment variable: folders, separated by colons, with a folder for each competition."""
ARCHIVE = "data.zip"
"""A downloaded competition, in :func:`download_folder`."""
RECORD = "download.json"
"""Beside it: its size, its SHA-256, and when and from where it came."""
DEEPEST = 3
"""Archives within archives that are looked into; Kaggle's are within one other."""
LEADERBOARD = "leaderboard.csv"
"""Beside it: the final scores of all teams, in a column ``score``."""
NESTED = ".archives"
"""Where archives from within archives lie while they are taken apart."""


@dataclass(frozen=True)
class Source:
    """Where the data of a competition may be."""

    kind: Literal["raw", "prepared"]
    """Files as Kaggle gives them, or MLE-bench's ``prepared`` folder."""
    path: Path
    """A folder, or one archive with everything in it."""


def find_sources(task: TaskSpec, given: Path | None = None) -> list[Source]:
    """Where to look for a task's data, in this order; nothing is opened.

    Args:
        task: A task whose loader is ``kaggle``.
        given: A folder or archive of the user's, the only one to look at then.

    Raises:
        DatasetError: ``given`` doesn't exist or is empty.
    """
    name = task.data.ref
    if given is not None:
        found = _below(given, name)
        if not found:
            raise DatasetError(f"{given}: expected a folder with the data of {name}, or its zip")
        return found
    roots = [Path(root) for root in os.environ.get(FOLDERS, "").split(os.pathsep) if root]
    bench = Path(platformdirs.user_cache_dir()) / "mle-bench" / "data"
    places = [*(root.expanduser() / name for root in roots)]
    places += [download_folder(name) / ARCHIVE, bench / name]
    return [source for place in places for source in _below(place, name)]


def download_folder(competition: str) -> Path:
    """Where we keep what we downloaded of a competition.

    Raises:
        CacheError: It is somebody else's, or others may write it.
    """
    folder = checked_cache("kaggle") / competition
    if folder.is_dir():
        for path in (folder, *folder.iterdir()):
            check_owner(path)
    return folder


def page(competition: str, tab: str = "") -> str:
    """The address of a competition on Kaggle, or of one of its tabs (``"/rules"``)."""
    return f"https://www.kaggle.com/competitions/{competition}{tab}"


def leaderboard_file(competition: str) -> Path | None:
    """A competition's full leaderboard, where one was downloaded or put there by hand."""
    file = download_folder(competition) / LEADERBOARD
    return file if file.is_file() else None


def how_to_get(task: TaskSpec) -> str:
    """What to type to get a task's data, for messages."""
    client = "" if find_spec("kagglehub") else "`pip install 'mle-gym[kaggle]'`, then "
    amount = download_size(task) or "them"
    return (
        f"{client}`mle-gym prepare {task.id}` downloads {amount} with your Kaggle "
        f"account (docs/kaggle.md); data that you have: `mle-gym prepare {task.id} --from DIR`, or "
        f"{FOLDERS}=DIR with a folder {task.data.ref} in it"
    )


def download_size(task: TaskSpec) -> str:
    """What a competition's download takes, as ``1.9 MB``; empty where nobody says."""
    size = task.data.download_gb
    if size is None:
        return ""
    return f"{size:.3g} GB" if size >= 0.1 else f"{size * 1000:.3g} MB"


def _below(place: Path, name: str) -> list[Source]:
    """What of a user's folder looks like data: MLE-bench's folders first, then the folder."""
    if place.is_file():
        return [Source("raw", place)]
    found = []
    for folder in (place / name, place):
        if _filled(folder / "raw"):
            found.append(Source("raw", folder / "raw"))
        if _filled(folder / "prepared" / "public") and _filled(folder / "prepared" / "private"):
            found.append(Source("prepared", folder / "prepared"))
        if _filled(folder / "public") and _filled(folder / "private"):
            found.append(Source("prepared", folder))
        if folder != place and _filled(folder) and not found:
            found.append(Source("raw", folder))
    return found or ([Source("raw", place)] if _filled(place) else [])


def _filled(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def gather(source: Path, wanted: Sequence[str], folder: Path) -> dict[str, Any]:
    """Make ``folder`` hold the wanted files, under their names.

    What lies unpacked in ``source`` is linked, what is in archives there, or in archives within
    those, is unpacked. Writing below ``folder`` may write to ``source``: don't.

    Args:
        source: The user's folder, or one archive.
        wanted: Patterns of names, such as ``train.csv`` and ``train/*.jpg``.
        folder: An empty folder.

    Returns:
        What was used: each file of ``source`` with its bytes and SHA-256; a folder of files with
        their number, bytes and the SHA-256 of names and sizes.

    Raises:
        DatasetError: A pattern without a file; names what is there.
    """
    used: dict[str, Any] = {}
    missing = []
    for pattern in wanted:
        if not (_link(source, pattern, folder) or _unpack(source, pattern, folder, used)):
            missing.append(pattern)
    if missing:
        names = sorted(path.name for path in source.iterdir()) if source.is_dir() else [source.name]
        there = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        raise DatasetError(f"{source}: expected {', '.join(missing)}, found {there or 'nothing'}")
    for link in folder.iterdir():
        if link.is_symlink():
            used[link.name] = _fingerprint(link.resolve())
    return used


def _link(source: Path, pattern: str, folder: Path) -> bool:
    """Link the file, or the folder at the pattern's beginning, if it lies there unpacked."""
    if not source.is_dir() or not any(_matching(source, pattern)):
        return False
    top = pattern.split("/")[0]
    for path in [source / top] if "*" not in top else source.iterdir():
        link = folder / path.name
        if pattern_regex(top).fullmatch(path.name) and not link.is_symlink():
            link.symlink_to(path.absolute())
    return True


def _matching(source: Path, pattern: str) -> Iterator[str]:
    """Names of files below ``source`` that match."""
    fixed = pattern.split("*")[0].rpartition("/")[0]
    if "*" not in pattern:
        if (source / pattern).is_file():
            yield pattern
        return
    regex = pattern_regex(pattern)
    for top, _, files in os.walk(source / fixed):
        for file in files:
            name = (Path(top) / file).relative_to(source).as_posix()
            if regex.fullmatch(name):
                yield name


def _unpack(source: Path, pattern: str, folder: Path, used: dict[str, Any]) -> bool:
    """Unpack the pattern's files from the first archive that has them."""
    if source.is_file():
        archives = {source: ""}
    else:
        archives = {path: "" for path in source.iterdir() if path.is_file()}
    for archive in _by_affinity(archives, pattern):
        if _unpack_from(archive, "", pattern, folder, DEEPEST):
            used.setdefault(archive.name, _fingerprint(archive))
            return True
    return False


def _by_affinity(archives: dict[Path, str], pattern: str) -> list[Path]:
    """Archives, those named like the pattern's beginning first."""
    top = pattern.split("/")[0]

    def distance(path: Path) -> tuple[bool, bool, str]:
        name = stem(path.name)
        return (name != top, not top.startswith(name), path.name)

    return sorted((path for path in archives if is_archive(path.name)), key=distance)


def _unpack_from(archive: Path, place: str, pattern: str, folder: Path, depth: int) -> bool:
    """Look in an archive, then in the archives in it; ``place`` is its folder in the raw data."""
    names = [member.name for member in list_members(archive)]
    regex, own = pattern_regex(pattern), stem(archive.name)
    for prefix in (place, f"{place}{own}/"):
        chosen = {name: prefix + name for name in names if regex.fullmatch(prefix + name)}
        if chosen:
            unpack(archive, chosen, folder)
            return True
    inner = {Path(name): name for name in names if depth and is_archive(name)}
    for path in _by_affinity(inner, pattern):
        target = f"{NESTED}/{hashlib.sha256(str(archive).encode()).hexdigest()[:8]}/{inner[path]}"
        if not (folder / target).exists():
            unpack(archive, {inner[path]: target}, folder)
        parent = path.parent.as_posix()
        nested = place if parent == "." else f"{place}{parent}/"
        if _unpack_from(folder / target, nested, pattern, folder, depth - 1):
            return True
    return False


def _fingerprint(path: Path) -> dict[str, Any]:
    record = path.with_name(RECORD)
    if path.name == ARCHIVE and record.is_file():
        return {name: json.loads(record.read_bytes())[name] for name in ("bytes", "sha256")}
    if path.is_file():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": path.stat().st_size, "sha256": content}
    files = sorted(
        (file.relative_to(path).as_posix(), file.stat().st_size)
        for file in path.rglob("*")
        if file.is_file()
    )
    listing = hashlib.sha256("\n".join(f"{name} {size}" for name, size in files).encode())
    return {
        "files": len(files),
        "bytes": sum(size for _, size in files),
        "sha256": listing.hexdigest(),
    }
