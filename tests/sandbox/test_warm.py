"""Warm Python: programs see no difference, and they are confined like all others."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import cache_folder
from mle_gym.sandbox import Limits, Sandbox, SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher
from mle_gym.sandbox.standalone import zygote
from tests.tiers import few_quick

from .conftest import PATIENCE, eventually, parent_of, processes_with, sleepers, start
from .docker_daemon import require
from .warm_corpus import COLD, CORPUS, is_light

MARKER = uuid.uuid4().int % 10**9
WARM_MODULES = "import sys; sys.exit('multiprocessing' not in sys.modules)"


@pytest.fixture(scope="module")
def _bubblewrap() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))


_OF_C = re.compile(r"^Current thread's C stack trace.*\n(?:  .*\n)*", re.MULTILINE)
"""Since 3.14 the fault handler shows frames of C, which lie elsewhere in a forked interpreter."""


@pytest.fixture(scope="module")
def warm(_bubblewrap: None) -> Iterator[Sandbox]:
    with start("bubblewrap", SandboxConfig()) as sandbox:
        wait_until_warm(sandbox)
        yield sandbox


@pytest.fixture(scope="module")
def cold(_bubblewrap: None) -> Iterator[Sandbox]:
    with start("bubblewrap", SandboxConfig(warm=False)) as sandbox:
        yield sandbox


def wait_until_warm(sandbox: Sandbox, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_warm(sandbox):
        assert time.monotonic() < deadline, "the zygote does not serve"
        time.sleep(0.1)


def is_warm(sandbox: Sandbox, how: str = "python -c") -> bool:
    """Whether a program run like this has what only the zygote has imported."""
    return sandbox.execute(f'{how} "{WARM_MODULES}"', timeout=60).exit_code == 0


# ---------------------------------------------------------------------------------- nothing differs


@pytest.mark.parametrize(
    "name", few_quick(CORPUS, is_light, "it needs seconds in the real interpreter")
)
def test_a_program_does_the_same(warm: Sandbox, cold: Sandbox, name: str) -> None:
    expected, found = [run_in_a_clean_place(box, CORPUS[name]) for box in (cold, warm)]
    assert found == expected


def run_in_a_clean_place(sandbox: Sandbox, script: str) -> tuple[int, str]:
    command = f"find /workspace /tmp -xdev -mindepth 1 -delete 2>/dev/null; cd /workspace\n{script}"
    # The real interpreter takes two seconds to import what some programs need, on an idle machine.
    execution = sandbox.execute(command, timeout=5 * PATIENCE)
    sandbox.execute("cd /workspace; unset $(compgen -v MLE_TEST)", timeout=PATIENCE)
    output = execution.output.decode("utf-8", "backslashreplace")
    output = re.sub(r"(bash: line \d+:) +\d+", r"\1 PID", output)
    output = _OF_C.sub("", output)
    return execution.exit_code, re.sub(r"0x[0-9a-f]{7,16}", "ADDRESS", output)


@pytest.mark.parametrize(
    "how", ["python -c", "python3 -c", "python -u -c", "PYTHONUNBUFFERED=1 python -c"]
)
def test_usual_calls_are_warm(warm: Sandbox, how: str) -> None:
    assert is_warm(warm, how)


def test_every_form_is_warm(warm: Sandbox) -> None:
    prepare = f'echo "{WARM_MODULES}" > form.py && '
    for form in ("python form.py", "python -m form", "python - < form.py", "python < form.py"):
        assert warm.execute(prepare + form, timeout=20).exit_code == 0, form


@pytest.mark.parametrize("how", COLD)
def test_unusual_calls_run_in_the_real_interpreter(warm: Sandbox, how: str) -> None:
    assert not is_warm(warm, how)


# -------------------------------------------------------------------------------------- confinement


def host_view(sandbox: Sandbox, script: str) -> str:
    """Run a warm program and return what it printed."""
    assert is_warm(sandbox)
    execution = sandbox.execute(
        f"cat > probe.py <<'THE-END'\n{script}\nTHE-END\npython probe.py", timeout=60
    )
    return execution.output.decode()


def test_nothing_of_the_zygotes_is_open(warm: Sandbox) -> None:
    script = "import os; print(sorted(os.listdir('/proc/self/fd')), os.listdir('/proc/self/task'))"
    found = host_view(warm, script)
    assert found.startswith("['0', '1', '2', '3'] ")


def test_commands_inherit_no_descriptors(warm: Sandbox, cold: Sandbox) -> None:
    for sandbox in (warm, cold):
        listing = sandbox.execute("ls /proc/self/fd", timeout=20).output
        assert listing == b"0\n1\n2\n3\n"


def test_the_hosts_files_and_variables_cannot_be_reached(warm: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "answers.csv"
    secret.write_text("id,label\n1,secret\n")
    places = [str(secret), __file__, "/root", str(Path(zygote.__file__ or "").parent)]
    script = f"""
import os
for place in {places!r}:
    for way in (place, '/proc/self/root' + place, '/proc/self/cwd/../../../..' + place):
        try:
            print(os.listdir(way) if os.path.isdir(way) else open(way).read())
        except OSError:
            pass
        else:
            if place != '/root': print('SEEN', way)
for name in ('environ', 'cmdline'):
    print(open('/proc/self/' + name).read())
"""
    found = host_view(warm, script)
    assert "SEEN" not in found
    assert "zygote" not in found
    assert "secret" not in found


def test_mounting_tracing_and_new_namespaces_are_refused(warm: Sandbox) -> None:
    script = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None), libc.unshare(1 << 28), libc.unshare(1 << 17))
print(libc.ptrace(16, 1, 0, 0), libc.setuid(0), libc.chroot(b'/tmp'))
print(libc.setrlimit(6, (ctypes.c_ulong * 2)(10**6, 10**6)))
for pid in os.listdir('/proc'):
    if pid.isdigit():
        try:
            print(os.readlink(f'/proc/{pid}/root'), len(os.listdir(f'/proc/{pid}/fd')) < 9)
        except OSError as error:
            print(pid == '1', error.strerror)
"""
    lines = host_view(warm, script).splitlines()
    assert lines[:3] == ["-1 -1 -1", "-1 -1 -1", "-1"]
    assert "True Permission denied" in lines
    assert all(line in ("/ True", "True Permission denied") for line in lines[3:])


def test_a_program_is_in_its_sandboxes_groups_and_namespaces(warm: Sandbox) -> None:
    script = f"import time; marker = {MARKER}; time.sleep(600)"
    warm.execute(
        f"(python -c '{script}' >/dev/null 2>&1 & sleep 61{MARKER} >/dev/null 2>&1 &)", timeout=9
    )
    try:
        assert eventually(lambda: len(programs_with(f"marker = {MARKER}")) == 1)
        programs = programs_with(f"marker = {MARKER}")
        assert eventually(lambda: len(sleepers(f"61{MARKER}")) == 1)
        (other,) = sleepers(f"61{MARKER}")
        for pid in programs:
            assert look(pid) == look(other)
    finally:
        warm.execute("pkill -f marker; pkill sleep", timeout=9)


def test_a_keeper_is_as_confined_and_shares_no_memory_with_the_program(warm: Sandbox) -> None:
    marker = f"import time; keeper = {MARKER}; time.sleep(600)"
    warm.execute(
        f"(python -c '{marker}' >/dev/null 2>&1 & sleep 62{MARKER} >/dev/null 2>&1 &)", timeout=9
    )
    try:
        assert eventually(lambda: len(programs_with(f"keeper = {MARKER}")) == 1)
        assert eventually(lambda: len(sleepers(f"62{MARKER}")) == 1)
        (other,) = sleepers(f"62{MARKER}")
        (keeper,) = map(parent_of, programs_with(f"keeper = {MARKER}"))
        found, expected = look(keeper), look(other)
        assert found["ns"].pop("pid") != expected["ns"].pop("pid")
        assert found == expected
        assert warm.execute(f"kill -0 {keeper}", timeout=9).exit_code != 0
        if os.getuid() == 0:
            # It closes the rest a moment after it has begun.
            opened = Path(f"/proc/{keeper}/fd")
            assert eventually(lambda: {path.name for path in opened.iterdir()} == {"0", "1", "3"})
            mapped = Path(f"/proc/{keeper}/maps").read_text()
            assert "python" not in mapped.lower().replace(str(cache_folder()).lower(), "")
    finally:
        warm.execute("pkill -f keeper; pkill sleep", timeout=9)


def programs_with(marker: str) -> list[int]:
    """Warm programs whose command line holds the marker; their shims have it until they start."""
    return [pid for pid in processes_with(marker) if is_keeper(parent_of(pid))]


def is_keeper(pid: int) -> bool:
    return comm(pid).startswith("keeper")


def test_a_spare_holds_nothing_and_is_in_no_sandbox(warm: Sandbox) -> None:
    (spare,) = [p for z in zygotes() for p in children_of(z) if not is_keeper(p)][-1:]
    if os.getuid() == 0:
        assert Path(f"/proc/{spare}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
        opened = {str(path.readlink()) for path in Path(f"/proc/{spare}/fd").iterdir()}
        kinds = sorted(name.partition(":")[0].rpartition("/")[2][:6] for name in opened)
        assert kinds == ["keeper", "null", "socket"]
        assert b"SECRET" not in Path(f"/proc/{spare}/environ").read_bytes()


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def look(pid: int) -> dict[str, Any]:
    """What the kernel says about a process, seen from outside."""
    folder = Path(f"/proc/{pid}")
    spaces = {path.name: str(path.readlink()) for path in (folder / "ns").iterdir()}
    keep = ("Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp")
    status = [s for s in (folder / "status").read_text().splitlines() if s.startswith(keep)]
    return {"ns": spaces, "status": status, "cgroup": (folder / "cgroup").read_text()}


def test_masked_files_are_not_in_the_zygotes_memory(warm: Sandbox) -> None:
    zygote_pid = zygotes()[-1]
    if os.getuid() != 0:
        pytest.skip("only root may read the memory of others")
    regions = [line.split() for line in Path(f"/proc/{zygote_pid}/maps").read_text().splitlines()]
    needles = (b"5.1,3.5,1.4,0.2", b"Braund, Mr. Owen Harris", b"Allen, Miss. Elisabeth Walton")
    with Path(f"/proc/{zygote_pid}/mem").open("rb", buffering=0) as memory:
        for bounds, rights, *_ in regions:
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in bounds.split("-"))
                memory.seek(start)
                with contextlib.suppress(OSError):
                    content = memory.read(end - start)
                    assert not any(needle in content for needle in needles)
    names = [region[5] for region in regions if len(region) > 5]
    assert not any("mle_gym/" in name and "zygote" not in name for name in names)
    assert b"SECRET" not in Path(f"/proc/{zygote_pid}/environ").read_bytes()


def zygotes() -> list[int]:
    """Pids of this test process's zygotes."""
    launcher = current_launcher().pid
    parents = {
        pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        for pid in processes_with("standalone/start.py\0zygote")
    }
    return [pid for pid, parent in parents.items() if parent == str(launcher)]


def test_limits_hold_for_warm_programs() -> None:
    limits = Limits(memory_mb=300, disk_mb=16, processes=40)
    with start("bubblewrap", SandboxConfig(limits=limits)) as sandbox:
        wait_until_warm(sandbox)
        execution = sandbox.execute(
            "python -c 'import time; x = bytearray(900 << 20); time.sleep(9)'", timeout=30
        )
        assert execution.exit_code == 137 or execution.killed_by == "memory"
        assert sandbox.execute("python -c 'print(1)'", timeout=30).output == b"1\n"
        fork = (
            "import os, signal\ntry:\n    while True: os.fork() or signal.pause()\n"
            "except BaseException as e: print(e)"
        )
        execution = sandbox.execute(f'python -c "{fork}"; sleep 0.2; pkill -9 python', timeout=30)
        assert b"Resource temporarily unavailable" in execution.output


# ---------------------------------------------------------------------------------- how things end


def test_a_timeout_interrupts_then_kills(warm: Sandbox) -> None:
    execution = warm.execute("python -c 'import time; time.sleep(600)'", timeout=0.5)
    assert (execution.exit_code, execution.killed_by) == (124, "timeout")
    assert b"KeyboardInterrupt" in execution.output
    stubborn = f"import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(600) or {MARKER}"
    execution = warm.execute(f"python -c '{stubborn}'", timeout=0.5)
    assert execution.killed_by == "timeout"
    assert eventually(lambda: not processes_with(f"or {MARKER}"))


def test_a_timeout_spares_older_programs_and_not_their_shim(warm: Sandbox) -> None:
    warm.execute(
        f"python -c 'import time; time.sleep(600) or 1{MARKER}' >/dev/null 2>&1 &", timeout=9
    )
    assert eventually(lambda: len(programs_with(f"or 1{MARKER}")) == 1)
    stubborn = f"trap \"\" INT; python -c 'import time; time.sleep(600) or 2{MARKER}'"
    assert warm.execute(stubborn, timeout=0.5).killed_by == "timeout"
    assert eventually(lambda: not processes_with(f"or 2{MARKER}"))
    assert len(programs_with(f"or 1{MARKER}")) == 1
    warm.execute(f"pkill -f 1{MARKER}", timeout=9)
    assert eventually(lambda: not processes_with(f"or 1{MARKER}"))


def test_a_killed_shim_takes_its_program_along(warm: Sandbox) -> None:
    warm.execute(
        f"python -c 'import time; time.sleep(600) or 3{MARKER}' & sleep 0.5; kill -9 $!; wait",
        timeout=9,
    )
    assert eventually(lambda: not processes_with(f"or 3{MARKER}"))


def test_programs_are_charged_for(warm: Sandbox) -> None:
    execution = warm.execute(
        "python -c 'x = bytearray(150 << 20)\nfor n in range(6000000): pass'", timeout=30
    )
    assert execution.exit_code == 0
    assert execution.cpu_seconds > 0.05
    assert execution.peak_memory_mb > 150


@pytest.mark.parametrize("victim", ["sandbox", "host"])
@pytest.mark.slow("hosts and zygotes start and are killed")
def test_nothing_is_left_of_a_killed(victim: str) -> None:
    marker = f"27182{uuid.uuid4().int % 10**9}"
    script = f"""
import os, signal, time
from mle_gym.sandbox import SandboxConfig, get_backend
from tests.sandbox.test_warm import wait_until_warm
sandbox = get_backend("bubblewrap").create(SandboxConfig())
wait_until_warm(sandbox)
sandbox.execute(
    "setsid python -c 'import time; time.sleep(99) or "
    + os.environ["MARKER"] + "' >/dev/null 2>&1 &", timeout=9)
time.sleep(0.5)
print(os.getpid(), sandbox.runner_pid, flush=True)
if {victim!r} == "sandbox":
    sandbox.close()
    print("closed", flush=True)
signal.pause()
"""
    environment = os.environ | {"MARKER": marker}  # not in its command line
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert host.stdout is not None
    with host.stdout:
        host.stdout.readline()
        if victim == "sandbox":
            assert host.stdout.readline() == b"closed\n"
            assert eventually(lambda: not processes_with(f"or {marker}"))
        else:
            assert processes_with(f"or {marker}")
        launchers = children_of(host.pid)
        servants = [pid for launcher in launchers for pid in children_of(launcher)]
        servants += [spare for servant in servants for spare in children_of(servant)]
        os.kill(host.pid, signal.SIGKILL)
        host.wait()
    assert eventually(lambda: not processes_with(f"or {marker}"))
    assert eventually(
        lambda: not any(Path(f"/proc/{p}").exists() for p in launchers + servants), 20
    )


def children_of(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_running_sandboxes_get_a_new_zygote_for_a_killed_one() -> None:
    config = SandboxConfig(preload=("json", "tabnanny"))
    warm_here = "python -c \"import sys; sys.exit('tabnanny' not in sys.modules)\""

    def own_zygotes() -> list[int]:
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in zygotes()}
        return [pid for pid, command in commands.items() if b"tabnanny" in command]

    with start("bubblewrap", config) as first, start("bubblewrap", config) as second:
        assert eventually(lambda: first.execute(warm_here, timeout=9).exit_code == 0)
        (victim,) = own_zygotes()
        spares = children_of(victim)
        assert spares
        first.execute("python -c 'import time; time.sleep(1); print(1)' > late &", timeout=9)
        os.kill(victim, signal.SIGKILL)
        assert first.execute("python -c 'print(2)'", timeout=20).output == b"2\n"
        for sandbox in (first, second):
            assert eventually(lambda box=sandbox: box.execute(warm_here, timeout=9).exit_code == 0)
        assert eventually(lambda: first.execute("cat late", timeout=9).output == b"1\n")
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in spares))
        assert len(own_zygotes()) == 1
        with start("bubblewrap", config) as third:
            assert eventually(lambda: third.execute(warm_here, timeout=9).exit_code == 0)


def test_warm_can_be_turned_off(cold: Sandbox) -> None:
    assert not is_warm(cold)
    assert cold.execute("ls /run/mle-gym /opt/mle-gym", timeout=9).output.count(b"python") == 0


# -------------------------------------------------------------------------------- hostile messages

FUZZ = """
import os, random, socket, struct, sys
random.seed(int(sys.argv[1]))
HEADER = struct.Struct("=8s4Iii2Q32Q128s")

def message():
    kind = random.randrange(5)
    if kind == 0:
        return os.urandom(random.randrange(2000))
    numbers = [random.choice([0, 1, 2, 3, 2**31, 2**32 - 1]) for _ in range(4)]
    nice, parent = random.choice([-20, 0, 19, 2**31 - 1]), random.choice([-1, 0, 1])
    wide = [random.choice([0, 1, 2**63, 2**64 - 1]) for _ in range(34)]
    magic = random.choice([b"mlewarm1", b"x"])
    header = HEADER.pack(magic, *numbers, nice, parent, *wide, os.urandom(128))
    if kind == 1:
        return header[: random.randrange(len(header))]
    return header + random.choice([b"", b"\\0", b"python\\0-c\\0", os.urandom(numbers[2] % 5000)])

for n in range(40):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(3)
        try:
            s.connect("/run/mle-gym/python")
            fds = [random.choice([0, 1, 2, s.fileno()]) for _ in range(random.randrange(9))]
            data = message()
            if data:
                socket.send_fds(s, [data], fds)
            if random.random() < 0.5:
                s.send(b"G" * random.randrange(1, 99))
            if random.random() < 0.7:
                s.shutdown(socket.SHUT_WR)
                s.recv(99)
        except OSError:
            pass
"""


@pytest.mark.slow("hundreds of programs")
def test_a_command_may_run_more_programs_than_a_line_holds_reports(warm: Sandbox) -> None:
    execution = warm.execute("for n in $(seq 320); do python -c 0; done", timeout=300)
    assert execution.killed_by == ""
    assert execution.exit_code == 0
    assert execution.cpu_seconds > 0.3


@pytest.mark.slow("it sends thousands of messages")
def test_hostile_messages_harm_nobody(warm: Sandbox) -> None:
    before = zygotes()
    descriptors = [sorted(Path(f"/proc/{pid}/fd").iterdir()) for pid in before]
    warm.write_file("/tmp/fuzz.py", FUZZ.encode())
    for seed in range(4):
        execution = warm.execute(f"python /tmp/fuzz.py {seed}", timeout=120)
        assert execution.exit_code == 0, execution.output
    assert zygotes() == before
    assert eventually(lambda: all(len(children_of(pid)) == 1 for pid in before))  # spares
    assert eventually(
        lambda: [sorted(Path(f"/proc/{pid}/fd").iterdir()) for pid in before] == descriptors
    )
    assert eventually(lambda: is_warm(warm))


def test_a_flood_of_calls_does_not_starve_other_sandboxes(warm: Sandbox) -> None:
    flood = (
        "import socket\nwhile True:\n    s = socket.socket(socket.AF_UNIX)\n"
        "    s.connect('/run/mle-gym/python')"
    )
    with start("bubblewrap", SandboxConfig()) as hostile:
        wait_until_warm(hostile)
        hostile.write_file("flood.py", flood.encode())
        hostile.execute("for n in 1 2 3; do python flood.py >/dev/null 2>&1 & done", timeout=9)
        assert eventually(lambda: is_warm(warm))
        assert sum(len(children_of(pid)) for pid in zygotes()) <= 80
