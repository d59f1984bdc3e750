"""A task's Python files are loaded afresh each time, with their neighbours, by any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mle_gym.tasks.hooks import load_module


def test_many_threads_load_a_file_and_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.02)\nNUMBER = 7\n")
    (tmp_path / "other.py").write_text("from .slow import NUMBER\n")
    file = tmp_path / "generate.py"
    file.write_text("from . import slow\nfrom .other import NUMBER\nfound = slow.NUMBER + NUMBER\n")
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(load_module, [file] * 16))
    assert [each.found for each in loaded] == [14] * 16
    assert len({id(each) for each in loaded}) == 16
