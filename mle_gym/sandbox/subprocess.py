"""Commands as plain child processes: no isolation at all. For debugging trusted agents."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

from mle_gym.sandbox.base import SandboxConfig
from mle_gym.sandbox.client import RUNNER_FOLDER, RunnerSandbox, runner_command
from mle_gym.sandbox.environment import command_environment
from mle_gym.sandbox.python import describe_python

__all__ = ["SubprocessBackend"]


class SubprocessBackend:
    """Runs commands with the host's files, network and user. Never chosen by ``auto``.

    Enforced all the same: timeouts, memory (by the runner's watchdog) and output. Not enforced:
    processes, disk, network, processors, and that answers stay out of reach.
    """

    name = "subprocess"

    def check(self) -> None:
        """Always available."""

    def create(self, config: SandboxConfig) -> RunnerSandbox:
        """Start a runner in a temporary folder with copies of the mounts, so nothing is shared."""
        warnings.warn(
            "sandbox='subprocess' isolates nothing: commands can read every file you can, the "
            "answers included. Use it for code you trust.",
            UserWarning,
            stacklevel=2,
        )
        python = describe_python(config.python)
        command = runner_command(str(python.executable), str(RUNNER_FOLDER.parent))
        stream = _ProcessStream(command)
        for mount in config.mounts:
            shutil.copytree(mount.source, stream.workspace / mount.target)
        environment = command_environment(config, str(python.executable.parent))
        environment |= {"HOME": str(stream.folder / "tmp"), "TMPDIR": str(stream.folder / "tmp")}
        return RunnerSandbox(
            self.name,
            stream,
            config,
            workspace=str(stream.workspace),
            run_folder=str(stream.folder / "run"),
            command=command,
            environment=environment,
        )


class _ProcessStream:
    """The socket to a runner that is a child process, and its temporary folder."""

    def __init__(self, command: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mle-gym-"))
        self.workspace = self.folder / "workspace"
        for name in ("workspace", "run", "tmp"):
            (self.folder / name).mkdir()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*command, "serve", str(self.folder)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env={},
                cwd=self.workspace,
                start_new_session=True,
            )

    def send(self, data: bytes, deadline: float) -> None:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        self._socket.sendall(data)

    def receive(self, deadline: float) -> bytes:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return self._socket.recv(1 << 18)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """The runner notices, kills what is left and removes its folder."""
        self._socket.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
