"""Snapshots of sandboxes: what they contain, what can't reach them, what hostile ones can't do."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxCrashed, SandboxError, SnapshotError
from mle_gym.sandbox import Limits, Mount, Sandbox, SandboxConfig
from mle_gym.sandbox.exchange import Exchange, Heard
from mle_gym.sandbox.snapshots.listing import MOST_LAYERS, read_listing
from mle_gym.sandbox.snapshots.store import Store, current_store
from mle_gym.sandbox.snapshots.transfer import take_workspace
from mle_gym.sandbox.standalone.shared.runner_messages import Done, Order
from tests.sandbox.conftest import (
    BACKENDS,
    PATIENCE,
    MakeSandbox,
    eventually,
    processes_with,
    start,
    working_backend,
)

Continue = Callable[..., Sandbox]
LIST = (
    "find . -mindepth 1 -type f -printf '%p %m %s %T@\\n' -o -type d -printf '%p/ %m %T@\\n' "
    "-o -printf '%p %m %l %T@\\n' 2>/dev/null | sort; find . -type f -exec md5sum {} + | sort"
)


@pytest.fixture(params=BACKENDS)
def onward(request: pytest.FixtureRequest) -> str:
    """The backend on which a snapshot is continued: each, for snapshots from each."""
    return working_backend(request)


@pytest.fixture
def resume(backend: str) -> Iterator[Continue]:
    """Start a sandbox that continues from a snapshot; closed with the test."""
    with ExitStack() as stack:

        def resume_one(name: str, on: str = backend, **options: Any) -> Sandbox:
            lease = current_store().lease(name)
            layers = {"layers": lease.layers, "layers_bytes": lease.info.bytes}
            box = stack.enter_context(start(on, SandboxConfig(**layers, **options)))
            box.restore(lease)
            lease.release()
            return box

        yield resume_one


def run(box: Sandbox, command: str) -> str:
    execution = box.execute(command, timeout=PATIENCE)
    assert execution.exit_code == 0, execution.output
    return execution.output.decode("utf-8", "surrogateescape")


FILES = r"""
mkdir -p deep/er empty "with space" && echo text > deep/er/file && ln -s er/file deep/link
ln -s /etc/passwd absolute && ln -s nowhere dangling && ln -s . self && touch nothing
echo new > $'new\nline' && echo x > ünïcode && echo y > $'not\xffutf8' && ln -s $'\xfe' $'l\xfe'
head -c 3000000 /dev/urandom > a_large && echo '#!/bin/sh' > run.sh && chmod 751 run.sh
truncate -s 50M a_sparse
echo middle | dd of=a_sparse bs=1 seek=20000000 conv=notrunc status=none
mkdir closed && echo s > closed/s && touch -d 2001-02-03 closed/s deep && chmod 700 closed
echo w > writeonly && chmod 200 writeonly && echo s > setuid && chmod 4755 setuid
chmod 1777 empty && chmod 000 closed
"""


def test_every_kind_of_file_comes_back(
    make_sandbox: MakeSandbox, resume: Continue, onward: str
) -> None:
    box = make_sandbox()
    run(box, FILES)
    again = resume(box.snapshot(), on=onward)
    modes = "stat -c %a closed writeonly; chmod 700 closed; chmod 600 writeonly"
    assert run(again, modes) == run(box, modes) == "0\n200\n"
    listing = f"{LIST}; cat deep/er/file; du -k a_sparse"
    assert run(again, listing).splitlines()[1:] == run(box, listing).splitlines()[1:]
    assert run(again, "cat closed/s writeonly; stat -c %Y closed/s deep") == (
        "s\nw\n981158400\n981158400\n"
    )


def test_directory_and_variables_come_back(
    make_sandbox: MakeSandbox, resume: Continue, onward: str
) -> None:
    box = make_sandbox()
    run(box, "mkdir -p a/b; cd a/b; export Q='it \"$x\" `y` \\ é' HERE=$PWD PATH=$PWD/bin:$PATH")
    run(
        box,
        "export LINES_=$'1\\n2'; unset LANG; declare -ix NUMBER=3; export URL=http://x/workspace",
    )
    again = resume(box.snapshot(), on=onward)
    assert run(again, 'echo "$Q|$LINES_|${LANG-unset}|$URL"; NUMBER+=4; echo $NUMBER') == (
        'it "$x" `y` \\ é|1\n2|unset|http://x/workspace\n7\n'
    )
    assert run(again, "pwd") == f"{again.workspace}/a/b\n"
    assert run(again, "echo $HERE") == f"{again.workspace}/a/b\n"
    assert run(again, "echo ${PATH%%:*}; command -v submit validate score | wc -l") == (
        f"{again.workspace}/a/b/bin\n3\n"
    )
    with start(onward, SandboxConfig()) as fresh:
        assert run(again, "echo ${HOME##*/}") == run(fresh, "echo ${HOME##*/}")


def test_a_snapshot_before_the_first_command(make_sandbox: MakeSandbox, resume: Continue) -> None:
    again = resume(make_sandbox().snapshot())
    assert run(again, "ls -A; pwd") == f"{again.workspace}\n"


def test_what_changed_between_snapshots_is_in_the_next(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    box = make_sandbox()
    names = []
    wanted = []
    steps = [
        "mkdir -p d/e f; echo 1 > d/e/x; echo 2 > f/y; echo 3 > z; ln -s z l",
        "rm d/e/x; echo new > d/n",
        "rm -r d; echo file > d",
        "rm d; mkdir d; echo 4 > d/x",
        "mv f g; rm l; ln -s g l; chmod 600 z",
        "rm -r g d; mkdir -p d/e; mv z d/e/x",
        "rm l; mkdir l; mv d l/d",
    ]
    for step in steps:
        run(box, step)
        wanted.append(run(box, LIST))
        names.append(box.snapshot())
    for name, listing in zip(names, wanted, strict=True):
        assert run(resume(name), LIST) == listing


def test_what_changed_in_a_continued_sandbox_is_in_the_next(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    box = make_sandbox()
    run(box, "mkdir a b; echo 1 > a/x; echo 2 > b/x; echo 3 > b/y; echo 4 > c; ln -s c l")
    swap = (
        'python3 -c \'import shutil; [shutil.move(*p) for p in [("a","t"),("b","a"),("t","b")]]\''
    )
    for step in [swap, "mv c d; ln d e; rm l", swap, "echo 5 >> a/x; chmod 640 b/x; rm b/y", swap]:
        box = resume(box.snapshot())
        box.snapshot()
        run(box, step)
        wanted = run(box, "grep -r . . | sort; ls -R | grep -v '^total'")
        box = resume(box.snapshot())
        assert run(box, "grep -r . . | sort; ls -R | grep -v '^total'") == wanted


def test_a_long_chain_of_snapshots(make_sandbox: MakeSandbox, resume: Continue) -> None:
    box = make_sandbox()
    run(box, "mkdir d; for i in $(seq 30); do echo $i > d/$i; done")
    for turn in range(2 * MOST_LAYERS + 3):
        run(box, f"rm -f d/{turn}; echo {turn} > new; echo {turn} > d/x{turn % 7}")
        name = box.snapshot()
    assert len(current_store().lease(name).info.layers) <= MOST_LAYERS
    assert run(resume(name), "grep -r . . | sort") == run(box, "grep -r . . | sort")


def test_an_unchanged_file_is_not_sent_again(make_sandbox: MakeSandbox, resume: Continue) -> None:
    box = make_sandbox()
    run(box, "head -c 8000000 /dev/zero | tr '\\0' x > big; sleep 0.05")
    first = box.snapshot()
    run(box, "echo small > small")
    store = current_store()
    again = resume(first)
    run(again, "echo small > small; sleep 0.05")
    for name in (box.snapshot(), again.snapshot(), again.snapshot()):
        assert int((store.folder / name / "size").read_text()) < 100_000


def test_a_change_that_keeps_size_and_time_is_noticed(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    box = make_sandbox()
    rewrite = "echo {} > f; touch -d '2001-01-01 00:00:00' f"
    run(box, rewrite.format("one"))
    box.snapshot()
    for word in ("two", "six", "ten"):
        run(box, rewrite.format(word))
        assert run(resume(box.snapshot()), "cat f") == f"{word}\n"


def test_forks_don_t_reach_each_other_or_their_parent(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    box = make_sandbox()
    run(box, "mkdir d; echo original > d/f; echo original > g")
    name = box.snapshot()
    with ThreadPoolExecutor(4) as pool:
        forks = list(pool.map(lambda _: resume(name), range(8)))
        list(pool.map(lambda i: run(forks[i], f"echo {i} >> d/f; rm g; echo {i} > new"), range(8)))
    for number, fork in enumerate(forks):
        assert run(fork, "cat d/f new; ls") == f"original\n{number}\n{number}\nd\nnew\n"
    assert run(box, "cat d/f g; ls") == "original\noriginal\nd\ng\n"
    run(box, "rm -r *")
    assert run(resume(name), "cat d/f g; ls") == "original\noriginal\nd\ng\n"


ELSEWHERE = """
import pickle, sys, warnings
from concurrent.futures import ThreadPoolExecutor
from mle_gym import MLEEnv
warnings.simplefilter("ignore")
snapshot = pickle.loads(bytes.fromhex(sys.stdin.read()))

def go_on(number):
    env = MLEEnv("zoo", sandbox=sys.argv[1], warm=False)
    try:
        env.reset(options={"snapshot": snapshot})
        command = f"echo $WORD; echo {number} >> f; cat f; basename $PWD"
        return env.step(command)[0]["output"].split()
    finally:
        env.close()

with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(go_on, range(4))))
"""


@pytest.mark.filterwarnings("ignore:sandbox='subprocess':UserWarning")
@pytest.mark.parametrize(
    ("backend", "onward"),
    [("bubblewrap", "docker"), ("docker", "subprocess"), ("subprocess", "bubblewrap")],
    indirect=True,
)
@pytest.mark.slow("it continues in processes of its own")
def test_it_outlives_its_environment_in_threads_of_another_process_on_any_backend(
    backend: str, onward: str
) -> None:
    env = MLEEnv("zoo", sandbox=backend, warm=False)
    env.reset()
    env.step("mkdir d; cd d; export WORD=kept; echo carried > f")
    snapshot = env.snapshot()
    env.close()
    with snapshot:
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, onward],
            input=pickle.dumps(snapshot).hex(), capture_output=True, text=True,
        )  # fmt: skip
        expected = [["kept", "carried", str(number), "d"] for number in range(4)]
        assert done.stdout.strip() == str(expected), done.stderr
    assert snapshot.name not in remaining(current_store())


def test_mounts_are_not_part_of_it(
    make_sandbox: MakeSandbox, resume: Continue, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "in.csv").write_text("1")
    mounts = (Mount(tmp_path, "data"),)
    box = make_sandbox(mounts=mounts)
    run(box, "cat data/in.csv; echo mine > mine")
    name = box.snapshot()
    (tmp_path / "in.csv").write_text("2")
    assert sorted(current_store().lease(name).listing) == ["mine"]
    assert run(resume(name, mounts=mounts), "cat data/in.csv mine") == "2mine\n"


def test_background_processes_are_stopped_meanwhile_and_go_on(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    box = make_sandbox()
    writer = (
        "import os, time\nn = 0\nwhile True:\n n += 1\n"
        " for f in ('left', 'right'):\n  open(f, 'w').write(str(n).zfill(9) * 1000)\n"
    )
    box.write_file("w.py", writer.encode())
    run(
        box,
        "setsid python3 w.py > /dev/null 2>&1 & echo $! > pids;"
        "until [ -e left ] && [ -e right ]; do sleep 0.01; done;"
        "setsid sleep 77 & kill -STOP $!; echo $! >> pids; sleep 0.3",
    )
    for _ in range(5):
        again = resume(box.snapshot())
        left, right = (run(again, f"cat {side}") for side in ("left", "right"))
        assert left == left[:9] * (len(left) // 9)
        assert right == right[:9] * (len(right) // 9)
        if left and right:
            assert int(left[:9]) - int(right[:9]) in (0, 1)
    states = run(box, "for p in $(cat pids); do cut -d' ' -f3 /proc/$p/stat; done").split()
    assert states[0] in "RSD"
    assert states[1] == "T"


@pytest.mark.parametrize("continued", [False, True])
def test_writes_through_memory_are_noticed(
    make_sandbox: MakeSandbox, resume: Continue, continued: bool
) -> None:
    box = make_sandbox()
    writer = (
        "import mmap, time\nf = open('m', 'r+b')\nm = mmap.mmap(f.fileno(), 4096)\nn = 0\n"
        "while True:\n n += 1\n m[:9] = b'%09d' % n\n time.sleep(0.01)\n"
    )
    box.write_file("w.py", writer.encode())
    run(box, "truncate -s 4096 m")
    if continued:
        box = resume(box.snapshot())
    run(box, "setsid python3 w.py > /dev/null 2>&1 & sleep 0.5")
    seen = set()
    for _ in range(3):
        seen.add(run(resume(box.snapshot()), "head -c 9 m"))
        run(box, "sleep 0.1")
    assert len(seen) == 3


@pytest.mark.slow("it waits for sandboxes that are killed")
def test_a_sandbox_that_dies_meanwhile_leaves_nothing(
    own_cache: Path, make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_sandbox()
    run(box, "head -c 9M /dev/urandom > f")
    received = Exchange._receive
    answers = iter(range(3))

    def receive(self: Exchange, deadline: float) -> Heard:
        if next(answers) == 2:
            raise ConnectionResetError("gone")
        return received(self, deadline)

    monkeypatch.setattr(Exchange, "_receive", receive)
    with pytest.raises(SandboxCrashed):
        box.snapshot()
    assert remaining(current_store()) == set()


def test_special_files_are_left_out(make_sandbox: MakeSandbox, resume: Continue) -> None:
    box = make_sandbox()
    run(box, "mkfifo pipe; python3 -c 'import socket; socket.socket(1).bind(\"sock\")'; touch f")
    assert run(resume(box.snapshot()), "ls") == "f\n"


# ------------------------------------------------------------------------------------------- limits


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


# ------------------------------------------------------------------------------------------ hostile

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


# ------------------------------------------------------------------------------------ store on disk


def remaining(store: Store) -> set[str]:
    return {name for name in os.listdir(store.folder) if not name.startswith(".")}  # noqa: PTH208


def test_deleted_snapshots_go_when_nothing_needs_them(
    make_sandbox: MakeSandbox, resume: Continue
) -> None:
    store = current_store()
    box = make_sandbox()
    run(box, "echo 1 > f")
    first = box.snapshot()
    again = resume(first)
    run(again, "echo 2 > g")
    second = again.snapshot()
    store.delete(first)
    with pytest.raises(SnapshotError, match="deleted"):
        store.lease(first)
    assert run(again, "cat f") == "1\n"
    box.close()
    again.close()
    assert run(resume(second), "cat f g") == "1\n2\n"
    assert {first, second} <= remaining(store)
    store.delete(second)
    store.delete(second)
    for lease in list(store._leases):
        if lease.name == second:
            lease.release()
    assert not {first, second} & remaining(store)


@pytest.mark.slow("it takes many snapshots")
def test_disk_is_bounded_and_the_least_used_go_first(
    own_cache: Path, make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_SNAPSHOTS_MB", "10")
    names = []
    for _ in range(5):
        with make_sandbox() as box:
            run(box, "head -c 3M /dev/urandom > f")
            names.append(box.snapshot())
        if len(names) == 3:
            current_store().lease(names[0]).release()
    store = current_store()
    assert remaining(store) == {names[0], names[3], names[4]}
    assert store.used() < 10 << 20
    with make_sandbox() as box:
        run(box, "head -c 11M /dev/urandom > f")
        with pytest.raises(SnapshotError, match="MLE_GYM_SNAPSHOTS_MB"):
            box.snapshot()
        run(box, "rm f")
        box.snapshot()
    assert store.used() < 10 << 20


PROCESS = """
import os, signal, sys, warnings
from mle_gym.sandbox import SandboxConfig, create
from mle_gym.sandbox.snapshots.store import current_store
warnings.simplefilter("ignore")
box = create(sys.argv[1], SandboxConfig())
box.execute("echo hello > f", timeout=9)
name = box.snapshot()
if sys.argv[2] != "drop":
    current_store().keep(name)
print(name, flush=True)
if sys.argv[3] == "killed":
    box.execute("setsid sleep 98761 &", timeout=9)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "killed"])
@pytest.mark.parametrize("fate", ["drop", "keep"])
@pytest.mark.slow("it starts and kills hosts")
def test_only_what_was_kept_outlives_its_process(
    own_cache: Path, backend: str, resume: Continue, end: str, fate: str
) -> None:
    program = [sys.executable, "-c", textwrap.dedent(PROCESS), backend, fate, end]
    output = subprocess.run(program, capture_output=True, text=True, cwd=Path.cwd()).stdout
    name = output.strip()
    store = Store(own_cache / "snapshots")
    if fate == "keep":
        assert run(resume(name), "cat f") == "hello\n"
    else:
        assert remaining(store) == set()
        assert store.used() == 0


@pytest.mark.slow("it starts and kills a host")
def test_a_killed_host_leaves_no_mount_or_process(own_cache: Path, isolating_backend: str) -> None:
    program = [sys.executable, "-c", textwrap.dedent(PROCESS), isolating_backend, "drop", "killed"]
    subprocess.run(program, capture_output=True, text=True, cwd=Path.cwd())
    assert eventually(lambda: not processes_with("98761"))
    assert str(own_cache) not in Path("/proc/self/mountinfo").read_text()


def test_a_damaged_snapshot_is_an_error(
    make_sandbox: MakeSandbox, resume: Continue, backend: str
) -> None:
    box = make_sandbox()
    run(box, "echo 1 > f; echo 2 > g")
    name = box.snapshot()
    folder = current_store().folder / name
    (folder / "tree" / "g").write_text("longer")
    (folder / "tree" / "f").unlink()
    if backend == "bubblewrap":
        (folder / "tree" / "g").unlink()
    with pytest.raises(SnapshotError, match="damaged"):
        resume(name)
    (folder / "info.json").write_text("{")
    with pytest.raises(SnapshotError, match="damaged"):
        resume(name)
    with pytest.raises(SnapshotError, match="deleted"):
        resume("0123456789abcdef")


def test_bubblewrap_mounts_instead_of_copying(
    resume: Continue, make_sandbox: MakeSandbox, backend: str
) -> None:
    if backend != "bubblewrap":
        pytest.skip("only bubblewrap mounts")
    box = make_sandbox()
    run(box, "echo 1 > f")
    assert " /workspace overlay " in run(resume(box.snapshot()), "cat /proc/mounts")
