"""Warm Python in containers: nothing differs, and the zygote is a part of the sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mle_gym.sandbox import Limits, Sandbox, SandboxConfig
from mle_gym.sandbox.docker import backend as backend_module
from mle_gym.sandbox.docker.backend import DockerBackend
from mle_gym.sandbox.standalone.start_commands import SANDBOX_PARTS
from mle_gym.sandbox.warm import in_containers
from tests.sandbox.conftest import eventually
from tests.sandbox.test_warm import is_warm, run_in_a_clean_place, wait_until_warm
from tests.sandbox.warm_corpus import COLD, CORPUS, HEAVY

pytestmark = pytest.mark.docker
Create = Callable[..., Sandbox]


@pytest.fixture(scope="module")
def warm(docker_host: str) -> Iterator[Sandbox]:
    with DockerBackend().create(SandboxConfig()) as sandbox:
        wait_until_warm(sandbox)
        yield sandbox


@pytest.fixture(scope="module")
def cold(docker_host: str) -> Iterator[Sandbox]:
    with DockerBackend().create(SandboxConfig(warm=False)) as sandbox:
        yield sandbox


@pytest.fixture
def create(docker_host: str) -> Iterator[Create]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            DockerBackend().create(SandboxConfig(**options))
        )


def run(sandbox: Sandbox, command: str, timeout: float = 30) -> str:
    return sandbox.execute(command, timeout=timeout).output.decode().strip()


def zygote_of(sandbox: Sandbox) -> str:
    """Pid of the zygote, as seen inside; empty if there is none."""
    return run(sandbox, "pgrep -P 1 -x zygote")


# ---------------------------------------------------------------------------------- nothing differs


@pytest.mark.parametrize("name", [name for name in CORPUS if name not in HEAVY])
def test_a_program_does_the_same(warm: Sandbox, cold: Sandbox, name: str) -> None:
    (expected, wanted), (found, text) = (
        run_in_a_clean_place(box, CORPUS[name]) for box in (cold, warm)
    )
    assert found == expected
    assert _without_ids(text, warm) == _without_ids(wanted, cold)


def _without_ids(text: str, sandbox: Sandbox) -> str:
    """Control groups are named after the container, and each has a user of its own."""
    user = run(sandbox, "id -u")
    return re.sub(f"[0-9a-f]{{64}}|{user}", "ID", text)


def test_every_form_is_warm(warm: Sandbox) -> None:
    program = "import sys; sys.exit('multiprocessing' not in sys.modules)"
    warm.write_file("form.py", program.encode())
    for form in ("python form.py", "python3 -u form.py", "python -m form", "python < form.py"):
        assert warm.execute(form, timeout=20).exit_code == 0, form


@pytest.mark.parametrize("how", COLD)
def test_unusual_calls_run_in_the_real_interpreter(warm: Sandbox, how: str) -> None:
    assert not is_warm(warm, how)


# -------------------------------------------------------------------------------- when it is there


def test_a_zygote_starts_when_python_was_used_and_not_before(create: Create) -> None:
    sandbox = create()
    run(sandbox, "ls /; echo 'print(1)' > a.py")
    sandbox.write_file("b.py", b"print(2)")
    assert not zygote_of(sandbox)
    assert run(sandbox, "python a.py; pgrep -P 1 -x zygote") == "1"
    assert eventually(lambda: zygote_of(sandbox) != "")
    wait_until_warm(sandbox)


def test_a_command_that_calls_twice_does_not_wait_for_its_end(create: Create) -> None:
    warm_here = "python -c \"import sys; sys.exit('multiprocessing' not in sys.modules)\""
    command = f"until {warm_here}; do sleep 0.2; done; echo warm"
    assert run(create(), command, 60) == "warm"


@pytest.mark.parametrize("options", [{"warm": False}, {"limits": Limits(memory_mb=256)}])
def test_python_is_cold_where_it_shall_be(create: Create, options: dict[str, object]) -> None:
    sandbox = create(**options)
    assert run(sandbox, "python -c 'print(1)'; python -c 'print(2)'") == "1\n2"
    assert not zygote_of(sandbox)
    assert run(sandbox, "ls /opt/mle-gym") == "standalone"
    assert run(sandbox, "ls /opt/mle-gym/standalone").split() == sorted(SANDBOX_PARTS)


def test_an_image_in_which_our_programs_do_not_run_is_cold(
    create: Create, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim, library, *others = in_containers.programs() or ()
    foreign = tmp_path / "shim-of-another-machine"
    foreign.write_bytes(shim.read_bytes()[:18] + b"\xff\xff" + shim.read_bytes()[20:])
    foreign.chmod(0o755)
    monkeypatch.setattr(in_containers, "programs", lambda: (foreign, library, *others))
    backend_module._look_inside.cache_clear()
    try:
        assert run(create(), "python -c 'print(1)'; which python") == "1\n/usr/local/bin/python"
    finally:
        backend_module._look_inside.cache_clear()


def test_modules_that_are_preloaded_do_not_tell_containers_apart(create: Create) -> None:
    sandbox = create(preload=("colorsys",))
    here = "python -c \"import sys; print('colorsys' in sys.modules, 'pandas' in sys.modules)\""
    assert eventually(lambda: run(sandbox, here) == "True False")


# -------------------------------------------------------------------------------------- how it ends


@pytest.mark.parametrize("how", ["kill -9 $(pgrep -x zygote)", "kill -9 -1"])
def test_a_killed_zygote_means_one_cold_start(create: Create, how: str) -> None:
    sandbox = create()
    wait_until_warm(sandbox)
    first = zygote_of(sandbox)
    sandbox.execute(how, timeout=10)
    assert run(sandbox, "python -c 'print(1)'") == "1"
    assert zygote_of(sandbox) != first
    wait_until_warm(sandbox)


def test_who_ends_every_python_spares_it(warm: Sandbox) -> None:
    before = zygote_of(warm)
    run(warm, "python -c 'import time; time.sleep(600)' & sleep 0.3; pkill python; wait")
    assert zygote_of(warm) == before


def test_limits_end_programs_and_spare_it(create: Create) -> None:
    sandbox = create(limits=Limits(memory_mb=600))
    wait_until_warm(sandbox)
    before = zygote_of(sandbox)
    stubborn = (
        "import os, signal, time; signal.signal(2, signal.SIG_IGN); os.fork(); time.sleep(600)"
    )
    assert sandbox.execute(f"python -c '{stubborn}'", timeout=0.5).killed_by == "timeout"
    assert eventually(lambda: not run(sandbox, "pgrep -f 'time.sleep[(]50'"))
    hog = "import time; x = bytearray(900 << 20); time.sleep(9)"
    assert sandbox.execute(f"python -c '{hog}'", timeout=30).killed_by == "memory"
    assert zygote_of(sandbox) == before
    assert is_warm(sandbox)


def test_a_fork_bomb_does_not_survive_its_command(create: Create) -> None:
    sandbox = create(limits=Limits(processes=60))
    wait_until_warm(sandbox)
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert sandbox.execute(f"python -c '{bomb}'", timeout=1).killed_by == "timeout"
    assert eventually(lambda: not run(sandbox, "pgrep -f 'os.fork[(]'"))
    assert run(sandbox, "python -c 'print(1)'") == "1"


def test_programs_that_commands_left_are_spared(warm: Sandbox) -> None:
    program = "import time; print(1, flush=True); time.sleep(600)"
    run(warm, f"python -c '{program}' > runs 2>&1 &")
    assert eventually(lambda: run(warm, "cat runs") != "")  # the shim alone is not the program
    warm.execute("trap '' INT; sleep 30", timeout=0.2)
    assert run(warm, "pgrep -f 'time.sleep[(]600'")
    run(warm, "pkill -f 'time.sleep[(]600'")


# ------------------------------------------------------------------------ what it counts, and may


def test_an_idle_zygote_is_not_charged_to_commands(warm: Sandbox) -> None:
    # What earlier programs took is reported when their parents, the zygote's children, end. One
    # fork of the zygote's waits for the next program.
    assert eventually(lambda: len(run(warm, "pgrep -P $(pgrep -P 1 -x zygote)").split()) == 1)
    execution = warm.execute("sleep 0.4", timeout=9)
    assert execution.peak_memory_mb < 60
    execution = warm.execute(
        "python -c 'x = bytearray(150 << 20)\nfor n in range(3000000): pass'", timeout=30
    )
    assert execution.cpu_seconds > 0.05
    assert execution.peak_memory_mb > 150


WATCH = r"""
import os, re
ours = re.compile(rb"^(zygote|keeper)\0|standalone/start.py\0zygote")
def words(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return ours.search(file.read())
opened = {}
while not os.path.exists("stop"):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if words(pid) and pid not in opened:
                file = open(f"/proc/{pid}/mem", "r+b", buffering=0)
                if words(pid):  # it did not become a program meanwhile
                    opened[pid] = file
                    print(words(pid).group(), flush=True)
        except OSError:
            continue
"""


def test_no_moment_is_left_in_which_agents_can_open_the_memory_of_what_serves_them(
    create: Create,
) -> None:
    sandbox = create(preload=())
    sandbox.write_file("watch.py", WATCH.encode())
    run(sandbox, "/usr/local/bin/python watch.py >seen 2>&1 & disown")
    wait_until_warm(sandbox)
    run(sandbox, "for n in 1 2 3 4 5; do python -c 0; done")
    # Not started again while somebody may watch.
    run(sandbox, "kill -9 $(pgrep -x zygote)")
    run(sandbox, "python -c 0; python -c 0")
    assert not zygote_of(sandbox)
    run(sandbox, "touch stop")
    assert eventually(lambda: not run(sandbox, "pgrep -f watch.p[y]"))
    assert run(sandbox, "cat seen") == ""
    wait_until_warm(sandbox)


def test_agents_can_neither_read_nor_trace_it(warm: Sandbox) -> None:
    pid = zygote_of(warm)
    script = f"""
import ctypes, os
for name in ("fd", "ns/pid", "root", "exe"):
    try:
        print(os.listdir("/proc/{pid}/fd") if name == "fd" else os.readlink("/proc/{pid}/" + name))
    except PermissionError:
        print("refused")
for name in ("mem", "environ", "maps"):
    try:
        print(open("/proc/{pid}/" + name, "rb").read(10))
    except OSError:
        print("refused")
print(ctypes.CDLL(None).ptrace(16, {pid}, 0, 0))
"""
    warm.write_file("look.py", script.encode())
    assert run(warm, "python look.py").split() == ["refused"] * 7 + ["-1"]
