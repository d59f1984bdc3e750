"""The fields of a record and their types, which are checked because a record may come from anybody.

This module checks only what must hold before a program can use the fields. Their contents are
compared in :mod:`mle_gym.trajectories.verify.self_consistency`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mle_gym.errors import TrajectoryError
from mle_gym.trajectories.space_json import to_json
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = [
    "footer_problems",
    "header_problems",
    "is_number",
    "of_a_task",
    "require_types",
    "short",
    "step_problems",
    "value_is",
]

_LARGEST: Final = 1e100
"""For rewards and seconds, so that sums of them stay far from infinity."""
_LARGEST_INT: Final = 2**63
"""For counts, seeds and variants."""
_DIGEST = "64 hexadecimal digits"
_COUNT = "an integer of at least 0"


def is_number(value: object) -> bool:
    """Whether it is a number (not a bool) whose sums stay far from infinity."""
    return type(value) in (int, float) and abs(value) < _LARGEST  # type: ignore[arg-type]


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "an id such as 'titanic'": lambda v: (
        isinstance(v, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", v) is not None
    ),
    _DIGEST: lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{64}", v) is not None,
    _COUNT: lambda v: type(v) is int and 0 <= v < _LARGEST_INT,
    "an integer": lambda v: type(v) is int and abs(v) < _LARGEST_INT,
    "text": lambda v: isinstance(v, str),
    "text or null": lambda v: v is None or isinstance(v, str),
    "a number": is_number,
    "a number or null": lambda v: v is None or is_number(v),
    "true or false": lambda v: isinstance(v, bool),
    "an object": lambda v: isinstance(v, dict),
    "an object or null": lambda v: v is None or isinstance(v, dict),
    "an integer or null": lambda v: v is None or (type(v) is int and abs(v) < _LARGEST_INT),
    "true, false or null": lambda v: v is None or isinstance(v, bool),
    "two numbers or null": lambda v: (
        v is None or (isinstance(v, list) and len(v) == 2 and all(map(is_number, v)))
    ),
    "numbers by name": lambda v: isinstance(v, dict) and all(map(is_number, v.values())),
    "numbers or texts by name": lambda v: (
        isinstance(v, dict) and all(isinstance(n, str) or is_number(n) for n in v.values())
    ),
    "a medal or none": lambda v: v in ("", "bronze", "silver", "gold"),
    "a list of names": lambda v: isinstance(v, list) and all(isinstance(n, str) for n in v),
    "an integer of at least 1, or null": lambda v: (
        v is None or (type(v) is int and 0 < v < _LARGEST_INT)
    ),
}
"""What a field may be required to be, with the test for that."""


def value_is(kind: str, value: object) -> bool:
    """Whether a value is of a kind that fields may be required to be, such as ``"text"``."""
    return _TYPES[kind](value)


HEADER = {
    "created": "text",
    "agent": "text",
    "seed": "an integer or null",
    "options": "an object or null",
    "env": "an object or null",
    "versions": "an object",
    "platform": "text",
    "info": "an object",
}
SINCE_FORMAT_2 = {"wrappers": "a list of names"}
TASK_HEADER = {
    "task": "an id such as 'titanic'",
    "variant": "an integer",
    "digest": _DIGEST,
    "backend": "text",
}
TASK_HEADER_SINCE_FORMAT_2 = {"task_digest": _DIGEST, "settings": "an object"}
SETTINGS = {
    "train_rows": "an integer of at least 1, or null",
    "obfuscate": "true or false",
    "network": "true or false",
    "limits": "an object",
    "reward": "text",
    "max_steps": _COUNT,
    "score_calls": _COUNT,
    "feedback": "text",
}
SETTINGS_OF_GENERATED = {"size": "text", "difficulty": "a number"}
"""Settings that records of older versions don't have."""
FOOTER = {
    "steps": _COUNT,
    "return": "a number",
    "terminated": "true or false",
    "truncated": "true or false",
    "grade": "an object or null",
    "duration": "a number",
}
TASK_FOOTER_SINCE_FORMAT_2 = {
    "validate_calls": _COUNT,
    "score_calls": _COUNT,
    "submission": "an object or null",
    "program": "an object or null",
}
SUBMISSION = {"bytes": _COUNT, "sha256": _DIGEST}


GRADE = {
    "task": "text",
    "valid": "true or false",
    "metric": "text",
    "higher_is_better": "true or false",
    "error_code": "text",
    "error_message": "text",
    "score": "a number or null",
    "normalized": "a number",
    "public_score": "a number or null",
    "percentile": "a number or null",
    "human_rank": "a number or null",
    "medal": "a medal or none",
    "thresholds": "numbers by name",
    "sha256": "text",
    "grader": "text",
    "score_ci": "two numbers or null",
    "parts": "numbers or texts by name",
}
"""The fields of a grade. Those that later versions added may be missing."""
OPTIONAL = frozenset({"score_ci", "grader", "error_message", "human_rank", "parts"})
OBSERVATION = {"output": "text", "exit_code": "an integer", "steps_left": "an integer"}
STEP = {
    "reward": "a number",
    "terminated": "true or false",
    "truncated": "true or false",
    "info": "an object",
    "time": "a number",
}
TURN = {"turn": "an object or null"}
LEFT = {"left": "text or null"}


def header_problems(trajectory: Trajectory) -> Iterator[str]:
    """The header's fields that are missing or have a type that no writer writes."""
    header = trajectory.header
    new, task = header["format"] > 1, of_a_task(trajectory)
    wanted = HEADER | (SINCE_FORMAT_2 if new else {}) | (TASK_HEADER if task else {})
    wanted |= TASK_HEADER_SINCE_FORMAT_2 if task and new else {}
    yield from _wrong(header, wanted)
    settings = header.get("settings")
    if task and new and isinstance(settings, dict):
        yield from _wrong(settings, SETTINGS, "settings.")
        yield from _wrong_if_there(settings, SETTINGS_OF_GENERATED, "settings.")


def footer_problems(trajectory: Trajectory) -> Iterator[str]:
    """Like :func:`header_problems`, for the footer."""
    footer = trajectory.footer or {}
    new, task = trajectory.header["format"] > 1, of_a_task(trajectory)
    yield from _wrong(footer, FOOTER | (TASK_FOOTER_SINCE_FORMAT_2 if task and new else {}))
    yield from _wrong_if_there(footer, LEFT)
    for name in ("submission", "program"):
        if isinstance(footer.get(name), dict):
            yield from _wrong(footer[name], SUBMISSION, f"{name}.")
    if isinstance(footer.get("grade"), dict) and task:
        yield from _wrong_grade(footer["grade"])


def step_problems(step: Step, trajectory: Trajectory) -> Iterator[str]:
    """Like :func:`header_problems`, for a step."""
    yield from _wrong(vars(step), STEP)
    yield from _wrong_if_there(vars(step), TURN)
    if not of_a_task(trajectory) or not isinstance(step.info, dict):
        return
    observation = step.observation
    if isinstance(observation, dict):
        yield from _wrong(observation, OBSERVATION, "observation.")
    else:
        yield f"observation: expected an object, found {short(observation)}"
    grade = step.info.get("grade")
    if isinstance(grade, dict):
        yield from _wrong_grade(grade, "info.")
    elif grade is not None:
        yield f"info.grade: expected an object, found {short(grade)}"


def require_types(trajectory: Trajectory, path: str | Path) -> None:
    """Make sure that a record by anybody can be shown, audited and played.

    Raises:
        TrajectoryError: A field is missing or has another type; the message names the line.
    """
    footer = footer_problems(trajectory) if trajectory.footer is not None else ()
    lines = [header_problems(trajectory)]
    lines += [step_problems(step, trajectory) for step in trajectory.steps]
    for number, problems in enumerate([*lines, footer], start=1):
        for problem in problems:
            raise TrajectoryError(f"{path}:{number}: {problem}")


def of_a_task(trajectory: Trajectory) -> bool:
    """Whether one of our environments made it, and not just any Gymnasium environment."""
    return any(trajectory.header.get(name) is not None for name in ("digest", "backend"))


def short(value: Any) -> str:
    """A value as messages quote it: JSON, shortened."""
    text = json.dumps(to_json(value))
    return text if len(text) <= 80 else f"{text[:60]} … ({len(text)} characters)"


def _wrong_grade(grade: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    wanted = {name: kind for name, kind in GRADE.items() if name not in OPTIONAL}
    yield from _wrong(grade, wanted, f"{prefix}grade.")
    optional = {name: GRADE[name] for name in OPTIONAL}
    yield from _wrong_if_there(grade, optional, f"{prefix}grade.")


def _wrong(values: Mapping[str, Any], wanted: Mapping[str, str], prefix: str = "") -> Iterator[str]:
    for name, expected in wanted.items():
        if name not in values:
            yield f"{prefix}{name}: expected {expected}, found no such field"
    yield from _wrong_if_there(values, wanted, prefix)


def _wrong_if_there(
    values: Mapping[str, Any], wanted: Mapping[str, str], prefix: str = ""
) -> Iterator[str]:
    for name, expected in wanted.items():
        if name in values and not _TYPES[expected](values[name]):
            yield f"{prefix}{name}: expected {expected}, found {short(values[name])}"
