"""Workspaces that are too large for a snapshot, and sandboxes that lie about theirs."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import SandboxError, SnapshotError
from mle_gym.sandbox import Limits
from mle_gym.sandbox.snapshots.listing import read_listing
from mle_gym.sandbox.snapshots.store import Store, current_store
from mle_gym.sandbox.snapshots.transfer import take_workspace
from mle_gym.sandbox.standalone.shared.runner_messages import Done, Order
from tests.sandbox.conftest import (
    MakeSandbox,
)
from tests.sandbox.snapshots.conftest import Continue, run


def test_more_than_the_disk_limit_is_refused(make_sandbox: MakeSandbox, backend: str) -> None:
    box = make_sandbox(limits=Limits(disk_mb=8))
    run(box, "head -c 5000000 /dev/zero > a; setsid sleep 50 &")
    if backend == "subprocess":
        run(box, "head -c 5000000 /dev/zero > b")
        with pytest.raises(SnapshotError, match="disk_mb"):
            box.snapshot()
        run(box, "rm b")
    box.snapshot()


def test_the_disk_limit_bites_in_a_continued_sandbox(
    make_sandbox: MakeSandbox, resume: Continue, backend: str
) -> None:
    if backend == "subprocess":
        pytest.skip("limits no disk")
    for megabytes in (6, 12):  # mounted, and sent because it is more than half
        box = make_sandbox(limits=Limits(disk_mb=20))
        run(box, f"head -c {megabytes}M /dev/zero > a")
        again = resume(box.snapshot(), limits=Limits(disk_mb=20))
        assert again.execute("head -c 9M /dev/zero > b", timeout=9).exit_code == int(megabytes > 11)
        run(again, "rm -f b; head -c 6M /dev/urandom > a; wc -c a")
        assert again.execute("head -c 30M /dev/zero > b", timeout=9).exit_code != 0


# The runner, which is the same program in every sandbox, counts.
only_bubblewrap = pytest.mark.parametrize("backend", ["bubblewrap"], indirect=True)


@only_bubblewrap
@pytest.mark.slow("it makes a hundred thousand files")
def test_too_many_files_are_refused_and_the_sandbox_lives(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox()
    run(box, "python3 -c 'import os\nfor n in range(100_002): os.mknod(str(n))'")
    with pytest.raises(SnapshotError, match="more than 100000 files"):
        box.snapshot()
    run(box, "find . -type f -delete; echo fine > f")
    box.snapshot()


@only_bubblewrap
@pytest.mark.slow("it makes thousands of names")
def test_names_that_are_too_long_together_are_refused_and_the_sandbox_lives(
    make_sandbox: MakeSandbox,
) -> None:
    box = make_sandbox()
    make = "import os; d = b'\\xff' * 250; os.mkdir(d); os.chdir(d)"
    run(box, f"python3 -c \"{make}\nfor i in range(6000): open(b'%06d' % i + d[6:], 'x')\"")
    with pytest.raises(SnapshotError, match="too long together"):
        box.snapshot()
    run(box, "rm -r *")
    box.snapshot()


def test_what_names_of_one_file_take_when_put_back_is_counted(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    limits = Limits(disk_mb=8)
    box = make_sandbox(limits=limits)
    run(box, f"head -c 4M /dev/zero > a; echo > b; {names(1, 901)}")
    snapshot = box.snapshot()
    assert run(resume(snapshot, limits=limits), "cat b 900; wc -c < a") == "\n\n4194304\n"
    run(box, names(901, 1101))
    with pytest.raises(SnapshotError, match="disk_mb"):
        box.snapshot()


def names(first: int, end: int) -> str:
    """Shell code that gives the file b more names, which are numbers."""
    return f"python3 -c 'import os; [os.link(\"b\", str(n)) for n in range({first}, {end})]'"


def test_a_huge_sparse_file_is_refused_or_kept(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox()
    if box.execute("truncate -s 4E huge", timeout=9).exit_code == 0:
        with pytest.raises(SnapshotError):
            box.snapshot()
    run(box, "rm -f huge")
    box.snapshot()


FILE = [1, [[0, 1]]]


@pytest.mark.parametrize(
    "rows",
    [
        [["../x", "f", 420, 0, FILE]],
        [["/etc/x", "f", 420, 0, FILE]],
        [["", "d", 448, 0, None]],
        [[".", "d", 448, 0, None]],
        [["a", "d", 448, 0, None], ["a/..", "d", 448, 0, None]],
        [["a\0b", "f", 420, 0, FILE]],
        [["\ud800", "f", 420, 0, FILE]],
        [["a", "l", 511, 0, "/etc"], ["a/passwd", "f", 420, 0, FILE]],
        [["missing/x", "f", 420, 0, FILE]],
        [["a", "f", 420, 0, FILE], ["a", "l", 511, 0, "/etc"]],
        [["a", "c", 420, 0, None]],
        [["a", "f", -1, 0, FILE]],
        [["a", "f", 1 << 20, 0, FILE]],
        [["a", "f", 420, "now", FILE]],
        [["a", "f", 420, 0, 12345]],
        [["a", "f", 420, 0, None]],
        [["a", "f", 420, 0, [5, [[0, 3], [2, 3]]]]],
        [["a", "f", 420, 0, [5, [[0, 6]]]]],
        [["a", "f", 420, 0, [5, [[-1, 3]]]]],
        [["a", "l", 511, 0, "x\0y"]],
        [["a", "l", 511, 0, ""]],
        [["link/f", "f", 420, 0, 7]],
        [["folder", "f", 420, 0, FILE]],
        "not rows",
        [["a"]],
        [None],
        [[["a"], "d", 448, 0, None]],
    ],
    ids=lambda rows: ascii(rows)[:60],
)
@pytest.mark.parametrize("complete", [True, False])
def test_a_hostile_listing_is_refused(rows: Any, complete: bool, tmp_path: Path) -> None:
    base_rows = [
        ["folder", "d", 448, 0, None],
        ["folder/f", "f", 420, 0, [0, []]],
        ["link", "l", 511, 0, "/etc"],
    ]
    scan = {"files": base_rows, "gone": [], "complete": True, "shell": {}}
    base = read_listing(scan, {}, 0, 1 << 20).listing
    if complete and rows == [["folder", "f", 420, 0, FILE]]:
        pytest.skip("an honest change")
    sent = json.dumps({"files": rows, "gone": [], "complete": complete, "shell": {}})

    def operate(order: Order, payload: bytes = b"") -> tuple[Done, bytes]:
        done: Done = {"op": "done", "exit_code": 0}
        return done, sent.encode() if order["op"] == "scan" else b"x" * 100

    class Base:
        name = "0"
        listing = base

        class info:
            bytes = 0

    store = Store(tmp_path / "store")
    with pytest.raises((SandboxError, SnapshotError)):
        take_workspace(operate, store, Base(), skip=[], most_bytes=1 << 20)  # type: ignore[arg-type]
    assert not [name for name in os.listdir(store.folder) if not name.startswith(".")]  # noqa: PTH208


def test_an_endless_or_short_stream_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = [["a", "f", 420, 0, [50, [[0, 50]]]]]
    scan = json.dumps({"files": rows, "gone": [], "complete": True, "shell": {}}).encode()
    answers = {"scan": scan, "contents": b"", "resume": b""}
    with pytest.raises(SandboxError):
        take_workspace(
            lambda order, _payload=b"": ({"op": "done", "exit_code": 0}, answers[order["op"]]),
            store,
            None,
            skip=[],
            most_bytes=1 << 20,
        )
    with pytest.raises(SnapshotError, match="disk_mb"):
        take_workspace(
            lambda order, _payload=b"": ({"op": "done", "exit_code": 0}, answers[order["op"]]),
            store,
            None,
            skip=[],
            most_bytes=10,
        )


def test_nothing_on_the_host_is_more_than_the_agent_s_file(make_sandbox: MakeSandbox) -> None:
    box = make_sandbox()
    run(
        box,
        "echo x > s; chmod 6777 s; mkdir d no; chmod 7777 d; chmod 0 no; ln -s /etc/shadow l",
    )
    tree = current_store().folder / box.snapshot() / "tree"
    assert stat.S_IMODE((tree / "s").lstat().st_mode) == 0o777
    assert stat.S_IMODE((tree / "d").lstat().st_mode) == 0o777
    assert stat.S_IMODE((tree / "no").lstat().st_mode) == 0o700
    assert (tree / "l").is_symlink()
    assert stat.S_IMODE(current_store().folder.stat().st_mode) == 0o700
