"""What a backend has set up around a runner, and the order that tells the runner."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from mle_gym.sandbox.sandbox_config import MOST_HANDED_IN, InsideCommand, SandboxConfig
from mle_gym.sandbox.standalone.shared import runner_messages as messages
from mle_gym.sandbox.standalone.shared.launcher_messages import ZygotePlan
from mle_gym.sandbox.standalone.start_commands import cells_command

__all__ = ["RunnerSetup"]


@dataclass(frozen=True)
class RunnerSetup:
    """Where a runner has been started, and what surrounds it. All paths are as seen inside."""

    workspace: str
    run_folder: str
    """A writable folder for the runner's own files."""
    command: list[str]
    """What ``runner_command`` returned. ``apply_patch`` and the commands in
    ``SandboxConfig.commands`` run it too."""
    environment: dict[str, str]
    """The first command's environment."""
    warm: bool = False
    """Whether Python starts warm here, through a zygote inside or one outside."""
    zygote: ZygotePlan | None = None
    """How to start one inside, from :mod:`mle_gym.sandbox.warm.zygote_plan`."""
    own_groups: bool = False
    """Whether the runner's control groups are the sandbox's, and it sees them."""
    memory_folders: tuple[str, ...] = ()
    """File systems in memory that no control group counts."""
    affinity: tuple[int, ...] = ()
    """Processors to stay on; none for all."""
    open_files: tuple[int, int] | None = None
    """Soft and hard limit of each program's open files; None for the runner's."""

    def order(self, config: SandboxConfig) -> messages.Configure:
        """The runner's first order, which enforces that configuration."""
        limits = config.limits
        return messages.Configure(
            op="configure",
            workspace=self.workspace,
            run=self.run_folder,
            python=self.command[0],
            commands=self._commands(config.commands),
            bash="/bin/bash",
            cells=cells_command(self.command),
            environment=self.environment,
            memory_mb=limits.memory_mb,
            processes=limits.processes,
            output_bytes=limits.output_bytes,
            output_file_bytes=limits.output_file_bytes,
            own_network=not config.network,
            own_groups=self.own_groups,
            memory_folders=self.memory_folders,
            affinity=self.affinity,
            open_files=self.open_files,
            zygote=self.zygote,
            most_handed_in=min(config.most_handed_in, MOST_HANDED_IN),
        )

    def _commands(self, offered: Mapping[str, InsideCommand]) -> dict[str, str]:
        """Name to the line of a shell with which the runner's program is that command."""
        socket = f"{self.run_folder}/control"
        calls = {
            name: [*self.command, "call", name, socket, each.default_path, each.default_variable]
            for name, each in offered.items()
        }
        calls = {"apply_patch": [*self.command, "apply_patch"], **calls}
        return {name: shlex.join(words) for name, words in calls.items()}
