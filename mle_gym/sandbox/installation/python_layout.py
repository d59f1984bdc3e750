"""Where a sandbox shows a Python installation, so that nothing reveals the host's folders.

Tracebacks, ``sys.path`` and much else name the folders of Python, and so would the records of what
an agent did. An installation below ``/usr`` is in the same place everywhere and stays there. The
folders of any other one are shown below :data:`PLACE`. The few of its files that name the host's
folders (those in ``bin``, ``pyvenv.cfg``, and what ``sysconfig`` reads) are shown as if it had been
installed there.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import SandboxUnavailable
from mle_gym.file_lock import file_lock
from mle_gym.ownership import checked_cache, own_cache
from mle_gym.sandbox.installation.package_folders import place_file
from mle_gym.sandbox.installation.python_installation import PythonInstallation, is_below

__all__ = ["PLACE", "Layout", "layout_of", "rewritten_files"]

PLACE = Path("/opt")
_NAMES = ("python", "python-base")
_FOLDERS = ("bin", "lib/{python}/lib-dynload")
_FILES = (
    "pyvenv.cfg",
    "lib/{python}/_sysconfigdata*.py",
    "lib/{python}/__pycache__/_sysconfigdata*.{tag}.pyc",
)
_MAGIC = b"\x7fELF"
_LARGEST_TEXT = 1 << 22
_COMPILE = (
    "import py_compile, sys; py_compile.compile(*sys.argv[1:], doraise=True, "
    "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
)


@dataclass(frozen=True)
class Layout:
    """Where the folders of an installation are shown."""

    places: tuple[tuple[Path, Path], ...] = ()
    """Folders that are shown elsewhere: the path on the host, and the path in the sandbox."""

    def __call__(self, path: Path) -> Path:
        """Where the sandbox shows a path of the host."""
        for folder, place in self.places:
            if path == folder or is_below(path, folder):
                return place / path.relative_to(folder)
        return path

    def on_host(self, path: Path) -> Path:
        """The path on the host of something that the sandbox shows."""
        for folder, place in self.places:
            if path == place or is_below(path, place):
                return folder / path.relative_to(place)
        return path

    def moves(self, path: Path) -> bool:
        """Whether a path is shown elsewhere."""
        return self(path) != path

    def renamed(self, content: bytes) -> bytes:
        """Replace the names of the host's folders in a text."""
        for name, place in self._names():
            content = re.sub(re.escape(name) + rb"(?![\w-])", place, content)
        return content

    def renamed_program(self, content: bytes) -> bytes:
        """Replace them in a binary file, which looks for libraries there, by shorter strings."""
        for name, _ in self._names():
            pattern = re.escape(name) + rb"(?=[/:\0])[^\0]*"

            def shorter(found: re.Match[bytes]) -> bytes:
                return self.renamed(found[0]).ljust(len(found[0]), b"\0")

            content = re.sub(pattern, shorter, content)
        return content

    def _names(self) -> list[tuple[bytes, bytes]]:
        """The host's folders, under their real names too, and their places; longest first."""
        names = {
            os.fsencode(name): os.fsencode(place)
            for folder, place in self.places
            for name in (folder, folder.resolve())
            if len(str(name)) >= len(str(place))
        }
        return sorted(names.items(), key=lambda pair: -len(pair[0]))


@functools.lru_cache(maxsize=16)
def layout_of(python: PythonInstallation) -> Layout:
    """Decide where to show an installation.

    A folder with a shorter path than ours stays where it is: programs have no room for a longer
    path, and such a short one reveals nothing.
    """
    own = [folder for folder in python.folders if not _is_everywhere(folder)]
    own.sort(key=lambda folder: not is_below(python.executable, folder))
    names = [*_NAMES, *(f"python-{number}" for number in range(len(own)))]
    places = tuple((folder, PLACE / name) for folder, name in zip(own, names, strict=False))
    known = any(is_below(python.executable, folder) for folder in own)
    if known and all(len(str(folder)) >= len(str(place)) for folder, place in places):
        return Layout(places)
    return Layout()


def _is_everywhere(folder: Path) -> bool:
    return folder == Path("/usr") or is_below(folder, Path("/usr"))


def rewritten_files(python: PythonInstallation, layout: Layout) -> dict[Path, Path]:
    """Files and folders that name the host's folders, each with what to show instead.

    Raises:
        SandboxUnavailable: The cache can't be written.
    """
    sources = _all_sources(python, layout)
    status = [path.stat() for path in sources]
    stamps = tuple((each.st_mtime_ns, each.st_ino) for each in status)
    if not sources:
        return {}
    # Looked at each time: whoever empties the cache need not start this process again.
    folder = checked_cache("installations") / _key(layout, sources, stamps)
    if not folder.is_dir():
        _make_once(folder, python, layout, sources)
    return _by_source(folder, sources)


@functools.lru_cache(maxsize=16)
def _all_sources(python: PythonInstallation, layout: Layout) -> tuple[Path, ...]:
    return tuple(source for folder, _ in layout.places for source in _sources(python, folder))


def _sources(python: PythonInstallation, folder: Path) -> Iterator[Path]:
    version = "".join(map(str, python.version))
    words = {"python": "python" + ".".join(map(str, python.version)), "tag": f"cpython-{version}"}
    for pattern in (*_FOLDERS, *_FILES):
        yield from sorted(folder.glob(pattern.format(**words)))


@functools.lru_cache(maxsize=16)
def _key(layout: Layout, sources: tuple[Path, ...], stamps: tuple[tuple[int, ...], ...]) -> str:
    return hashlib.sha256(repr((layout, sources, stamps)).encode()).hexdigest()[:32]


@functools.lru_cache(maxsize=16)
def _by_source(folder: Path, sources: tuple[Path, ...]) -> dict[Path, Path]:
    return {source: folder / str(number) for number, source in enumerate(sources)}


def _make_once(
    folder: Path, python: PythonInstallation, layout: Layout, sources: tuple[Path, ...]
) -> None:
    try:
        own_cache("installations")
        with file_lock(f"{folder}.lock"):
            if not folder.is_dir():
                _make(folder, python, layout, sources)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxUnavailable(
            f"{folder}: can't write what sandboxes show of Python: {error}; make room or access "
            "there, or set MLE_GYM_CACHE to a folder that can be written"
        ) from None


def _make(
    folder: Path, python: PythonInstallation, layout: Layout, sources: tuple[Path, ...]
) -> None:
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for number, source in enumerate(sources):
            target = place / str(number)
            if source.is_dir():
                target.mkdir()
                for entry in sorted(source.iterdir()):
                    _rewrite(entry, target / entry.name, layout)
            elif source.suffix != ".pyc":
                _rewrite(source, target, layout)
        for number, source in enumerate(sources):
            if source.suffix == ".pyc":
                _compile(python, layout, place, sources, number)
        place.chmod(0o755)
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _compile(
    python: PythonInstallation, layout: Layout, place: Path, sources: tuple[Path, ...], number: int
) -> None:
    """Compile what was rewritten, by the interpreter that will read it."""
    path = sources[number]
    source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
    made = place / str(sources.index(source))
    words = [str(made), str(place / str(number)), str(layout(source))]
    command = [str(python.executable), "-I", "-S", "-c", _COMPILE, *words]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _rewrite(source: Path, target: Path, layout: Layout) -> None:
    """Write a file, or a link, that names the places in the sandbox."""
    if source.is_symlink():
        link = source.readlink()
        target.symlink_to(layout(_shown(source, layout)) if link.is_absolute() else link)
        return
    if not source.is_file() or not os.access(source, os.R_OK):
        return
    with source.open("rb") as file:
        start = file.read(_LARGEST_TEXT)
        if start.startswith(_MAGIC):
            content = layout.renamed_program(start + file.read())
            is_same = target.suffix != ".so" and not target.name.startswith("python")
        else:
            content, is_same = layout.renamed(start), len(start) == _LARGEST_TEXT
    if is_same:
        place_file(source, target)
        return
    target.write_bytes(content)
    shutil.copymode(source, target)


def _shown(link: Path, layout: Layout) -> Path:
    """The target of a link: the first path on the way that is shown elsewhere, or the real one."""
    while link.is_symlink():
        link = link.parent / link.readlink()
        if link.is_absolute() and layout.moves(link):
            return link
    real = link.resolve()
    folders = {folder.resolve(): folder for folder, _ in layout.places}
    for resolved, folder in folders.items():
        if is_below(real, resolved):
            return folder / real.relative_to(resolved)
    return real
