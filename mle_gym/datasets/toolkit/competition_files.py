"""What the ``prepare.py`` of a competition is made of: tables, media files and zip archives."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import pandas as pd

from mle_gym.datasets.tables import exact_floats
from mle_gym.errors import DatasetError
from mle_gym.paths import plain_name

__all__ = ["place", "place_all", "read_table", "write_table", "zip_files", "zip_member"]

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member of a zip: bytes must not depend on when they were written."""


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """A CSV file as it is: floats to the last bit, and words such as ``NA`` and ``null`` stay.

    Raises:
        DatasetError: Not a CSV file in UTF-8.
    """
    options = {"keep_default_na": False, **exact_floats(), **options}
    try:
        table: pd.DataFrame = pd.read_csv(path, na_values=[""], low_memory=False, **options)
    except (ValueError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected a CSV file in UTF-8, found: {error}") from None
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file without an index; folders on the way are made.

    A new file takes the old one's place: that may be a hard link to data of the user.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def place(source: Path, target: Path) -> None:
    """Give a raw file its place in the dataset, without a second copy where that reveals nothing.

    Under its old name it becomes a hard link, if anyone may read the file and both are on one disk;
    its inode and its times say no more than its name does. Under a new name it is always copied:
    inodes and times would reveal the order that the renaming hides.

    Raises:
        DatasetError: The raw file is missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    real = Path(os.path.realpath(source))
    try:
        if not stat.S_ISREG(real.stat().st_mode):
            raise DatasetError(f"{source}: expected a regular file")
        if source.name == target.name and real.stat().st_mode & 0o004:
            try:
                target.hardlink_to(real)
                return
            except OSError:  # another disk, or a file that we may read and not link
                pass
        _copy(real, target)
    except FileNotFoundError:
        raise DatasetError(f"the raw data are not complete: there is no {source}") from None


def place_all(names: Mapping[str, str], source: Path, target: Path) -> None:
    """:func:`place` files of one folder in another: old name to new one, both out of data."""
    for old, new in names.items():
        place(source / plain_name(old), target / plain_name(new))


def _copy(source: Path, target: Path) -> None:
    """Bytes alone; shared blocks where the file system has them."""
    with source.open("rb") as read, target.open("wb") as write:
        try:
            while os.copy_file_range(read.fileno(), write.fileno(), 1 << 30):
                pass
        except OSError:
            read.seek(0)
            write.seek(0)
            shutil.copyfileobj(read, write, 1 << 20)


def zip_files(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Write files, by their names in it, to a zip archive whose bytes depend on nothing else.

    Stored, not deflated: images and audio don't get smaller.

    Raises:
        DatasetError: A file is missing, or a name leads out of the archive.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in members:
            plain_name(name)
            try:
                with path.open("rb") as source, zip_member(archive, name) as member:
                    shutil.copyfileobj(source, member, 1 << 20)
            except FileNotFoundError:
                raise DatasetError(f"the raw data are not complete: there is no {path}") from None


def zip_member(archive: zipfile.ZipFile, name: str, *, deflate: bool = False) -> IO[bytes]:
    """A member to write to, of any size."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    info.external_attr = 0o100644 << 16
    return archive.open(info, "w", force_zip64=True)
