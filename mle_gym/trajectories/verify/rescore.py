"""Computes a recorded score again: the same data, the stored submission, today's grader."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.anchors import Anchors
from mle_gym.datasets.dataset import CANONICAL, Dataset, DatasetOptions
from mle_gym.datasets.keys import SECRET
from mle_gym.datasets.prepare import is_prepared, prepare, task_digest
from mle_gym.episode.reference_programs import measure_ceiling
from mle_gym.episode.rewards import NEED_NO_CEILING, REWARDS, Progress, load_reward
from mle_gym.errors import MleGymError, TaskError
from mle_gym.grading.grade import LATER
from mle_gym.grading.graders.program_run import FAILURES
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.spec import TaskSpec
from mle_gym.trajectories.check_record_fields import is_number, of_a_task
from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.provenance import versions
from mle_gym.trajectories.stored_submission import unpack_submission

if TYPE_CHECKING:
    from mle_gym.grading.grade import Grade
    from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["check_score"]

MOST_UNPACKED = 16 * 2**20
"""Bytes of a submission to a task whose data aren't here. Otherwise the task sets the limit."""
TOLERANCE = 1e-9
"""Relative. The last digits of a sum depend on the processor."""
CEILING_TOLERANCE = 0.02
"""As a share of the distance from floor to ceiling. The score of a reference solution depends on
the libraries' versions."""
_MADE_BY = frozenset({"dataset", "versions"})
"""Fields of a grade that say what made it. They are compared separately."""


def check_score(trajectory: Trajectory, task: str | Path | None) -> Iterator[Finding]:
    """Grade the stored submission again and compare; header and footer must have been checked.

    Args:
        trajectory: A complete one.
        task: Name or folder of the task, if this process does not know it by its id.
    """
    if not of_a_task(trajectory):
        reason = "this is not an episode of a task, so nothing was graded"
        yield from (Finding(check, "undecided", reason) for check in ("submission", "score"))
    elif (trajectory.footer or {})["grade"] is None:
        yield Finding("submission", "passed", "the episode was not graded")
        yield Finding("score", "passed", "the record claims no score")
        yield _check_reward(trajectory, None)
    else:
        yield from _check_graded(trajectory, task)


def _check_graded(trajectory: Trajectory, task: str | Path | None) -> Iterator[Finding]:
    """Check an episode whose record has a grade."""
    # Nothing is computed from a part of the record that is missing or was changed, so every
    # finding that is not "passed" may be the last one.
    header, footer = trajectory.header, trajectory.footer or {}
    recorded = footer["grade"]
    spec = _find(header, task)
    content, stored = _stored(header, footer, recorded, _most_unpacked(spec))
    yield stored
    if recorded.get("error_code") in FAILURES and content is None:
        reason = "a program made no predictions, which only running it again could confirm"
        yield Finding("score", "undecided", reason)
    elif stored.severity != "passed":
        yield Finding("score", "undecided", "there is no submission to grade again")
    elif not isinstance(spec, TaskSpec):
        yield _not_gradable(spec)
    else:
        yield from _grade_again(trajectory, recorded, spec, content)


def _grade_again(
    trajectory: Trajectory, recorded: Mapping[str, Any], spec: TaskSpec, content: bytes | None
) -> Iterator[Finding]:
    """Grade the submission and compare what comes out: dataset, ceiling, score and reward."""
    header = trajectory.header
    try:
        dataset = _prepare(spec, header)
        again = _grade(dataset, content, recorded, header["settings"].get("reward", "score"))
    except MleGymError as error:
        yield _not_gradable(error)
        return
    changes = list(_changes(header, spec))
    yield _compare_dataset(header, dataset, changes)
    left_out: set[str] = set()
    if unknown := _unknown(recorded, again):
        yield Finding("ceiling", "undecided", unknown)
        left_out = {"ceiling", "anchored"} if again.anchored is None else {"ceiling"}
    score = _compare_grade(recorded, again, changes, left_out)
    yield score
    if score.severity == "undecided":
        yield Finding("reward", "undecided", "it depends on the score")
    else:
        yield _check_reward(trajectory, again)


def _not_gradable(error: MleGymError) -> Finding:
    return Finding("score", "undecided", f"it can't be graded here: {error}")


def _most_unpacked(spec: TaskSpec | MleGymError) -> int:
    """The largest submission, in bytes, that is unpacked to be graded again."""
    if isinstance(spec, TaskSpec) and is_prepared(spec):
        return max(MOST_UNPACKED, spec.submission.max_bytes)
    return MOST_UNPACKED


def _stored(
    header: Mapping[str, Any], footer: Mapping[str, Any], grade: Mapping[str, Any], most: int
) -> tuple[bytes | None, Finding]:
    """The stored submission, and whether it is the one that was graded."""
    if header["format"] == 1:
        return None, Finding("submission", "undecided", "a file of format 1 does not contain it")
    packed = footer["submission"]
    # The digests are compared before anything is unpacked, as a forger's file may be a bomb.
    if packed is None:
        if grade.get("sha256") == "":
            return None, Finding("submission", "passed", "there was none")
        found = f"grade.sha256: expected '' without a submission, found {grade.get('sha256')!r}"
        return None, Finding("submission", "failed", found)
    if packed["sha256"] != grade.get("sha256"):
        found = f"expected {grade.get('sha256')!r} of the grade, found {packed['sha256']!r}"
        return None, Finding("submission", "failed", f"submission.sha256: {found}")
    if packed.get("zlib") is None:
        return None, Finding("submission", "undecided", "it was too large to be kept")
    if packed["bytes"] > most:
        found = f"it has {packed['bytes']:,} bytes, and at most {most:,} are unpacked here"
        return None, Finding("submission", "undecided", found)
    try:
        content = unpack_submission(packed, most)
    except (ValueError, TypeError) as error:
        return None, Finding("submission", "failed", f"submission.{error}")
    return content, Finding("submission", "passed", f"{len(content):,} bytes, as graded")


def _find(header: Mapping[str, Any], task: str | Path | None) -> TaskSpec | MleGymError:
    """The task, or why there is none. It is looked up by id only, as a folder may contain code."""
    name = header["task"]
    if task is None and name not in task_folders():
        return TaskError(f"no task {name!r} is known here; name its folder (task=, --task)")
    try:
        spec = load_task(name if task is None else task)
    except MleGymError as error:
        return error
    return spec if spec.id == name else TaskError(f"the record is of {name!r}, not of {spec.id!r}")


def _prepare(spec: TaskSpec, header: Mapping[str, Any]) -> Dataset:
    settings = header["settings"]
    options = DatasetOptions(
        header["variant"],
        settings["train_rows"],
        settings["obfuscate"],
        settings.get("size", CANONICAL.size),
        settings.get("difficulty", CANONICAL.difficulty),
    )
    return prepare(spec, options)


def _grade(
    dataset: Dataset, content: bytes | None, recorded: Mapping[str, Any], reward: str
) -> Grade:
    """Today's grade, under the record's ceiling if that is close to the one measured here."""
    if reward in REWARDS and reward not in NEED_NO_CEILING:
        measure_ceiling(dataset)
    grade = open_grader(dataset, score_ci=recorded.get("score_ci") is not None).grade(content)
    return _under(grade, recorded.get("ceiling"))


def _under(grade: Grade, ceiling: Any) -> Grade:
    """The grade as it is under a record's ceiling, which another machine measured.

    A record without a ceiling was made before one was measured. A ceiling that isn't known here
    can't be judged.
    """
    if grade.score is None or grade.floor is None:
        return grade
    if ceiling is not None:
        if grade.ceiling is None or not is_number(ceiling):
            return grade
        scale = abs(grade.ceiling - grade.floor)
        if abs(ceiling - grade.ceiling) > CEILING_TOLERANCE * scale:
            return grade
    place = Anchors(grade.floor, ceiling).place(grade.score)
    anchored = grade.anchored if grade.anchored == 0 else place
    return dataclasses.replace(grade, ceiling=ceiling, anchored=anchored)


def _unknown(recorded: Mapping[str, Any], again: Grade) -> str:
    """Why a record's ceiling can't be compared; empty if it can.

    The reference solution is run here only for a reward that depends on the ceiling.
    """
    ceiling = recorded.get("ceiling")
    measurable = again.score is not None and again.floor is not None and again.ceiling is None
    if not is_number(ceiling) or not measurable:
        return ""
    return f"no ceiling is known here, so {ceiling:.6g} and the anchored score weren't compared"


def _changes(header: Mapping[str, Any], spec: TaskSpec) -> Iterator[str]:
    """What has changed since the episode was played."""
    if header["task_digest"] != task_digest(spec):
        yield "the task's files have changed"
    now = versions()
    for name, version in header["versions"].items():
        if name == SECRET and header["variant"] == 0:
            continue  # the canonical dataset does not depend on the secret
        if name != "python" and now.get(name) != version:
            yield f"{name} was {version} and is {now.get(name, 'missing')}"


def _compare_dataset(header: Mapping[str, Any], dataset: Dataset, changes: list[str]) -> Finding:
    if dataset.digest == header["digest"]:
        return Finding("dataset", "passed", f"variant {header['variant']}, {dataset.digest[:12]}…")
    found = f"digest: expected {dataset.digest}, found {header['digest']}"
    if changes:
        return Finding("dataset", "undecided", f"{found}; {'; '.join(changes)}")
    return Finding("dataset", "failed", f"{found}, though task and libraries are the same")


def _compare_grade(
    recorded: Mapping[str, Any], again: Grade, changes: list[str], left_out: set[str]
) -> Finding:
    expected = again.to_dict() | {"rank": again.rank or 0}
    wrong = [
        f"grade.{name}: expected {expected.get(name)!r}, found {recorded.get(name)!r}"
        for name in dict.fromkeys((*expected, *recorded))
        if (name in recorded or name not in LATER)
        and name not in _MADE_BY | left_out
        and not _same(expected.get(name), recorded.get(name))
    ]
    score = "not valid" if again.score is None else f"{again.score:.6g}"
    since = f" ({'; '.join(changes)})" if changes else ""
    if not wrong:
        return Finding("score", "passed", f"graded again: {score}{since}")
    return Finding("score", "undecided" if changes else "failed", "; ".join(wrong) + since)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, except for the last digits of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and type(other) in (int, float):
        try:
            return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        except OverflowError:  # an integer that no float can hold
            return False
    return type(one) is type(other) and bool(one == other)


def _check_reward(trajectory: Trajectory, grade: Grade | None) -> Finding:
    """Whether the rewards sum to what that grade pays."""
    header = trajectory.header
    if trajectory.failure is not None:
        return Finding("reward", "passed", "it does not count: the episode failed")
    if header["format"] == 1 or header["wrappers"]:
        by = "a wrapper may have changed it" if header["format"] > 1 else "not in format 1"
        return Finding("reward", "undecided", f"it can't be computed: {by}")
    # Only built-in rewards are computed: another name is an import path that the file chose.
    name = header["settings"]["reward"]
    if name not in REWARDS:
        return Finding("reward", "undecided", f"{name!r} would run the file's own code")
    if name == "milestones" and grade is None:
        return Finding("reward", "undecided", "it depends on files that are gone")
    if name == "milestones" and (header["options"] or {}).get("snapshot") is not None:
        return Finding("reward", "undecided", "the episode continued one that was paid before")
    expected = sum(load_reward(name)(Progress(grade=grade)).values())
    found = trajectory.episode_return
    if math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return Finding("reward", "passed", f"{name}: {found:.6g}")
    return Finding("reward", "failed", f"expected a sum of {expected!r} ({name}), found {found!r}")
