"""Makes what an episode starts with: its sandbox and its submit commands."""

from __future__ import annotations

import dataclasses

from mle_gym import sandbox
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.shown_rows import files_with_rows
from mle_gym.episode.settings import Settings
from mle_gym.episode.snapshot import Snapshot
from mle_gym.episode.submit_commands import SubmitCommands, most_bytes
from mle_gym.sandbox.protocol import Mount, Sandbox, SandboxConfig

__all__ = ["make_sandbox", "make_submit_commands"]


def make_sandbox(dataset: Dataset, settings: Settings, snapshot: Snapshot | None) -> Sandbox:
    """Start the sandbox.

    Raises:
        SnapshotError: The snapshot does not fit the data, or its files are gone.
        SandboxError: It can't be started.
    """
    config = _config(dataset, settings)
    if snapshot is None:
        return sandbox.create(settings.sandbox, config)
    snapshot.check_data(dataset)
    lease = snapshot.lease()
    try:
        config = dataclasses.replace(config, layers=lease.layers, layers_bytes=lease.info.bytes)
        box = sandbox.create(settings.sandbox, config)
        try:
            box.restore(lease)
        except BaseException:
            box.close()
            raise
        return box
    finally:
        lease.release()


def make_submit_commands(dataset: Dataset, settings: Settings) -> SubmitCommands:
    """What knows the answers, with what runs submitted programs if the task asks for some."""
    runner = None
    if dataset.task.submission.code is not None:
        from mle_gym.grading.graders.program_run import ProgramRunner

        runner = ProgramRunner(dataset, settings.sandbox, _config(dataset, settings))
    return SubmitCommands(
        dataset,
        feedback=settings.feedback,
        score_calls=settings.score_calls,
        runner=runner,
        sandbox=settings.sandbox,
        score_ci=settings.reward == "milestones",
    )


def _config(dataset: Dataset, settings: Settings) -> SandboxConfig:
    """The sandbox that a dataset and its settings ask for."""
    filename = dataset.task.submission.filename
    usual = filename == "submission.csv"  # what `submit` takes without being told
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
        most_handed_in=most_bytes(dataset.task.submission),
    )
    hidden = files_with_rows(dataset.task, settings.sandbox, config)
    return dataclasses.replace(config, hidden=hidden)
