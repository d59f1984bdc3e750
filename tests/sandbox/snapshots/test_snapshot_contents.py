"""What a snapshot contains, and that the sandboxes it is continued in don't reach one another."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox import Mount, SandboxConfig
from mle_gym.sandbox.exchange import Exchange, Heard
from mle_gym.sandbox.snapshots.listing import MOST_LAYERS
from mle_gym.sandbox.snapshots.store import current_store
from tests.sandbox.conftest import (
    MakeSandbox,
    start,
)
from tests.sandbox.snapshots.conftest import Continue, remaining, run

LIST = (
    "find . -mindepth 1 -type f -printf '%p %m %s %T@\\n' -o -type d -printf '%p/ %m %T@\\n' "
    "-o -printf '%p %m %l %T@\\n' 2>/dev/null | sort; find . -type f -exec md5sum {} + | sort"
)

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
