"""Is a task sound? Everything that an author would rather hear from us than from an agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.authoring.check import Check
from mle_gym.authoring.draw_key_and_split import write_missing
from mle_gym.authoring.leak_checks import nobody_can_compute_it, nothing_private_in_public
from mle_gym.authoring.medal_checks import medals_are_earned, medals_are_not_luck
from mle_gym.authoring.target_checks import no_column_gives_it_away, there_is_something_to_predict
from mle_gym.authoring.variant_checks import (
    two_prepares_are_equal,
    variants_differ,
    variants_do_not_leak,
)
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.tables import read_csv
from mle_gym.episode.reference_programs import PROGRAMS, grade_program
from mle_gym.errors import DatasetError, MleGymError, TaskError
from mle_gym.grading.open_grader import open_grader
from mle_gym.metrics import METRICS
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["DATASET_CHECKS", "validate_task"]

DATASET_CHECKS: tuple[Callable[[Dataset], Check], ...] = (
    there_is_something_to_predict,
    no_column_gives_it_away,
    nobody_can_compute_it,
    nothing_private_in_public,
    two_prepares_are_equal,
    variants_differ,
    variants_do_not_leak,
)
"""Every check of a prepared dataset, in the order of the report."""

EXACT = 1e-4
"""Tolerance of scores that nothing random goes into, as rounded in ``task.toml``."""
MEASURED = 0.02
"""Tolerance of what programs score, as a fraction of ``best - worst``: library versions differ."""
TIMED = 0.15
"""The same where a program's time is compared with a reference's: machines differ, too."""


def validate_task(
    folder: str | Path, *, fix: bool = False, run_programs: bool = True, sandbox: str = "auto"
) -> list[Check]:
    """Check a task folder from schema to solution; every check says what it found.

    Args:
        folder: The task folder.
        fix: Write the key and the stored split first, where they are missing.
        run_programs: Run ``baseline.py`` and ``solution.py`` and compare their scores with
            ``[reference]``; the only part that needs a sandbox.
        sandbox: Name of the sandbox backend.

    Nothing is raised for an unsound task: what can't be checked after a failure is left out.
    """
    try:
        task = load_task(Path(folder))
    except TaskError as error:
        return [Check("task.toml and description.md", False, str(error))]
    loaded = Check("task.toml and description.md", True, f"{task.env_id}, {task.title!r}")
    try:
        if fix:
            write_missing(task)
        dataset = prepare(task)
    except (DatasetError, TaskError) as error:
        return [loaded, Check("the data can be prepared", False, str(error))]
    rows = {name: table["rows"] for name, table in dataset.manifest["tables"].items()}
    prepared = Check("the data can be prepared", True, f"rows: {rows}")
    if task.submission.is_packed:
        return [loaded, prepared, *_several_files(dataset, sandbox if run_programs else None)]
    try:
        floor = _grade(dataset, (dataset.inputs / "sample_submission.csv").read_bytes())
        if task.submission.kind == "file":  # nothing more can be known of its answers
            found = floor.error_message or f"it scores {floor.score:g}"
            valid = Check("the sample submission is valid", floor.valid, found)
            return [loaded, prepared, valid, _beatable(task, floor)]
        graded = [_answers(dataset), _sample(task, floor), _beatable(task, floor)]
        graded.append(medals_are_earned(task, floor))
    except MleGymError as error:
        return [loaded, prepared, Check("submissions can be graded", False, str(error))]
    checks = [loaded, prepared, *graded, *(_run_check(check, dataset) for check in DATASET_CHECKS)]
    return [*checks, *(_programs(dataset, floor, sandbox) if run_programs else [])]


def _several_files(dataset: Dataset, sandbox: str | None) -> list[Check]:
    """The checks of what only ``grade_files`` grades; without a sandbox no program is run."""
    checks = [_run_check(check, dataset) for check in (two_prepares_are_equal, variants_differ)]
    try:
        anchors = open_grader(dataset).anchors
    except MleGymError as error:
        return [*checks, Check("submissions can be graded", False, str(error))]
    name = "what knows nothing has a score"
    found = f"the floor is {anchors.floor}, the ceiling {anchors.ceiling}"
    checks.append(Check(name, anchors.floor is not None, found))
    if sandbox is None or anchors.floor is None:
        return checks
    grades: dict[str, Grade] = {}
    for program in PROGRAMS:
        try:
            grades[program] = grade_program(dataset, program, sandbox)
        except MleGymError as error:
            checks.append(Check(f"{program}.py has a score", False, str(error)))
    scores = {program: grade.score or 0.0 for program, grade in grades.items()}
    return [*checks, _ladder(dataset.task, anchors.floor, scores)]


def _run_check(check: Callable[[Dataset], Check], dataset: Dataset) -> Check:
    """A check that can't be made, say since variant 1 can't be prepared, has failed."""
    try:
        return check(dataset)
    except MleGymError as error:
        return Check(check.__name__.replace("_", " "), False, str(error))


def _answers(dataset: Dataset) -> Check:
    """The answers, graded as a submission, get the best score there is."""
    name = "the answers score the best"
    spec = dataset.task.submission
    texts = [column for column in spec.columns if spec.columns[column].type == "str"]
    table = read_csv(dataset.private / "answers.csv", text=texts).drop(columns=USAGE)
    grade = _grade(dataset, table.to_csv(index=False).encode())
    if grade.score is None:
        return Check(name, False, f"they are no valid submission: {grade.error_message}")
    metric = METRICS.get(dataset.task.grade.metric)
    own = dataset.task.hook("grade") is not None or metric is None
    best = dataset.task.grade.best if own or metric is None else metric.best
    passed = abs(grade.score - best) <= EXACT and grade.normalized >= 1 - EXACT
    return Check(name, passed, f"{grade.metric} {grade.score:g}, normalized {grade.normalized:g}")


def _sample(task: TaskSpec, grade: Grade) -> Check:

    name = "the sample submission is valid and scores the floor"
    if grade.score is None:
        return Check(name, False, f"not valid: {grade.error_message}")
    if task.reference is None:
        return Check(name, False, f"no [reference] in task.toml; it scores {grade.score:.4f}")
    return Check(name, *_compare(grade.score, task.reference.floor, EXACT))


def _beatable(task: TaskSpec, floor: Grade) -> Check:
    """The sample submission leaves something to be learned."""
    name = "predictions can beat the sample submission"
    if floor.score is None:
        return Check(name, False, "it has no score")
    found = f"it scores {floor.score:g}, and the best is {task.grade.best:g}"
    return Check(name, floor.normalized < 1 - EXACT, found)


def _programs(dataset: Dataset, floor: Grade, sandbox: str) -> list[Check]:
    """Run the reference programs; compare their scores with the declared ones and each other."""
    task = dataset.task
    code = task.submission.code
    share = TIMED if code is not None and code.reference else MEASURED
    tolerance = share * abs(task.grade.best - task.grade.worst)
    checks: list[Check] = []
    scores: dict[str, float] = {}
    grades: list[Grade] = []
    for program in PROGRAMS:
        name = f"{program}.py scores what [reference] says"
        try:
            grade = grade_program(dataset, program, sandbox, score_ci=True)
        except MleGymError as error:
            checks.append(Check(name, False, str(error)))
            continue
        grades.append(grade)
        scores[program] = grade.score or 0.0
        declared = getattr(task.reference, program, None)
        if declared is None:
            detail = f"no {program} in [reference] of task.toml; it scores {scores[program]:.4f}"
            checks.append(Check(name, False, detail))
            continue
        checks.append(Check(name, *_compare(scores[program], declared, tolerance)))
    return [*checks, _ladder(task, floor.score, scores), medals_are_not_luck(task, floor, grades)]


def _ladder(task: TaskSpec, floor: float | None, scores: dict[str, float]) -> Check:
    """Floor, baseline and solution get better one after the other."""
    name = "floor < baseline < solution"
    if len(scores) < len(PROGRAMS) or floor is None:
        return Check(name, False, "not all of them have a score")
    sign = 1 if task.grade.higher_is_better else -1
    steps = (floor, scores["baseline"], scores["solution"])
    passed = sign * steps[0] <= sign * steps[1] < sign * steps[2]
    direction = "higher" if sign > 0 else "lower"
    detail = f"{', '.join(f'{step:.4f}' for step in steps)} ({direction} is better)"
    return Check(name, passed, detail)


def _grade(dataset: Dataset, content: bytes) -> Grade:
    return open_grader(dataset).grade(content)


def _compare(measured: float, declared: float, tolerance: float) -> tuple[bool, str]:
    detail = f"measured {measured:.4f}, declared {declared:g}, tolerance {tolerance:g}"
    return abs(measured - declared) <= tolerance, detail
