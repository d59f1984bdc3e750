"""Writes a prepared task as a folder in Harbor's format (schema 1.4), ready for ``harbor run``.

The agent's image (``environment/``) holds the public files and nothing else of the task. The
verifier's image (``tests/``) holds the answers, this package and ``/tests/test.sh``; Harbor starts
it without network when the agent is done, and brings it the submission as an artifact.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.dataset import CANONICAL, DatasetOptions
from mle_gym.datasets.keys import KEY_FILE
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.episode.brief.quantities import bytes_text, duration_text
from mle_gym.episode.brief.whole_brief import problem_statement
from mle_gym.episode.reference_programs import measure_ceiling
from mle_gym.episode.rewards import NEED_NO_CEILING, check_reward
from mle_gym.errors import TaskError
from mle_gym.grading.open_grader import open_grader
from mle_gym.integrations.harbor.dockerfiles import write_agent_image, write_verifier_image
from mle_gym.integrations.harbor.harbor_format import (
    DATASET_FOLDER,
    SETTINGS_FILE,
    TASK_FOLDER,
    WORKSPACE,
    task_toml,
)
from mle_gym.paths import PACKAGE
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["HarborExport", "export_harbor"]


@dataclass(frozen=True)
class HarborExport:
    """How a task is exported."""

    reward: str = "score"
    """What ``reward`` in ``reward.json`` is: a name in :mod:`mle_gym.episode.rewards`."""
    image: str = ""
    """An image with everything that both images need, to build them from; by default they are built
    from the image of Python that ``dockerfiles.py`` pins."""
    network: bool = False
    """Whether the agent may reach the network. The verifier never does."""


def export_harbor(
    task: TaskSpec | str,
    folder: Path,
    options: DatasetOptions = CANONICAL,
    export: HarborExport | None = None,
) -> Path:
    """Write one dataset of a task as a Harbor task.

    Args:
        task: A name or a loaded task.
        folder: Where the task's own folder is made.
        options: Which dataset of it.
        export: The reward, the image and the network; by default a plain :class:`HarborExport`.

    Returns:
        The new folder: named like the task, and after its variant unless that is 0.

    Raises:
        TaskError: There is no such task, or it is one whose programs are run for grading.
        ValueError: The reward is unknown, or the task can't pay it.
        FileExistsError: The folder exists.
        DatasetError: The data can't be prepared.
        SandboxError: The packages, or the ceiling that the reward requires, can't be examined.
    """
    spec, export = load_task(task) if isinstance(task, str) else task, export or HarborExport()
    if spec.submission.code is not None:
        raise TaskError(
            f"{spec.id}: a program is handed in, which must run in a sandbox of its own beside the "
            "answers; Harbor's verifier can't make one. Export a task whose submission is a file"
        )
    check_reward(export.reward, spec)
    dataset = prepare(spec, options)
    _measure(dataset, export)
    target = folder / (spec.id if options.variant == 0 else f"{spec.id}-{options.variant}")
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise FileExistsError(17, "exists; remove it or export into another folder", str(target))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as made:
        _write(dataset, export, Path(made) / target.name)
        (Path(made) / target.name).rename(target)
    return target


def _measure(dataset: Dataset, export: HarborExport) -> None:
    """Measure floor and ceiling, as far as the reward requires, and keep them with the dataset."""
    if export.reward in NEED_NO_CEILING:
        _ = open_grader(dataset).anchors
    else:
        measure_ceiling(dataset)


def _write(dataset: Dataset, export: HarborExport, folder: Path) -> None:
    folder.mkdir()
    (folder / "task.toml").write_text(task_toml(dataset, folder.name, network=export.network))
    (folder / "instruction.md").write_text(_instruction(dataset))
    _copy(dataset.public, folder / "environment" / "data")
    write_agent_image(dataset.task, folder / "environment", export.image)
    write_verifier_image(folder / "tests", export.image)
    _write_grading(dataset, export, folder / "tests")
    solution = dataset.task.folder / "solution.py"
    if solution.is_file():
        _copy(solution, folder / "solution" / "solution.py")
        _script(folder / "solution" / "solve.sh", f"cd {WORKSPACE} && python /solution/solution.py")


def _instruction(dataset: Dataset) -> str:
    """The brief, with the limits that Harbor enforces in place of an episode's."""
    task, limits = dataset.task, dataset.task.limits
    file = f"{WORKSPACE}/{task.submission.filename}"
    cpus = f"{limits.cpus:g} CPU{'' if limits.cpus == 1 else 's'}"
    return "\n".join(
        [
            problem_statement(dataset),
            "",
            "## Limits",
            "",
            f"- {duration_text(limits.seconds)} of wall-clock time, {cpus}, "
            f"{bytes_text(limits.memory_mb * 2**20)} of memory.",
            f"- When you stop, or time is up, `{file}` is graded as it is, so write one early and "
            f"improve it. Commands start in `{WORKSPACE}`.",
            f"- A submission has at most {bytes_text(task.submission.max_bytes)}.",
            "",
        ]
    )


def _write_grading(dataset: Dataset, export: HarborExport, folder: Path) -> None:
    """Write what the verifier grades with: this package, the task and the answers."""
    ignored = shutil.ignore_patterns("__pycache__", "_bundled")
    shutil.copytree(PACKAGE, folder / "mle_gym", ignore=ignored)
    private = shutil.ignore_patterns("__pycache__", KEY_FILE, SPLIT_FILE)
    shutil.copytree(dataset.task.folder, folder / TASK_FOLDER, ignore=private)
    shutil.copytree(dataset.public.parent, folder / DATASET_FOLDER)
    settings = {
        "options": asdict(dataset.options),
        "digest": dataset.digest,
        "reward": export.reward,
        "submission": f"{WORKSPACE}/{dataset.task.submission.filename}",
    }
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n")
    _script(folder / "test.sh", "exec python -m mle_gym.integrations.harbor.grade_in_verifier")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _script(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\nset -e\n{command}\n")
    path.chmod(0o755)
