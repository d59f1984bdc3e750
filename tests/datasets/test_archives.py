"""Archives of every kind, intact and broken."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import py7zr
import pytest

from mle_gym.datasets.sources.kaggle.archives import list_members, pattern_regex, unpack
from mle_gym.errors import DatasetError

FILES = {"a.csv": b"x\n1\n", "images/1.png": b"\x89PNG" * 5000}


def make(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    elif path.suffix == ".7z":
        with py7zr.SevenZipFile(path, "w") as seven:
            for name, content in files.items():
                seven.writestr(content, name)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", ["zip", "7z", "tar.gz"])
def test_members_are_listed_and_unpacked_where_one_wants_them(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / f"data.{kind}", FILES)
    assert {m.name: m.size for m in list_members(archive)} == {n: len(c) for n, c in FILES.items()}
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(archive, {"images/1.png": "train/images/1.png"}, folder)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["1.png"]
    assert (folder / "train/images/1.png").read_bytes() == FILES["images/1.png"]


@pytest.mark.parametrize("kind", ["zip", "7z", "tar.gz"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_an_archive_that_is_cut_off_is_an_error(tmp_path: Path, kind: str, kept: float) -> None:
    content = bytes(range(256)) * 300
    archive = make(tmp_path / f"data.{kind}", {"a.bin": content})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DatasetError, match=rf"(?s)data.{kind}: damaged or cut off .*get it again"):
        unpack(archive, {"a.bin": "a.bin"}, tmp_path)


def test_a_zip_with_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.csv", b"0123456789")
    archive.write_bytes(archive.read_bytes().replace(b"0123456789", b"0123456780"))
    with pytest.raises(DatasetError, match="damaged"):
        unpack(archive, {"a.csv": "a.csv"}, tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "..\\x"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    archive = make(tmp_path / "data.zip", {name: b"x"})
    with pytest.raises(DatasetError, match="leads out"):
        list_members(archive)


def test_links_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        link = zipfile.ZipInfo("passwd")
        link.external_attr = 0o120777 << 16
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="is a link"):
        list_members(archive)


def test_encrypted_ones_say_so(tmp_path: Path) -> None:
    archive = make(tmp_path / "data.zip", {"a.csv": b"x"})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(DatasetError, match="encrypted"):
        unpack(archive, {"a.csv": "a.csv"}, tmp_path)


def test_a_bomb_is_refused_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / "data.zip", {"a.csv": bytes(10**8)})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**8))
    with pytest.raises(DatasetError, match=r"requires 0.1 GB in .*MLE_GYM_CACHE"):
        unpack(archive, {"a.csv": "a.csv"}, tmp_path)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("train.csv", "train.csv", True),
        ("train.csv", "train_csv", False),
        ("train/*.jpg", "train/1.jpg", True),
        ("train/*.jpg", "train/a/1.jpg", False),
        ("train/*/geometry.xyz", "train/12/geometry.xyz", True),
        ("data/**", "data/a/b.bmp", True),
        ("data/**", "database/b.bmp", False),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert bool(pattern_regex(pattern).fullmatch(name)) is matches
