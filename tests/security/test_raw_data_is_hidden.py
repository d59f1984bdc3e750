"""scikit-learn's wheel carries the raw data, labels included, of the tasks built on it."""

from __future__ import annotations

import gzip
import sysconfig
from pathlib import Path

import gymnasium as gym
import pytest

import mle_gym
from mle_gym.sandbox import SandboxConfig, get_backend
from mle_gym.sandbox.python import describe_python
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.sources import hidden_files

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
TASKS = sorted(name for name in task_folders() if hidden_files(load_task(name)))

SEARCH = """
import gzip, os, sys

def content(path):
    if path.endswith((".so", ".pyc", ".h")) or os.path.getsize(path) > 2_000_000:
        return b""
    with open(path, "rb") as file:
        data = file.read()
    return gzip.decompress(data) if path.endswith(".gz") else data

needles = open("needles.txt", "rb").read().splitlines()
for root in sys.argv[1:]:
    for folder, _, names in os.walk(root):
        for path in (os.path.join(folder, name) for name in names):
            try:
                data = content(path)
            except (OSError, EOFError):
                continue
            if any(needle in data for needle in needles):
                print(path)
"""
"""Every file of an installed package that could be a table, compressed ones included."""


def rows_of(path: Path) -> list[bytes]:
    """Some lines that only this data has: long ones from the middle of the file."""
    if path.is_dir():
        return [row for file in sorted(path.glob("data-*.gz")) for row in rows_of(file)]
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
    long_ones = [line.strip() for line in lines[len(lines) // 3 :] if len(line) > 15]
    return long_ones[:: max(1, len(long_ones) // 2)][:2]


def needles(task: str) -> bytes:
    files = [SITE_PACKAGES / name for name in hidden_files(load_task(task))]
    rows = [row for file in files if file.exists() for row in rows_of(file)]
    assert rows, f"{task}: no raw rows to look for"
    return b"\n".join(rows) + b"\n"


@pytest.mark.bubblewrap
def test_whatever_in_a_sandbox_has_raw_rows_is_on_some_tasks_list() -> None:
    """Without the masks the search succeeds, and finds nothing that we forgot to mask."""
    with get_backend("bubblewrap").create(SandboxConfig()) as sandbox:
        sandbox.write_file("needles.txt", b"".join(needles(task) for task in TASKS))
        sandbox.write_file("search.py", SEARCH.encode())
        places = " ".join(map(str, describe_python(None).site_packages))
        found = sandbox.execute(f"python search.py {places}", timeout=300).output.decode().split()
    listed = {str(SITE_PACKAGES / name) for task in TASKS for name in hidden_files(load_task(task))}
    assert len(found) >= len(TASKS) - 1
    assert [file for file in found if not listed & {file, str(Path(file).parent)}] == []


@pytest.mark.bubblewrap
@pytest.mark.parametrize("task", TASKS)
def test_a_tasks_own_raw_data_cannot_be_read_in_its_environment(task: str) -> None:
    mle_gym.prepare(task)
    env = gym.make(load_task(task).env_id, sandbox="bubblewrap")
    env.reset(seed=0)
    env.step({"tool": "write_file", "path": "needles.txt", "content": needles(task).decode()})
    files = [SITE_PACKAGES / name for name in hidden_files(load_task(task))]
    places = " ".join(str(file) for file in files if file.exists())
    search = f"grep -rlaF -f needles.txt {SITE_PACKAGES}/sklearn"
    observation, *_ = env.step(f"cat $(find {places} -type f) /dev/null | wc -c; {search}")
    env.close()
    assert observation["output"] == "0\n", observation["output"]
