"""What a hostile file may cost: in a process whose memory and CPU time are limited."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.grading.hostile_files import FILES
from tests.grading.strategies import LONG

MEBIBYTES = 50 if LONG else 10
VALID = {"long fractions", "long zeros", "many long numbers", "repeated labels", "long masks"}


@pytest.mark.slow("it grades many files of many sizes")
def test_no_file_costs_more_memory_or_time_than_its_size_explains() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.grading.hostile_files", str(MEBIBYTES)],
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    costs = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"{costs[-1:]} and then {result.stderr[-2000:]}"
    assert {cost["name"] for cost in costs if cost["code"] == "valid"} == VALID
    assert [cost["name"] for cost in costs] == list(FILES)
