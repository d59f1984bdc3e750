"""Makes what an episode starts with: empty, or filled from a snapshot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym import sandbox
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.rows_in_packages import files_with_rows
from mle_gym.episode.brief.whole_brief import brief
from mle_gym.episode.budget import EpisodeBudget
from mle_gym.episode.settings import Settings
from mle_gym.episode.snapshot import Snapshot
from mle_gym.episode.submit_commands import INSIDE_COMMANDS, SubmitCommands, largest_submission
from mle_gym.grading.graders.program_run import EXCHANGE, ProgramRunner
from mle_gym.sandbox.protocol import Sandbox
from mle_gym.sandbox.sandbox_config import InsideCommand, Mount, SandboxConfig
from mle_gym.sandbox.spares import Client

if TYPE_CHECKING:
    from mle_gym.tasks.submission_schema import CodeSpec

__all__ = ["make_brief", "make_budget", "make_sandbox", "make_submit_commands", "program_sandboxes"]


def make_sandbox(
    dataset: Dataset, settings: Settings, snapshot: Snapshot | None, client: Client | None
) -> Sandbox:
    """Start the sandbox, or take one that was started ahead for a client.

    Raises:
        SnapshotError: The snapshot does not fit the data, or its files are gone.
        SandboxError: It can't be started.
    """
    config = dataclasses.replace(_config(dataset, settings), client=client)
    if snapshot is None:
        return sandbox.create(settings.sandbox, config)
    snapshot.check_data(dataset)
    # The lease keeps another process from deleting the files while they are mounted or copied.
    lease = snapshot.lease()
    try:
        config = dataclasses.replace(config, layers=lease.layers, layers_bytes=lease.info.bytes)
        started = sandbox.create(settings.sandbox, config)
        try:
            started.restore(lease)
        except BaseException:
            started.close()
            raise
        return started
    finally:
        lease.release()


def make_submit_commands(
    dataset: Dataset, settings: Settings, snapshot: Snapshot | None
) -> SubmitCommands:
    """Make the commands, with a runner if the task asks for programs."""
    runner = None
    if dataset.task.submission.code is not None:
        config = _config(dataset, settings)
        code = dataset.task.submission.code
        runner = ProgramRunner(dataset, program_sandboxes(settings.sandbox, config, code))
    commands = SubmitCommands(
        dataset,
        feedback=settings.feedback,
        score_calls=settings.score_calls,
        runner=runner,
        sandbox=settings.sandbox,
        score_ci=settings.score_ci or settings.reward == "milestones",
    )
    if snapshot is not None:
        commands.score_calls_used = snapshot.score_calls_used
        commands.validate_calls_used = snapshot.validate_calls_used
    return commands


def make_budget(settings: Settings, snapshot: Snapshot | None) -> EpisodeBudget:
    """Make the budget, less what a snapshot's episode has spent. Its time runs from now."""
    budget = EpisodeBudget(settings.max_steps, settings.time_limit)
    if snapshot is not None:
        budget.steps_taken = snapshot.steps_taken
        budget.started -= snapshot.seconds_used
    return budget


def make_brief(dataset: Dataset, settings: Settings) -> str:
    """Write the brief.

    Raises:
        DatasetError: The dataset's files are gone.
    """
    return brief(
        dataset,
        feedback=settings.feedback,
        max_steps=settings.max_steps,
        time_limit=settings.time_limit,
        clock=settings.clock,
        limits=settings.limits,
        score_calls=settings.score_calls,
    )


def program_sandboxes(
    backend: str, config: SandboxConfig, code: CodeSpec
) -> Callable[[Path], Sandbox]:
    """Make a function that starts a sandbox for a submitted program.

    The function's argument is the folder that the program sees as ``data/``.

    Args:
        backend: Name of the sandbox backend.
        config: The agent's own sandbox; a program's is the same, without network and files.
        code: How the task has programs run.
    """
    limits = config.limits
    if code.memory_mb is not None:
        least = min(code.memory_mb, limits.memory_mb)
        limits = dataclasses.replace(limits, memory_mb=least)
    commands = {EXCHANGE: InsideCommand("answer")} if code.stream else {}
    config = dataclasses.replace(
        config, network=False, layers=(), layers_bytes=0, limits=limits, commands=commands
    )

    def start(data: Path) -> Sandbox:
        mounts = (Mount(data, "data"),)
        return sandbox.create(backend, dataclasses.replace(config, mounts=mounts))

    return start


def _config(dataset: Dataset, settings: Settings) -> SandboxConfig:
    """The sandbox that a dataset and the settings require."""
    filename = dataset.task.submission.filename
    usual = filename == "submission.csv"  # the default of `submit`
    config = SandboxConfig(
        limits=settings.limits,
        mounts=(Mount(dataset.public, "data"),),
        python=settings.sandbox_python,
        packages=settings.packages,
        environment=() if usual else (("MLE_GYM_SUBMISSION", filename),),
        network=settings.network,
        gpus=settings.gpus,
        runtime=settings.runtime,
        warm=settings.warm,
        preload=settings.preload,
        commands=INSIDE_COMMANDS,
        most_handed_in=largest_submission(dataset.task.submission),
    )
    hidden = files_with_rows(dataset.task, settings.sandbox, config)
    return dataclasses.replace(config, hidden=hidden)
