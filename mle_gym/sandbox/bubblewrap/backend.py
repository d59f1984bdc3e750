"""Sandboxes made of rootless namespaces by bubblewrap: the default on Linux."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import shutil
import threading
import time
from collections.abc import Callable

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.bubblewrap.bwrap_arguments import (
    MEMORY_FOLDERS,
    RUN_FOLDER,
    RUN_FOLDER_MB,
    WORKSPACE,
    bwrap_arguments,
    data_mounts,
    overlay,
)
from mle_gym.sandbox.bubblewrap.launcher_client import (
    LaunchedSandbox,
    LauncherClient,
    current_launcher,
)
from mle_gym.sandbox.bubblewrap.python_mounts import (
    SHIMS,
    STANDALONE,
    PythonMounts,
    python_mounts,
)
from mle_gym.sandbox.command_variables import command_environment
from mle_gym.sandbox.installation.package_folders import package_folders
from mle_gym.sandbox.installation.packages import shown_packages
from mle_gym.sandbox.installation.python_installation import (
    describe_python,
)
from mle_gym.sandbox.installation.python_layout import Layout, layout_of
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Shown
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.spares import current_spares
from mle_gym.sandbox.standalone.shared.launcher_messages import GroupLimits, Start
from mle_gym.sandbox.standalone.start_commands import runner_command

__all__ = ["BubblewrapBackend"]

_INSTALL = (
    "Install it (Debian, Ubuntu: `apt-get install bubblewrap`; Fedora: `dnf install bubblewrap`), "
    "or use sandbox='docker'. `mle-gym doctor` tries what this machine can do."
)


_IDLE_SECONDS = 300.0
"""How long a sandbox that was started ahead may wait for an episode."""

_asking = threading.Lock()
"""Held while an interpreter is asked, so that threads that start sandboxes don't all ask it."""


def _unlock() -> None:
    """Make a new lock after a fork, because the thread that held the old one is gone."""
    global _asking
    _asking = threading.Lock()


os.register_at_fork(after_in_child=_unlock)


class BubblewrapBackend:
    """Makes sandboxes with ``bwrap``; needs no daemon, no image and no root."""

    name = "bubblewrap"

    def check(self) -> None:
        """Start and end a sandbox, once in each process.

        Raises:
            SandboxUnavailable: bubblewrap is missing, or user namespaces are forbidden.
        """
        if getattr(self, "_checked", False):
            return
        self._program()
        try:
            self.create(SandboxConfig(warm=False)).close()
        except SandboxCrashed as error:
            raise SandboxUnavailable(
                f"bubblewrap is installed but can't make a sandbox here: {error}. If unprivileged "
                "user namespaces are disabled, enable them (`sysctl -w "
                "kernel.unprivileged_userns_clone=1` on Debian, `sysctl -w "
                "kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu), or use "
                "sandbox='docker'."
            ) from None
        self._checked = True

    def create(self, config: SandboxConfig) -> RunnerSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailable: bubblewrap is not installed.
            SandboxCrashed: It could not be started.
        """
        launcher = current_launcher()
        executable, environment, shown = _offered_python(config, launcher.trees)
        command = runner_command(executable, STANDALONE)
        if shown.warm:
            environment["PATH"] = f"{SHIMS}:{environment['PATH']}"
        request = functools.partial(self._request, config, command, shown)
        serve = functools.partial(
            self._serve, launcher, config, command, environment, bool(shown.warm)
        )
        if config.client is None or config.layers:
            return serve(launcher.start(request()))
        ahead = request(late=launcher.trees)
        ahead["idle_seconds"] = _IDLE_SECONDS
        kind = launcher.pid, ahead
        late = [str(mount.source) for mount in config.mounts] if launcher.trees else []
        sandbox = _use_spare(kind, late, serve) or serve(launcher.start(request()))
        current_spares().prepare_soon(kind, config.client, lambda: launcher.start(ahead))
        return sandbox

    def _request(
        self, config: SandboxConfig, command: list[str], shown: PythonMounts, late: bool = False
    ) -> Start:
        """What the launcher is asked to start.

        Args:
            config: The sandbox's configuration.
            command: Runs the runner's program.
            shown: What shows the interpreter.
            late: Whether the caller's folders come in when the sandbox is claimed.
        """
        inside = [*bwrap_arguments(config, shown.arguments), *data_mounts(config, late=late)]
        # Read-only only now: mount points can still be made until here.
        inside += ["--remount-ro", "/", "--chdir", WORKSPACE]
        return {
            "op": "start",
            "arguments": [self._program(), *inside, "--", *command, "serve"],
            "limits": _group_limits(config.limits),
            "plan": shown.warm.plan if shown.warm else None,
            "overlay": overlay(config),
        }

    def _serve(
        self,
        launcher: LauncherClient,
        config: SandboxConfig,
        command: list[str],
        environment: dict[str, str],
        warm: bool,
        launched: LaunchedSandbox,
    ) -> RunnerSandbox:
        """Configure a sandbox that the launcher has started."""
        setup = RunnerSetup(
            WORKSPACE,
            RUN_FOLDER,
            command,
            environment,
            warm=warm,
            memory_folders=() if "memory" in launcher.controllers else MEMORY_FOLDERS,
            affinity=() if "cpu" in launcher.controllers else _some_processors(config.limits.cpus),
            open_files=launcher.open_files,
        )
        return RunnerSandbox(self.name, launched.stream, config, setup, launched.evidence)

    def shown(self, config: SandboxConfig) -> Shown:
        """Report which of the interpreter's packages sandboxes show.

        Raises:
            SandboxUnavailable: The interpreter can't be run, or lacks an added package.
        """
        with _asking:
            python = describe_python(config.python)
            shown = shown_packages(python, config.packages)
        place = layout_of(python)(python.executable)
        digest = f"bubblewrap {python.executable} {place} {python.stamp} {shown.digest}"
        return Shown(digest, tuple(shown.versions.items()))

    def controllers(self) -> list[str]:
        """The control groups' controllers that enforce limits here."""
        return list(current_launcher().controllers)

    def _program(self) -> str:
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxUnavailable(
                f"bubblewrap (its program `bwrap`) is not installed. {_INSTALL}"
            )
        return program


def _use_spare(
    kind: object, sources: list[str], serve: Callable[[LaunchedSandbox], RunnerSandbox]
) -> RunnerSandbox | None:
    """A sandbox that was started ahead; None if there is none that still works."""
    while (spare := current_spares().take(kind)) is not None:
        if spare.claim(sources):
            with contextlib.suppress(SandboxCrashed):
                return serve(spare)
        spare.close()
    return None


def _offered_python(config: SandboxConfig, trees: bool) -> tuple[str, dict[str, str], PythonMounts]:
    """The agent's interpreter as seen inside, the commands' variables, and what shows it all."""
    packages = {}
    with _asking:
        python = describe_python(config.python)
        layout = layout_of(python) if trees else Layout()
        executable = layout(python.executable)
        environment = command_environment(config, str(executable.parent))
        if not config.all_packages:
            packages = package_folders(python, shown_packages(python, config.packages))
        shown = python_mounts(python, layout, packages, config, environment, trees)
    return str(executable), environment, shown


def _group_limits(limits: Limits) -> GroupLimits:
    """What control groups enforce.

    The runner, which looks every tenth of a second, enforces ``limits.memory_mb`` on processes. The
    kernel itself steps in above that, where full disks, which count as memory, can't reach it.
    """
    memory_mb = limits.memory_mb + limits.memory_mb // 2 + 2 * limits.disk_mb + RUN_FOLDER_MB
    return {
        "memory_bytes": memory_mb << 20,
        "processes": limits.processes,
        "cpus": limits.cpus,
    }


def _some_processors(cpus: float) -> tuple[int, ...]:
    """As many processors as the limit rounds up to, for machines where no quota can be set."""
    available = sorted(os.sched_getaffinity(0))
    count = min(len(available), math.ceil(cpus))
    first = time.monotonic_ns() % len(available)
    return tuple((available * 2)[first : first + count])
