"""A cache that another user may write: planted files in it would be run, and trusted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mle_gym import ownership
from mle_gym.datasets import cache
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.sources.kaggle import raw_files
from mle_gym.errors import CacheError
from mle_gym.grading.open_grader import open_grader
from mle_gym.ownership import SHARED, check_private, make_private, own_cache
from mle_gym.sandbox.warm import compiled_programs, zygote_plan
from mle_gym.tasks.catalog import load_task
from tests.sandbox.conftest import require

OTHER = 54321
AS_USER = Path(__file__).with_name("as_user.py")

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test, below a folder like ``/tmp``."""
    monkeypatch.delenv(SHARED, raising=False)
    monkeypatch.setattr(cache, "_examined", {})
    monkeypatch.setattr(ownership, "_passed", {})
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    found = tmp_path / "tmp" / "cache"
    monkeypatch.setenv("MLE_GYM_CACHE", str(found))
    return found


def test_a_new_cache_is_for_its_user_alone(folder: Path) -> None:
    assert own_cache("datasets") == folder / "datasets"
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "datasets")} == {0o700}


OPEN: dict[str, Callable[[Path], object]] = {
    "everybody may write": lambda folder: folder.chmod(0o777),
    "sticky, so everybody may add": lambda folder: folder.chmod(0o1777),
    "a group may write": lambda folder: (os.chown(folder, 0, OTHER), folder.chmod(0o770)),
    "somebody else's": lambda folder: os.chown(folder, OTHER, OTHER),
    "a folder in it is open": lambda folder: (folder / "datasets").chmod(0o777),
    "a folder in it is somebody's": lambda folder: os.chown(folder / "datasets", OTHER, OTHER),
    "what leads to it is open": lambda folder: folder.parent.chmod(0o777),
    "what leads to it is somebody's": lambda folder: os.chown(folder.parent, OTHER, OTHER),
}


@pytest.mark.parametrize("way", OPEN)
def test_a_cache_that_others_may_write_is_refused(folder: Path, way: str) -> None:
    own_cache("datasets")
    OPEN[way](folder)
    with pytest.raises(CacheError, match=r"plant programs and answers.*set MLE_GYM_CACHE"):
        prepare("zoo")


def test_a_folder_of_ones_own_may_lie_in_a_sticky_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = folder.parent / "tasks"
    monkeypatch.setenv("MLE_GYM_TASKS", str(tasks))
    check_private(tasks)
    make_private(tasks)
    tasks.parent.chmod(0o777)
    with pytest.raises(CacheError, match="other users may write it"):
        check_private(tasks)
    tasks.parent.chmod(0o1777)
    os.chown(tasks, OTHER, OTHER)
    with pytest.raises(CacheError, match=f"belongs to the user {OTHER}"):
        check_private(tasks)


def test_a_link_is_followed_to_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    folder.symlink_to(tmp_path / "open")
    with pytest.raises(CacheError, match="other users may write it"):
        prepare("zoo")


def test_a_group_is_trusted_when_asked_and_everybody_never(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_cache("datasets")
    monkeypatch.setenv(SHARED, "1")
    os.chown(folder, OTHER, OTHER)
    folder.chmod(0o2770)
    assert prepare("zoo").public.is_dir()
    folder.chmod(0o2777)
    with pytest.raises(CacheError, match="mode 2777"):
        prepare("zoo")


def plant_answers(dataset: Dataset) -> Path:
    """Replace a dataset by one of another user, whose right answers are those of the sample."""
    sample = (dataset.public / "sample_submission.csv").read_text().splitlines()
    answers = (dataset.private / "answers.csv").read_text().splitlines()
    usage = [line.rpartition(",")[2] for line in answers]
    size = (dataset.private / "answers.csv").stat().st_size
    text = "".join(f"{line},{use}\n" for line, use in zip(sample, usage, strict=True))
    (dataset.private / "answers.csv").write_text(text.ljust(size, "\n"))
    for path in (dataset.public.parent, *dataset.public.parent.rglob("*")):
        os.chown(path, OTHER, OTHER)
    return dataset.public / "sample_submission.csv"


def test_planted_answers_are_refused_and_would_win(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = plant_answers(prepare("zoo"))
    monkeypatch.setattr(cache, "_examined", {})
    with pytest.raises(CacheError, match=f"belongs to the user {OTHER}"):
        prepare("zoo")
    monkeypatch.setattr(cache, "check_owner", lambda path: None)
    assert open_grader(prepare("zoo")).grade(sample.read_bytes()).score == 1.0


def test_a_planted_program_is_not_run(folder: Path) -> None:
    made = compiled_programs.programs()
    if made is None:
        require("cc", "no C compiler")
        return
    shutil.copy("/bin/true", made[0])
    os.chown(made[0], OTHER, OTHER)
    compiled_programs._compiled.cache_clear()
    try:
        with pytest.raises(CacheError, match="plant programs"):
            compiled_programs.programs()
        assert "plant programs" in zygote_plan.obstacle((3, 12))
    finally:
        compiled_programs._compiled.cache_clear()


def test_a_planted_download_is_not_taken(folder: Path) -> None:
    place = own_cache("kaggle") / "spooky-author-identification"
    place.mkdir()
    archive = place / raw_files.ARCHIVE
    archive.write_bytes(b"PK")
    os.chown(archive, OTHER, OTHER)
    with pytest.raises(CacheError, match="belongs to the user"):
        prepare(load_task("spooky-author-identification"))


def test_an_ordinary_user_takes_roots_cache_and_nobody_elses(folder: Path) -> None:
    own_cache("programs").parent.chmod(0o755)
    program = "from mle_gym.ownership import check_private; import sys, pathlib\n"
    program += "check_private(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-I", "-S", str(AS_USER), "4242"]
    source = Path(zygote_plan.__file__).parents[2]
    command += [f"{sys.prefix}:{sys.base_prefix}:{source}:{folder}", sys.executable]
    command += ["-c", program, str(folder)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
    os.chown(folder, OTHER, OTHER)
    refused = subprocess.run(command, timeout=60, check=False, capture_output=True, text=True)
    assert f"CacheError: {folder}: belongs to the user {OTHER}" in refused.stderr
