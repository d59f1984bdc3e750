"""A task's own ``prepare.py``: what it may change, and how its faults are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mle_gym.errors import DatasetError
from tests.datasets.preparing import IMAGES, PREPARE, made
from tests.task_folders import MakeTask

pytestmark = pytest.mark.usefixtures("own_cache")


def test_prepare_py_refines_the_split_that_was_made(make_task: MakeTask, tmp_path: Path) -> None:
    folder = make_task(files={"prepare.py": IMAGES.format(log=str(tmp_path / "log"))})
    dataset = made(folder)
    assert len(list((dataset.public / "pictures").iterdir())) == 60
    assert dataset.manifest["folders"]["pictures"]["files"] == 60
    (dataset.public / "pictures" / "7.txt").unlink()
    code = [sys.executable, "-c", PREPARE, str(folder)]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == dataset.public
    assert (dataset.public / "pictures" / "7.txt").exists()
    assert (tmp_path / "log").read_text().count("x") == 2


OWN_SPLIT = """
import pandas as pd

def prepare(raw, public, private, rng):
    table = pd.read_csv(raw / "raw.csv")
    table.insert(0, "id", rng.permutation(len(table)))
    table[:40].to_csv(public / "train.csv", index=False)
    table[40:].drop(columns="ripe").to_csv(public / "test.csv", index=False)
    table[40:][["id", "ripe"]].to_csv(private / "answers.csv", index=False)
"""


def test_prepare_py_may_do_all_of_it(make_task: MakeTask) -> None:
    changes = {"data": {"test_size": None, "stratify": None}}
    folder = make_task(changes, files={"prepare.py": OWN_SPLIT})
    dataset = made(folder)
    answers = pd.read_csv(dataset.private / "answers.csv")
    assert list(answers) == ["id", "ripe", "Usage"]
    assert len(pd.read_csv(dataset.public / "sample_submission.csv")) == 20
    assert not (dataset.public.parent / "raw").exists()
    with pytest.raises(DatasetError, match=r"variant: expected 0, found 1: its prepare\.py splits"):
        made(folder, variant=1)
    with pytest.raises(DatasetError, match=r"train_rows: needs data\.test_size"):
        made(folder, train_rows=5)


def test_prepare_py_may_leave_rows_out_of_the_score(make_task: MakeTask) -> None:
    code = OWN_SPLIT.replace(
        '"ripe"]].to', '"ripe"]].assign(Usage=["Ignored"] * 10 + [None] * 10).to'
    )
    changes = {"data": {"test_size": None, "stratify": None}, "grade": {"public_fraction": 0.4}}
    dataset = made(make_task(changes, files={"prepare.py": code}))
    usage = pd.read_csv(dataset.private / "answers.csv")["Usage"]
    assert (usage[:10] == "Ignored").all()
    assert usage[10:].value_counts().to_dict() == {"Private": 6, "Public": 4}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def prepare(raw, public, private, rng): 1 / 0", r"prepare\(\) failed: ZeroDivision"),
        ("def prepare(raw, public, private, rng): pass", r"expected it to write private/answers"),
        ("def prepare(raw): pass", r"prepare\(\) failed: TypeError"),
        (f"{OWN_SPLIT}    (public / 'link').symlink_to(raw)", "made public/link: expected files"),
    ],
)
def test_a_broken_prepare_py_is_named(make_task: MakeTask, code: str, message: str) -> None:
    changes = {"data": {"test_size": None, "stratify": None}}
    with pytest.raises(DatasetError, match=rf"prepare\.py:? {message}"):
        made(make_task(changes, files={"prepare.py": code}))
