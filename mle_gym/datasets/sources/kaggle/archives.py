"""Unpacks archives of unknown makers: zip, 7z and tar, one member pattern at a time.

Names that lead out of the target, links and passwords are refused, free disk space is checked
before anything is written, and a damaged archive is an error that names it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import IO, Any, cast

from mle_gym.datasets.disk_space import check_space, size
from mle_gym.errors import DatasetError

__all__ = ["is_archive", "list_members", "pattern_regex", "stem", "unpack"]

SUFFIXES = (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_MEMBERS = 2_000_000
MOST_READ = 64 * 2**20
"""Bytes taken from a tar file at once. Its headers may ask for more, which no real one does."""
MOST_TIMES, MOST_ANYWAY = 300, 2 * 2**30
"""What members may have unpacked together: so many times the archive's size, or so many bytes.
Tables that repeat themselves are squeezed to a fiftieth, pictures hardly at all."""
ZIP_END, ZIP_ENTRY = 2**17, 46
"""Bytes at the end of a zip archive that say how long its list is, and the fewest of an entry."""
LINK = 0o120000
"""The type bits that a zip written on Unix gives to a symbolic link."""


@dataclass(frozen=True)
class Member:
    """One file in an archive."""

    name: str
    """Its path there, with ``/``."""
    size: int
    """Unpacked, in bytes."""


def is_archive(name: str) -> bool:
    """Whether a file of that name is one that :func:`unpack` opens."""
    return name.lower().endswith(SUFFIXES)


def stem(name: str) -> str:
    """The name without the endings of an archive: ``train.csv`` of ``train.csv.zip``."""
    lower = name.lower()
    return next((name[: -len(s)] for s in SUFFIXES if lower.endswith(s)), name)


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """What a pattern means: ``*`` is any part of a name, a last ``**`` everything below."""
    parts = (
        ".+" if part == "**" else re.escape(part).replace(r"\*", "[^/]*")
        for part in pattern.split("/")
    )
    return re.compile("/".join(parts))


def list_members(archive: Path) -> list[Member]:
    """The files of an archive, without folders.

    Raises:
        DatasetError: Not a readable archive, or a member that leads out of it.
    """
    with _reading(archive):
        if archive.name.lower().endswith(".zip"):
            with _zip(archive) as zipped:
                found = [Member(i.filename, i.file_size) for i in _zip_files(zipped, archive)]
        elif archive.name.lower().endswith(".7z"):
            with _seven(archive) as seven:
                found = [Member(i.filename, i.uncompressed) for i in _seven_files(seven, archive)]
        else:
            with _tar(archive) as tar:
                found = [Member(i.name, i.size) for i in tar if i.isfile()]
    _check_count(archive, len(found))
    for member in found:
        _check_name(archive, member.name)
    return found


def unpack(archive: Path, members: dict[str, str], folder: Path) -> None:
    """Write members of an archive to places below a folder.

    Args:
        archive: The archive.
        members: Name in the archive to path below ``folder``.
        folder: Where to.

    Raises:
        DatasetError: Damaged, encrypted, or more than the disk holds.
    """
    sizes = {member.name: member.size for member in list_members(archive)}
    if lacking := members.keys() - sizes:
        raise _damaged(archive, KeyError(min(lacking)))
    total = sum(sizes[name] for name in members)
    if total > max(MOST_ANYWAY, MOST_TIMES * archive.stat().st_size):
        raise DatasetError(
            f"{archive}: refused: {size(archive.stat().st_size)} that hold {size(total)}"
        )
    check_space(folder, total, f"unpacking {archive}")
    for name in members:
        (folder / members[name]).parent.mkdir(parents=True, exist_ok=True)
    with _reading(archive):
        if archive.name.lower().endswith(".zip"):
            with _zip(archive) as zipped:
                for name, target in members.items():
                    with zipped.open(name) as source:
                        _write(source, folder / target)
        elif archive.name.lower().endswith(".7z"):
            _unpack_seven(archive, members, folder)
        else:
            _unpack_tar(archive, members, folder)


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turns every way in which an archive can be broken into one message."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise _damaged(archive, error) from error
    except NotImplementedError as error:
        raise DatasetError(f"{archive}: compressed in a way Python can't read: {error}") from error
    except RuntimeError as error:
        if "encrypted" in str(error) or "password" in str(error).lower():
            raise DatasetError(f"{archive}: encrypted; unpack it and use --from DIR") from error
        raise


def _damaged(archive: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{archive}: damaged or cut off ({error or type(error).__name__}); delete the file and "
        "get it again"
    )


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise DatasetError(f"{archive}: refused: the member {name!r} leads out of the archive")


def _check_count(archive: Path, count: int) -> None:
    if count > MOST_MEMBERS:
        raise DatasetError(f"{archive}: refused: more than {MOST_MEMBERS:,} files")


@contextmanager
def _zip(archive: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive, unless its list of members is too long to be read."""
    with archive.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - ZIP_END))
        end = file.read()
        place = end.rfind(b"PK\x05\x06")
        if place >= 0 and len(end) >= place + 22:
            count, length = struct.unpack_from("<HI", end, place + 10)
            far = end.rfind(b"PK\x06\x06")
            if count == 0xFFFF or length == 0xFFFFFFFF:
                length = struct.unpack_from("<Q", end, far + 40)[0] if far >= 0 else length
            _check_count(archive, length // ZIP_ENTRY)
    with zipfile.ZipFile(archive) as zipped:
        yield zipped


class _Bounded(io.RawIOBase):
    """A stream that gives no more at once than :data:`MOST_READ`; tarfile trusts its headers."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_READ:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _decompressed(archive: Path) -> IO[bytes]:
    """The stream of a tar file, by the ending of its name."""
    name = archive.name.lower()
    if name.endswith((".gz", ".tgz")):
        return cast("IO[bytes]", gzip.open(archive))
    if name.endswith(".bz2"):
        return bz2.open(archive)
    return lzma.open(archive) if name.endswith(".xz") else archive.open("rb")


@contextmanager
def _tar(archive: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive, decompressed as it is read."""
    with _decompressed(archive) as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as tar:
        yield tar


def _zip_files(zipped: zipfile.ZipFile, archive: Path) -> Iterator[zipfile.ZipInfo]:
    for info in zipped.infolist():
        if info.external_attr >> 16 & 0o170000 == LINK:
            raise DatasetError(f"{archive}: refused: the member {info.filename!r} is a link")
        if not info.is_dir():
            yield info


def _write(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _unpack_tar(archive: Path, members: dict[str, str], folder: Path) -> None:
    with _tar(archive) as tar:
        for info in tar:
            source = tar.extractfile(info) if info.isfile() and info.name in members else None
            if source is not None:
                with source:
                    _write(source, folder / members[info.name])


def _py7zr(archive: Path) -> ModuleType:
    try:
        import py7zr  # of the extra kaggle
    except ImportError:
        raise DatasetError(
            f"{archive}: reading 7z requires py7zr: pip install 'mle-gym[kaggle]', or unpack the "
            "file and use --from DIR"
        ) from None
    return py7zr


def _seven(archive: Path) -> Any:
    py7zr = _py7zr(archive)
    try:
        return py7zr.SevenZipFile(archive)
    except (py7zr.exceptions.ArchiveError, OSError) as error:
        raise _damaged(archive, error) from error


def _seven_files(seven: Any, archive: Path) -> Iterator[Any]:
    for info in seven.list():
        if info.is_symlink:
            raise DatasetError(f"{archive}: refused: the member {info.filename!r} is a link")
        if not info.is_directory:
            yield info


def _unpack_seven(archive: Path, members: dict[str, str], folder: Path) -> None:
    """By way of a folder beside the targets, since 7z unpacks whole blocks in its own order."""
    scratch = folder / ".7z"
    py7zr = _py7zr(archive)
    with _seven(archive) as seven:
        try:
            seven.extract(path=scratch, targets=list(members))
        except (py7zr.exceptions.ArchiveError, OSError) as error:
            raise _damaged(archive, error) from error
    for name, target in members.items():
        (scratch / name).rename(folder / target)
    shutil.rmtree(scratch)
