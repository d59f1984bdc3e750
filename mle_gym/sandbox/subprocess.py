"""Commands as plain child processes: no isolation at all. For debugging trusted agents."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import warnings
from pathlib import Path

from mle_gym.sandbox.command_variables import command_environment
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.protocol import Shown
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.standalone.start_commands import FOLDER, runner_command
from mle_gym.sandbox.stream import SocketStream

__all__ = ["SubprocessBackend"]


class SubprocessBackend:
    """Runs commands with the host's files, network and user. ``auto`` never chooses it.

    It still enforces timeouts, memory (by the runner's watchdog) and output. It doesn't limit
    processes, disk, network and processors, and it doesn't keep answers out of reach.
    """

    name = "subprocess"

    def check(self) -> None:
        """Always available."""

    def shown(self, config: SandboxConfig) -> Shown:
        """Report that nothing is hidden."""
        return Shown()

    def create(self, config: SandboxConfig) -> RunnerSandbox:
        """Start a runner in a temporary folder with copies of the mounts, so nothing is shared."""
        warnings.warn(
            "sandbox='subprocess' isolates nothing: commands can read every file you can, the "
            "answers included. Use it for code you trust.",
            UserWarning,
            stacklevel=2,
        )
        python = describe_python(config.python)
        command = runner_command(str(python.executable), str(FOLDER))
        process = _RunnerProcess(command)
        for mount in config.mounts:
            shutil.copytree(mount.source, process.workspace / mount.target)
        environment = command_environment(config, str(python.executable.parent))
        environment |= {"HOME": str(process.folder / "tmp"), "TMPDIR": str(process.folder / "tmp")}
        setup = RunnerSetup(
            str(process.workspace), str(process.folder / "run"), command, environment
        )
        return RunnerSandbox(self.name, process.stream, config, setup)


class _RunnerProcess:
    """A runner that is a child process, and its temporary folder."""

    def __init__(self, command: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mle-gym-"))
        self.workspace = self.folder / "workspace"
        for name in ("workspace", "run", "tmp"):
            (self.folder / name).mkdir()
        ours, theirs = socket.socketpair()
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
        self.stream = SocketStream(ours, self._end)

    def _end(self) -> None:
        """Wait for the runner, which noticed the end of its stream and cleans up."""
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
