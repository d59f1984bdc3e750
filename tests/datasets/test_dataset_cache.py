"""Datasets in the cache: made once, by one process, and never half."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mle_gym.errors import DatasetError
from tests.datasets.preparing import IMAGES, PREPARE, contents, made, start
from tests.task_folders import MakeTask

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("name", ["public/train.csv", "private/answers.csv", "manifest.json"])
@pytest.mark.parametrize("damage", ["delete", "cut"])
def test_damaged_files_are_noticed_and_made_again(
    make_task: MakeTask, name: str, damage: str
) -> None:
    folder = make_task()
    dataset = made(folder)
    before = contents(dataset)
    file = dataset.public.parent / name
    if damage == "delete":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-5])
    assert contents(made(folder)) == before
    assert dataset.manifest["task"] == "fruit"


CROWD = """
import os, sys
from pathlib import Path
from mle_gym.tasks.catalog import load_task
from mle_gym.datasets.prepare import prepare
task = load_task(Path(sys.argv[1]))
go, start = os.pipe()
for _ in range(24):
    if os.fork() == 0:
        os.close(start)
        os.read(go, 1)
        public = prepare(task).public
        os.write(1, f"{public}\\n".encode())
        os._exit(0)
os.close(start)
sys.exit(sum(os.wait()[1] for _ in range(24)))
"""


@pytest.mark.slow("many processes import everything")
def test_many_processes_at_once_prepare_once(make_task: MakeTask, tmp_path: Path) -> None:
    folder = make_task(files={"prepare.py": IMAGES.format(log=str(tmp_path / "log"))})
    code = [sys.executable, "-c", CROWD, str(folder)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (len(lines), len(set(lines))) == (24, 1)
    assert (tmp_path / "log").read_text() == "x\n"


SLOW = """
import time
from pathlib import Path

def prepare(raw, public, private, rng):
    if not Path({marker!r}).exists():
        Path({marker!r}).touch()
        time.sleep(120)
"""


def test_a_killed_process_leaves_nothing_half_made(
    make_task: MakeTask, tmp_path: Path, own_cache: Path
) -> None:
    marker = tmp_path / "inside"
    folder = make_task(files={"prepare.py": SLOW.format(marker=str(marker))})
    process = start(folder)
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()
    leftovers = list((own_cache / "datasets").glob(".*-*"))
    assert len(leftovers) == 1
    other = made(make_task({"id": "other"}, folder="other"))
    assert not leftovers[0].exists()
    dataset = made(folder)
    folders = {path for path in (own_cache / "datasets").iterdir() if path.is_dir()}
    assert folders == {dataset.public.parent, other.public.parent}
    assert len(contents(dataset)) == 5


@pytest.mark.slow("it prepares in processes of its own")
def test_a_process_that_is_still_at_work_keeps_its_folder(
    make_task: MakeTask, tmp_path: Path, own_cache: Path
) -> None:
    marker = tmp_path / "inside"
    process = start(make_task(files={"prepare.py": SLOW.format(marker=str(marker))}))
    try:
        deadline = time.monotonic() + 60
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        made(make_task({"id": "other"}, folder="other"))
        assert len(list((own_cache / "datasets").glob(".*-*"))) == 1
    finally:
        process.kill()
        process.communicate()


def test_an_unwritable_cache_is_told(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DatasetError, match=r"/file.*: can't write .*set MLE_GYM_CACHE to"):
        made(make_task())


@pytest.mark.slow("it prepares in processes of its own")
def test_a_full_disk_is_told_and_leaves_nothing(make_task: MakeTask, own_cache: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    folder = make_task()
    code = [sys.executable, "-c", limited + PREPARE, str(folder)]
    done = subprocess.run(code, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("mle_gym.errors.DatasetError: /")
    assert "can't write the dataset cache: File too large; make room" in last
    assert [path.suffix for path in (own_cache / "datasets").iterdir()] == [".lock"]
    assert made(folder).public.is_dir()


def test_a_prepared_dataset_is_found_without_pandas(make_task: MakeTask) -> None:
    folder = make_task()
    made(folder)
    code = f"""
import sys
from pathlib import Path
from mle_gym.tasks.catalog import load_task
from mle_gym.datasets.prepare import prepare
prepare(load_task(Path({str(folder)!r})))
print(sorted({{"pandas", "sklearn", "numpy", "filelock"}} & set(sys.modules)))
"""
    heavy = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert heavy.strip() in ("[]", "['numpy']")
