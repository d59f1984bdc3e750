"""The same attacks when an ordinary user runs the sandboxes: no root, no control groups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = 54_321
"""Nobody's number; what is made as this user is removed with its folder."""

CORE = [
    "tests/security/test_reading.py::test_it_fails",
    "tests/security/test_writing.py::test_it_fails",
    "tests/security/test_network.py::test_it_fails",
    "tests/security/test_privileges.py::test_it_fails",
    "tests/security/test_surviving.py::test_nothing_outlives_its_episode",
    "tests/security/test_supervisor.py::test_the_episode_goes_on",
    "tests/sandbox/test_conformance.py::test_a_memory_hog_dies_and_the_sandbox_lives",
    "tests/sandbox/test_seccomp.py::test_warm_and_cold_python_have_the_filter",
    "tests/sandbox/test_doctor.py::test_bubblewrap_isolates",
]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user owns; the system's own temporary one, which others may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="the whole run is an ordinary user's already")
def test_the_core_of_the_attacks_fails_for_an_ordinary_user(folder: Path) -> None:
    readable = {Path(place).resolve() for place in (sys.base_prefix, sys.prefix, ROOT)}
    command = [
        *(sys.executable, "-I", "-S", str(Path(__file__).with_name("as_user.py"))),
        *(str(USER), ":".join(map(str, readable))),
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *(f"--basetemp={folder}/pytest", "-k", "not docker and not subprocess", *CORE),
    ]
    environment = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
