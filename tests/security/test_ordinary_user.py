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

from tests.conftest import KNOWN_TABLES

USER = 54_321
"""Nobody's number; what is made as this user is removed with its folder."""

NOT_OTHERS = "not docker and not subprocess"
TOUCHED_BY_RIGHTS = (
    "fork or execute or killed or terminated or interrupt or signals or background or nice "
    "or multiprocessing or session or nested or removed or unreadable"
)
"""Programs that have to do with other processes, signals and rights, which an ordinary user's
sandboxes get in another way; that the others do the same does not depend on who runs them."""
ATTACKS = {
    "security/test_reading.py": {"test_it_fails": NOT_OTHERS},
    "security/test_writing.py": {"test_it_fails": NOT_OTHERS},
    "security/test_network.py": {"test_it_fails": NOT_OTHERS},
    "security/test_privileges.py": {"test_it_fails": NOT_OTHERS},
    "security/test_surviving.py": {"test_nothing_outlives_its_episode": NOT_OTHERS},
    "security/test_supervisor.py": {"test_the_episode_goes_on": NOT_OTHERS},
    "security/test_kernel_objects.py": {
        "test_descriptors_on_the_way_of_one_sandbox_keep_no_other_from_starting": NOT_OTHERS,
    },
    "security/test_raw_data_is_hidden.py": {
        "test_an_agent_reads_none_of_it_and_all_the_rest": "",
    },
    "grading/test_grader_sandbox.py": {"test_it_reaches_neither_host_nor_network": NOT_OTHERS},
}
SANDBOXES = {
    "sandbox/test_conformance.py": {"test_a_memory_hog_dies_and_the_sandbox_lives": NOT_OTHERS},
    "sandbox/test_seccomp.py": {"test_warm_and_cold_python_have_the_filter": NOT_OTHERS},
    "sandbox/test_doctor.py": {"test_bubblewrap_isolates": NOT_OTHERS},
    "sandbox/test_packages.py": {
        "test_what_is_not_allowed_is_not_there": "",
        "test_warm_programs_have_no_other_modules": "",
    },
    "sandbox/test_warm.py": {
        "test_a_program_does_the_same": TOUCHED_BY_RIGHTS,
        "test_the_hosts_files_and_variables_cannot_be_reached": "",
        "test_mounting_tracing_and_new_namespaces_are_refused": "",
        "test_a_program_is_in_its_sandboxes_groups_and_namespaces": "",
        "test_limits_hold_for_warm_programs": "",
        "test_a_timeout_interrupts_then_kills": "",
        "test_nothing_is_left_of_a_killed": "",
    },
    "sandbox/snapshots/test_snapshot_contents.py": {
        "test_every_kind_of_file_comes_back": NOT_OTHERS,
        "test_what_changed_between_snapshots_is_in_the_next": NOT_OTHERS,
        "test_forks_don_t_reach_each_other_or_their_parent": NOT_OTHERS,
    },
    "sandbox/snapshots/test_hostile_workspaces.py": {
        "test_the_disk_limit_bites_in_a_continued_sandbox": NOT_OTHERS,
    },
    "sandbox/snapshots/test_snapshot_store.py": {
        "test_bubblewrap_mounts_instead_of_copying": NOT_OTHERS,
        "test_a_killed_host_leaves_no_mount_or_process": NOT_OTHERS,
    },
    "episode/test_snapshot.py": {"test_a_fork_is_a_running_copy": NOT_OTHERS},
    "faults/test_killed.py": {
        "test_nothing_outlives_a_killed_host": f"{NOT_OTHERS} and (command or snapshot or mount)",
    },
}
PARTS = {"attacks": ATTACKS, "sandboxes": SANDBOXES}
"""Tests that pass for root: file, function, and which of its cases. Each part is one process, which
imports and starts everything once."""

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(cache_folder: Path) -> Iterator[Path]:
    """A folder that the user owns, in the system's own temporary one, which others may enter.

    It holds a copy of what is known of packages' tables.
    """
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    (cache_folder / "tables").mkdir(parents=True, exist_ok=True)
    shutil.copytree(cache_folder / "tables", folder / "tables")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.bubblewrap
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.skipif(os.geteuid() != 0, reason="the whole run is an ordinary user's already")
@pytest.mark.slow("it runs a part of the tests again")
def test_an_ordinary_user_s_sandboxes_hold_as_well(folder: Path, part: str) -> None:
    tests = [
        f"tests/{file}::{name}" for file, functions in PARTS[part].items() for name in functions
    ]
    some = {name: which for all_ in PARTS[part].values() for name, which in all_.items() if which}
    chosen = " and ".join(f"(not {name} or ({which}))" for name, which in some.items())
    readable = {Path(place).resolve() for place in (sys.base_prefix, sys.prefix, ROOT)}
    command = [
        *(sys.executable, "-I", "-S", str(Path(__file__).with_name("as_user.py"))),
        *(str(USER), ":".join(map(str, readable))),
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *(f"--basetemp={folder}/pytest", "-k", chosen, *tests),
    ]
    environment = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        KNOWN_TABLES: str(folder / "tables"),
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
