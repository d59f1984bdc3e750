"""What only isolating backends promise. The attacks in tests/security go further."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import uuid
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import Limits, Sandbox, SandboxConfig
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.installation.python_layout import layout_of

from .conftest import eventually, processes_with, start, start_restored

Begin = Callable[..., Sandbox]


@pytest.fixture(params=["fresh", "restored"])
def begin(request: pytest.FixtureRequest, isolating_backend: str) -> Begin:
    """Starts a sandbox: a new one, or one that continues from a snapshot."""
    how = {"fresh": start, "restored": start_restored}[request.param]
    return lambda **options: how(isolating_backend, SandboxConfig(**options))


def run(begin: Begin, command: str, timeout: float = 30, **options: object) -> tuple[int, str]:
    with begin(**options) as sandbox:
        execution = sandbox.execute(command, timeout=timeout)
        return execution.exit_code, execution.output.decode()


def test_the_hosts_files_cannot_be_seen(begin: Begin, tmp_path: Path) -> None:
    secret = tmp_path / "answers.csv"
    secret.write_text("id,label\n1,secret\n")
    secret.chmod(0o644)
    for path in (secret, Path(__file__), Path.home() / ".bashrc", Path("/etc/shadow")):
        exit_code, output = run(begin, f"cat {path}")
        assert exit_code == 1, output


def test_commands_do_not_run_as_root(begin: Begin) -> None:
    _, output = run(begin, "id -u; cat /proc/self/status")
    assert int(output.partition("\n")[0]) >= 1000  # each container has a user of its own
    capabilities = [line.split()[1] for line in output.splitlines() if line.startswith("Cap")]
    assert set(capabilities[:4]) == {"0000000000000000"}, output
    assert "NoNewPrivs:\t1" in output


def test_nothing_outside_the_workspace_can_be_written(begin: Begin) -> None:
    command = """
    for place in / /usr /etc /opt /opt/mle-gym/standalone /opt/mle-gym/standalone/runner \\
        /opt/mle-gym/standalone/start.py /proc/sys/kernel/core_pattern /dev \\
        $(dirname $(which python)); do
        if [ -d $place ]; then touch $place/x; else echo x >> $place; fi && echo WROTE $place
    done 2>/dev/null; true
    """
    assert run(begin, command) == (0, "")


def test_there_is_no_network(begin: Begin) -> None:
    script = "import socket; s = socket.socket(); s.settimeout(3); s.connect(('{}', {}))"
    for address in ("127.0.0.1", "192.0.2.1"):
        exit_code, output = run(begin, f'python -c "{script.format(address, 9)}"')
        assert exit_code == 1
        assert "unreachable" in output or "refused" in output


def test_the_disk_limit_bites(begin: Begin) -> None:
    limits = Limits(disk_mb=16)
    for folder in (".", "/tmp"):
        command = f"head -c 40M /dev/zero > {folder}/big; stat -c %s {folder}/big"
        _, output = run(begin, command, limits=limits)
        assert "No space left" in output
        assert int(output.split()[-1]) <= 16 << 20


def test_full_disks_do_not_bring_the_sandbox_down(begin: Begin) -> None:
    limits = Limits(memory_mb=64, disk_mb=128)
    with begin(limits=limits) as sandbox:
        fill = "for f in . /tmp /dev/shm; do head -c 300M /dev/zero > $f/big; done 2>&1; df"
        assert b"No space left" in sandbox.execute(fill, timeout=60).output
        assert sandbox.execute("echo alive", timeout=10).output == b"alive\n"


def test_a_fork_bomb_is_contained(begin: Begin) -> None:
    with begin(limits=Limits(processes=40)) as sandbox:
        # The shell itself lives until the timeout, or the bomb would be left running on purpose.
        execution = sandbox.execute(
            "bomb() { bomb | bomb & }; bomb; while :; do :; done", timeout=3
        )
        assert execution.timed_out
        assert b"Resource temporarily unavailable" in execution.output
        assert eventually(lambda: sandbox.execute("true", timeout=5).exit_code == 0)


def test_the_packages_hidden_files_are_masked(begin: Begin) -> None:
    hidden = ("sklearn/datasets/data", "sklearn/datasets/data/iris.csv", "sklearn/no-such-file")
    command = "python -c 'import sklearn.datasets as d; d.load_iris()' 2>&1 | tail -1"
    _, output = run(begin, command, timeout=120, hidden=hidden)
    assert "iris.csv" in output
    command = "ls $(python -c 'import sklearn; print(sklearn.__path__[0])')/datasets/data"
    _, listing = run(begin, command, timeout=120, hidden=hidden)
    assert listing == ""


def test_the_runner_cannot_be_inspected_or_stopped(begin: Begin) -> None:
    command = (
        "ls /proc/1/fd; cat /proc/1/environ; kill -STOP 1; kill -9 1; kill -9 -1; echo survived"
    )
    with begin() as sandbox:
        sandbox.execute(command, timeout=10)
        execution = sandbox.execute(
            "ls /proc/1/fd /proc/1/environ && cat /proc/1/environ", timeout=10
        )
        assert b"Permission denied" in execution.output
        assert sandbox.execute("echo alive", timeout=10).output == b"alive\n"


def test_nothing_survives_a_killed_host(isolating_backend: str) -> None:
    marker = f"141421{uuid.uuid4().int % 10**9}"
    script = textwrap.dedent(
        f"""
        import os, signal
        from mle_gym.sandbox import SandboxConfig, get_backend
        sandbox = get_backend({isolating_backend!r}).create(SandboxConfig())
        command = "setsid sleep {marker} & trap '' TERM HUP INT; sleep {marker}1 &"
        sandbox.execute(command, timeout=10)
        print("ready", flush=True)
        signal.pause()
        """
    )
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert host.stdout is not None
    with host.stdout:
        assert host.stdout.readline() == b"ready\n"
        assert processes_with(marker)
        os.kill(host.pid, signal.SIGKILL)
        host.wait()
    assert eventually(lambda: not processes_with(marker))


@pytest.mark.parametrize("where", ["thread", "fork"])
def test_sandboxes_outlive_the_thread_and_not_the_fork_that_made_them(
    isolating_backend: str, where: str
) -> None:
    script = f"""
import os, threading
from mle_gym.sandbox import SandboxConfig, get_backend
backend = get_backend({isolating_backend!r})
made = []
thread = threading.Thread(target=lambda: made.append(backend.create(SandboxConfig())))
thread.start(); thread.join()
if {where!r} == "fork":
    pid = os.fork()
    if pid == 0:
        with backend.create(SandboxConfig()) as own:
            print(own.execute("echo child", timeout=9).output, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
print(made[0].execute("echo parent", timeout=9).output, flush=True)
made[0].close()
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    expected = ["b'child\\n'"] * (where == "fork") + ["b'parent\\n'"]
    assert answer.stdout.splitlines() == expected, answer.stderr


def test_another_python_can_be_offered_wherever_it_lies(tmp_path: Path) -> None:
    venv.create(tmp_path / "own", with_pip=False)
    python = tmp_path / "own" / "bin" / "python"
    with start("bubblewrap", SandboxConfig(python=python)) as sandbox:
        command = "python -c 'import sys; print(sys.prefix)'; python -c 'import pandas'"
        execution = sandbox.execute(command, timeout=30)
    assert execution.output.decode().startswith("/opt/python\n")
    assert b"No module named 'pandas'" in execution.output


def test_a_python_that_cannot_run_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SandboxUnavailable, match=f"sandbox_python='{broken}' can't be run"):
        start("bubblewrap", SandboxConfig(python=broken))


def test_commands_inherit_nothing_but_standard_streams(begin: Begin) -> None:
    """A forgotten descriptor was the runner's stream or the launcher's socket."""
    command = "cd /proc/self/fd && for fd in *; do readlink $fd; done; echo; ls -m /proc/$$/fd"
    _, output = run(begin, command)
    links, descriptors = output.split("\n\n")
    assert "socket" not in links
    assert {int(each) for each in descriptors.split(",")} <= {0, 1, 2, 3, 255}


def test_the_runner_survives_what_the_agent_can_send_it(begin: Begin) -> None:
    script = r"""
import socket
for call in (b"[" * 30000, b'{"tool": "submit", "path": "\\ud800"}', b"null", b"\xff", b"{}"):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/run/mle-gym/control")
        connection.sendall(call + b"\n")
        print(connection.recv(1000).decode())
"""
    with begin() as sandbox:
        sandbox.write_file("hostile.py", script.encode())
        for signal_name in ("TERM", "HUP", "INT", "USR1", "KILL", "CHLD"):
            sandbox.execute(f"kill -{signal_name} 1", timeout=10)
        execution = sandbox.execute("python hostile.py", timeout=30)
        assert execution.output.count(b'"exit_code": ') == 5, execution.output
        assert sandbox.execute("echo alive", timeout=10).output == b"alive\n"


def test_packages_of_a_virtual_environments_base_are_masked(tmp_path: Path) -> None:
    """Those are mounted with the base interpreter, and may hold answers of their own."""
    base = Path(sys.base_prefix)
    beside = [path for path in base.glob("lib/python3*/site-packages") if path.is_dir()]
    own = tmp_path / "own"
    venv.create(own, with_pip=False)
    shown = layout_of(describe_python(own / "bin" / "python"))
    with start("bubblewrap", SandboxConfig(python=own / "bin" / "python")) as sandbox:
        for folder in [*map(shown, beside), *Path("/usr").glob("*lib*/*/dist-packages")]:
            assert sandbox.execute(f"ls -A {folder}", timeout=10).output == b""
