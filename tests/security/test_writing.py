"""Writing outside of the workspace, or leaving something for other episodes."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

import mle_gym
from tests.sandbox.conftest import eventually, sleepers
from tests.security.arena import Arena, Exposed
from tests.security.attack import Attack, python, shell
from tests.security.bait import TASK, Bait
from tests.security.suites import fails

WRITABLE = "for each in {}; do [ -w $each ] && pwned; done"
"""Asks the kernel, which takes read-only mounts into account, and changes nothing."""

ATTACKS = [
    shell("system folders", WRITABLE.format("/ /usr /usr/bin /etc /lib /opt /home"), root=True),
    shell(
        "the interpreter",
        WRITABLE.format("$(dirname $(readlink -f $(type -P python3)))"),
        root=True,
    ),
    shell(
        "packages",
        WRITABLE.format("$(python3 -c 'import numpy; print(*numpy.__path__)' | tail -1)"),
        root=True,
    ),
    python(
        "the runner's code",
        """
        for path in ("/opt/mle-gym/standalone", V["PACKAGE"] + "/sandbox/standalone"):
            for each in ("", "/start.py", "/shared", "/runner", "/runner/serve.py"):
                pwned(os.access(path + each, os.W_OK))
        """,
        root=True,
    ),
    shell("a host folder", 'echo x > "$(dirname $SECRET)/$NAME" && pwned'),
    shell("a host file", 'echo x >> "$SECRET" && pwned'),
    shell("the dataset's folder", 'echo x > "$(dirname $ANSWERS)/../public/$NAME" && pwned'),
    shell("the kernel's settings", WRITABLE.format("/proc/sys/kernel/core_pattern"), root=True),
    shell(
        "the kernel's other switches",
        "shopt -s nullglob; "
        + WRITABLE.format("/proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/scsi"),
        root=True,
    ),
    python(
        "settings of the kernel, one by one",
        """
        for folder, _, names in os.walk("/proc/sys"):
            for name in names:
                pwned(os.access(os.path.join(folder, name), os.W_OK))
        """,
        root=True,
    ),
    python(
        "/sys",
        """
        for path in ["/sys/power/state", *glob.glob("/sys/kernel/*/*")[:500], "/sys/fs/cgroup"]:
            pwned(os.access(path, os.W_OK))
        """,
        root=True,
    ),
    shell("control groups", "for f in $(find /sys/fs/cgroup -name cgroup.procs | head -20); do "
          "[ -w $f ] && pwned; done", root=True),
    shell("a device's permissions", "[ -w /dev ] && pwned", root=True),
    python(
        "another process's files",
        "for p in glob.glob('/proc/[0-9]*/cwd/secret.csv'): pwned(os.access(p, os.W_OK))",
        root=True,
    ),
]  # fmt: skip


test_it_fails = fails(ATTACKS)


@pytest.mark.slow("it is about the attacks, which seldom change")
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_it_works_without_isolation(attack: Attack, exposed: Exposed, bait: Bait) -> None:
    try:
        assert exposed.suffers(attack)
    finally:
        for folder in (bait.folder, mle_gym.prepare(TASK).public):
            (folder / bait.variables["NAME"]).unlink(missing_ok=True)


PLANT = """
for place in / /usr /etc /opt /run /var/tmp /dev /dev/shm /tmp "$HOME" data . "$TMP"; do
    echo planted > "$place/$NAME"
done 2>/dev/null
ls -d /tmp/$NAME
"""


def test_what_is_planted_in_shared_folders_stays_in_the_episode(arena: Arena, bait: Bait) -> None:
    name = bait.variables["NAME"]
    assert arena.run(PLANT).split() == [f"/tmp/{name}"]
    folders = ["/", "/usr", "/etc", "/opt", "/run", "/var/tmp", "/dev", "/dev/shm", "/tmp"]
    places = [Path(folder) for folder in (*folders, Path.home(), mle_gym.prepare(TASK).public)]
    assert [place for place in places if (place / name).exists()] == []
    other = Arena(arena.sandbox, bait.variables)
    found = other.run("find / /dev/shm /workspace /tmp /run -xdev -name $NAME 2>/dev/null")
    other.close()
    assert found == ""


def test_the_data_cannot_be_changed(arena: Arena) -> None:
    data = mle_gym.prepare(TASK).public
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    tries = [
        "echo x >> data/train.csv",
        "rm -f data/test.csv",
        "mv data/train.csv data/other.csv",
        "chmod 777 data data/*",
        "truncate -s 0 data/sample_submission.csv",
        "mv data gone",
        'python3 -I -S -c \'import os; os.rename("data", "gone")\'',
        "cp /bin/true data/program",
    ]
    for command in tries:
        assert arena.run(f"{{ {command}; }} 2>/dev/null && echo WORKED") == "", command
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_what_a_command_makes_belongs_to_a_user_of_no_account(arena: Arena) -> None:
    marker = f"577215{uuid.uuid4().int % 10**9}"
    who = arena.run("id -u")
    assert arena.run("cp /bin/true helper; chmod 6755 helper; stat -c %u helper") == who
    arena.run(f"sleep {marker} &")
    assert eventually(lambda: len(sleepers(marker)) == 1)
    (pid,) = sleepers(marker)
    owner = Path(f"/proc/{pid}").stat().st_uid
    arena.run(f"pkill -f {marker}")
    if os.geteuid() == 0:
        assert owner >= (20_000 if arena.sandbox == "docker" else 700_000)
