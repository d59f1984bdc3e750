"""Other people's data, task folders and checkouts: names that are paths, links, bombs."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mle_gym.datasets.sources.kaggle import archives
from mle_gym.datasets.sources.kaggle.adopt import _use
from mle_gym.datasets.sources.kaggle.archives import list_members, unpack
from mle_gym.datasets.sources.kaggle.raw_files import Source, gather
from mle_gym.datasets.toolkit.competition_files import place_all, zip_files
from mle_gym.errors import DatasetError, MleGymError, TaskError
from mle_gym.integrations.mle_bench.checkout import import_mle_bench
from mle_gym.paths import below, plain_name, refuse_links
from mle_gym.tasks import catalog
from mle_gym.tasks.catalog import load_task, task_folders
from tests.tiers import few_quick

PATHS = ["../x", "a/../../x", "/etc/passwd", "..", "", ".", "a\\..\\..\\x", "x\0y"]


@pytest.mark.parametrize("name", PATHS)
def test_a_name_in_data_is_not_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_text("secret")
    raw, public = tmp_path / "raw", tmp_path / "public"
    raw.mkdir()
    for wrong in (
        lambda: plain_name(name),
        lambda: below(raw, name),
        lambda: place_all({name: "new"}, raw, public),
        lambda: place_all({"old": name}, raw, public),
        lambda: zip_files(tmp_path / "z.zip", [(name, tmp_path / "x")]),
    ):
        with pytest.raises(DatasetError, match="expected the name of a file"):
            wrong()


def test_names_may_be_in_folders_and_odd() -> None:
    for name in ("a/b.png", "...", "a..b", " x", 7, "ü"):
        assert plain_name(name) == str(name)


LINKS: dict[str, Callable[[Path], object]] = {
    "a file": lambda data: (data / "a.csv").symlink_to("/etc/passwd"),
    "a file by a detour": lambda data: (data / "a.csv").symlink_to("b/../../outside"),
    "a folder": lambda data: (data / "train").symlink_to("/etc"),
    "a circle": lambda data: (data / "b" / "again").symlink_to(".."),
    "deep down": lambda data: (data / "b" / "c.png").symlink_to("../../outside"),
}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_in_given_data_brings_nothing_in(tmp_path: Path, link: str) -> None:
    data = tmp_path / "data"
    (data / "b").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    (data / "real.csv").write_text("x\n1\n")
    (data / "fine.csv").symlink_to("real.csv")
    refuse_links(data)
    LINKS[link](data)
    for kind in ("raw", "prepared"):
        with pytest.raises(DatasetError, match=r"refused: a link that leads.*cp -rL"):
            _use(load_task("titanic"), Source(kind, data), tmp_path / "out")


def test_a_pipe_among_given_data_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="expected a regular file"):
        place_all({"a.png": "a.png"}, tmp_path, tmp_path / "public")


def tar_with_a_huge_header(path: Path) -> Path:
    """A tar.gz whose next name has 8 GB, as its header says; the bytes need not be there."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 * 2**30 - 1
    import gzip

    with gzip.open(path, "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
    return path


def zip_with_a_long_list(path: Path) -> Path:
    """A zip archive that says that its list of members has 3 GB."""
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65000, 65000, 3 * 2**30, 0, 0)
    path.write_bytes(end)
    return path


def test_headers_of_archives_are_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="damaged"):
        list_members(tar_with_a_huge_header(tmp_path / "a.tar.gz"))
    with pytest.raises(DatasetError, match="refused: more than 2,000,000 files"):
        list_members(zip_with_a_long_list(tmp_path / "a.zip"))


def test_an_archive_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a", bytes(30 * 2**20))
    monkeypatch.setattr(archives, "MOST_ANYWAY", 2**20)
    with pytest.raises(DatasetError, match=r"refused: 0\.0 MB that hold 31\.5 MB"):
        unpack(archive, {"a": "a"}, tmp_path)


def test_archives_within_archives_are_looked_into_a_few_deep(tmp_path: Path) -> None:
    content, name = b"x\n1\n", "train.csv"
    found = []
    for depth in range(6):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as zipped:
            zipped.writestr(name, content)
        content, name = buffer.getvalue(), f"train{depth}.zip"
        data = tmp_path / f"data{depth}"
        data.mkdir()
        (data / name).write_bytes(content)
        (tmp_path / f"out{depth}").mkdir()
        try:
            gather(data, ["**/train.csv" if depth else "train.csv"], tmp_path / f"out{depth}")
            found.append(depth)
        except DatasetError:
            pass
    assert 0 in found
    assert 5 not in found


BROKEN: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda file: os.mkfifo(file),
    "a folder": lambda file: file.mkdir(),
    "a gigabyte": lambda file: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY), 2**30),
    "deep": lambda file: file.write_text('id = "x"\ny = ' + "[" * 100_000),
    "a loop of links": lambda file: file.symlink_to(file),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_task_folder_is_one_line_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / "broken").mkdir()
    BROKEN[broken](tmp_path / "broken" / "task.toml")
    (tmp_path / "circle").symlink_to(tmp_path)
    monkeypatch.setenv("MLE_GYM_PATH", str(tmp_path))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert "titanic" in task_folders()
    assert len(told) == 1
    assert str(told[0].message).count("\n") == 0
    assert "broken/task.toml" in str(told[0].message)
    with pytest.raises(TaskError, match=r"task\.toml"):
        load_task(tmp_path / "broken")


def test_a_description_is_read_within_bounds(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.toml").write_text('id = "x"\n')
    os.mkfifo(folder / "description.md")
    with pytest.raises(TaskError, match=r"description\.md: .*not a regular file"):
        load_task(folder)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
)
CONFIG = """\
id: {id}
name: Bananas
description: {description}
dataset: {{answers: x/prepared/private/test.csv, sample_submission: {sample}}}
grader: {{name: accuracy, grade_fn: "mlebench.competitions.x.grade:grade"}}
preparer: "mlebench.competitions.x.prepare:prepare"
"""
FINE = {"id": "bananas", "description": "README.md", "sample": "x/prepared/public/sample.csv"}
CONFIGS = {
    "aliases": (BOMB + CONFIG.format(**FINE | {"id": "*k"}), "without aliases"),
    "depth": ("id: " + "[" * 5000, "expected"),
    "size": ("id: x\n" + "# comment\n" * 200_000, "more than"),
    "a description elsewhere": (CONFIG.format(**FINE | {"description": "../../x"}), "expected the"),
    "a description by a link": (CONFIG.format(**FINE | {"description": "link.md"}), "leads out"),
    "a sample elsewhere": (CONFIG.format(**FINE | {"sample": "../../../x"}), "expected the name"),
}


@pytest.mark.parametrize(
    "kind", few_quick(CONFIGS, CONFIGS.keys() - {"depth"}, "the parser takes seconds to give up")
)
def test_a_hostile_configuration_keeps_only_its_own_competition_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("MLE_GYM_TASKS", str(tmp_path / "tasks"))
    monkeypatch.setattr(catalog, "_registered", {})
    root = tmp_path / "checkout"
    competitions = root / "mlebench" / "competitions"
    (root / "README.md").parent.mkdir()
    (root / "README.md").write_text("Bananas.")
    (root / "link.md").symlink_to("/etc/hostname")
    for name, text in (("bananas", CONFIG.format(**FINE)), ("evil", CONFIGS[kind][0])):
        (competitions / name).mkdir(parents=True)
        (competitions / name / "config.yaml").write_text(text)
    imported, problems = import_mle_bench(root)
    assert [each.competition for each in imported] == ["bananas"]
    (problem,) = problems
    assert problem.startswith("evil: ")
    assert CONFIGS[kind][1] in problem
    assert len(problem) < 500


def test_the_helper_raises_what_its_caller_wants(tmp_path: Path) -> None:
    wrong: type[MleGymError] = TaskError
    with pytest.raises(wrong):
        below(tmp_path, "../x", wrong)
