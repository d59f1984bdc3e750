"""Runs a task's own programs, ``baseline.py`` and ``solution.py``, as an agent would."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mle_gym.datasets.anchors import Anchors, measuring, read_anchors, record_anchors
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.rows_in_packages import files_with_rows
from mle_gym.episode.episode_start import program_sandboxes
from mle_gym.episode.submit_commands import INSIDE_COMMANDS
from mle_gym.errors import SubmissionError, TaskError
from mle_gym.grading.floor_and_ceiling import made_by, needs_solution, settle
from mle_gym.grading.graders.program_run import ProgramRunner
from mle_gym.grading.open_grader import open_grader
from mle_gym.sandbox import pack_files
from mle_gym.sandbox.backends import create
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.sandbox_config import Mount, SandboxConfig
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.grading.grade import Grade
    from mle_gym.sandbox.protocol import Sandbox

__all__ = ["PROGRAMS", "grade_program", "measure_ceiling"]

PROGRAMS = ("baseline", "solution")


def measure_ceiling(dataset: Dataset, sandbox: str = "auto") -> Anchors:
    """The dataset's anchors, with the ceiling without which a grade has no ``anchored`` score.

    The reference solution is run on the plain variant, with all training rows and real names: other
    options change what is known about the rows to predict, but not these rows. The first process
    that requires a variant's ceiling spends some seconds on it.

    Raises:
        TaskError: The solution fails, so the variant has no ceiling.
        SandboxError: The sandbox can't be started, or failed.
    """
    task, folder = dataset.task, dataset.public.parent
    anchors = open_grader(dataset, sandbox=sandbox).anchors
    if anchors.floor is None or anchors.ceiling is not None or not needs_solution(task):
        return anchors
    if settle(task, anchors.floor, None) is None:
        return anchors
    maker = made_by(task)
    # Of many processes that arrive here at the same time, one measures and the others wait for it.
    with measuring(folder):
        known = read_anchors(folder, made_by=maker)
        if known.ceiling is not None:
            return known
        found = settle(task, anchors.floor, _solution(dataset, sandbox))
        anchors = replace(anchors, ceiling=found)
        record_anchors(folder, "strict", maker, anchors)
    return anchors


def _solution(dataset: Dataset, sandbox: str) -> float | None:
    """The reference solution's score on the dataset's variant."""
    plain = dataset.options.plain
    if dataset.options != plain:
        return measure_ceiling(prepare(load_task(dataset.task.folder), plain), sandbox).ceiling
    try:
        return grade_program(dataset, "solution", sandbox).score
    except SubmissionError as error:
        raise TaskError(
            f"{dataset.task.folder / 'solution.py'}: the ceiling of variant {plain.variant}: "
            f"expected a score, found: {error}"
        ) from error


def grade_program(dataset: Dataset, program: str, sandbox: str, *, score_ci: bool = False) -> Grade:
    """The grade of a program that runs as an agent's would. It always has a score.

    Args:
        dataset: The data for the program, and the answers to grade against.
        program: One of :data:`PROGRAMS`.
        sandbox: Name of the sandbox backend.
        score_ci: Whether the grade has an interval of the score over resampled test rows.

    Raises:
        SandboxError: The sandbox can't be started, or failed.
        SubmissionError: The program is missing, fails, or makes no submission that can be graded.
    """
    task = dataset.task
    file = task.folder / f"{program}.py"
    if not file.is_file():
        raise SubmissionError("no_program", f"{file}: expected a program, found none")
    # The task's own limits and masks, not the environment's: a ceiling must not depend on who asks.
    limits = task.limits
    config = SandboxConfig(
        limits=Limits(memory_mb=limits.memory_mb, cpus=limits.cpus, disk_mb=limits.disk_mb),
        mounts=(Mount(dataset.public, "data"),),
        commands=INSIDE_COMMANDS,
    )
    config = replace(config, hidden=files_with_rows(task, sandbox, config))
    with create(sandbox, config) as started:
        started.write_file(file.name, file.read_bytes())
        run = started.execute(f"python {file.name}", timeout=limits.seconds)
        if run.exit_code != 0:
            tail = run.output.decode(errors="replace")[-500:].strip()
            raise SubmissionError("program_failed", f"exit code {run.exit_code}: {tail}")
        content = _predictions(dataset, sandbox, config, started)
    grade = open_grader(dataset, sandbox=sandbox, score_ci=score_ci).grade(content)
    if grade.score is None:
        raise SubmissionError(grade.error_code, f"its submission: {grade.error_message}")
    return grade


def _predictions(dataset: Dataset, backend: str, config: SandboxConfig, ran_in: Sandbox) -> bytes:
    """The predictions that a reference program wrote, or those of a program that it wrote."""
    spec = dataset.task.submission
    if spec.kind == "files":
        return pack_files(ran_in.fetch_files(spec.filename, max_bytes=spec.max_bytes))
    if spec.code is None:
        return ran_in.fetch(spec.filename, max_bytes=spec.max_bytes)
    files = ran_in.fetch_files(spec.filename, max_bytes=spec.code.max_bytes)
    sandboxes = program_sandboxes(backend, config, spec.code)
    return ProgramRunner(dataset, sandboxes).on_hidden_inputs(files)
