"""Checks a record against itself: its hash chain, its fields, and their consistency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mle_gym.episode.actions.parse import read_action
from mle_gym.errors import ActionError
from mle_gym.trajectories.check_record_fields import (
    footer_problems,
    header_problems,
    is_number,
    of_a_task,
    short,
    step_problems,
)
from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.hash_chain import HMAC, SHA256, Chain
from mle_gym.trajectories.space_json import to_json
from mle_gym.trajectories.trajectory import Line, Step, Trajectory

__all__ = ["check_chain", "check_fields", "check_steps"]

_MOST_MISMATCHES = 5


def check_chain(lines: list[Line], key: bytes | None) -> Iterator[Finding]:
    """Whether every line's hash fits its content and the line before it."""
    header = lines[0].values
    kind = header.get("chain")
    if header.get("format") == 1:
        hashed = any(line.hash for line in lines)
        # An edited record may claim the old format, whose hashes nobody would check.
        found = "header: format: expected 2, since lines have hashes, found 1"
        none = "a file of format 1 has no hash chain"
        yield Finding("chain", *(("failed", found) if hashed else ("undecided", none)))
        return
    expected = SHA256 if key is None else HMAC
    if kind == HMAC and key is None:
        yield Finding("chain", "undecided", "it is signed, and can only be checked with its key")
        return
    if kind != expected:
        found = f"header: chain: expected {expected!r}, found {kind!r}"
        yield Finding("chain", "failed", found + ("; it was not signed" if key else ""))
        return
    mismatches = list(_mismatches(lines, Chain(key)))
    for detail in mismatches[:_MOST_MISMATCHES]:
        yield Finding("chain", "failed", detail)
    if len(mismatches) > _MOST_MISMATCHES:
        more = len(mismatches) - _MOST_MISMATCHES
        yield Finding("chain", "failed", f"and {more} more lines whose hash does not fit")
    if not mismatches:
        signed = "" if key is None else ", signed with this key"
        yield Finding("chain", "passed", f"{len(lines)} lines fit together{signed}")


def _mismatches(lines: list[Line], chain: Chain) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        expected = chain.add_canonical(line.canonical)
        if line.hash != expected:
            where = _place(number, line.values["kind"])
            yield f"{where}: hash: expected {expected}, found {short(line.hash)}"
        chain.head = line.hash  # so that one edited line is reported once, and not all after it


def _place(line: int, kind: str) -> str:
    return f"line {line} (step {line - 1})" if kind == "step" else f"line {line} ({kind})"


def check_fields(trajectory: Trajectory) -> Iterator[Finding]:
    """Whether header and footer have all their fields, with the right types."""
    problems = list(header_problems(trajectory))
    yield from _found("header", problems, "every field is there")
    if trajectory.footer is None:
        return
    wrong = list(footer_problems(trajectory))
    if not problems and not wrong:
        wrong = list(_contradictions(trajectory))
    yield from _found("footer", wrong, "it fits the steps")


def _contradictions(trajectory: Trajectory) -> Iterator[str]:
    """Where the footer contradicts the steps."""
    footer, steps = trajectory.footer or {}, trajectory.steps
    if not all(is_number(step.reward) for step in steps):
        return  # the check of the steps reports it
    last = steps[-1] if steps else None
    expected = {
        "steps": len(steps),
        "return": sum(step.reward for step in steps),
        "terminated": bool(last and last.terminated),
        "truncated": bool(last and last.truncated),
        "grade": last.info.get("grade") if last else None,
    }
    for name, value in expected.items():
        if to_json(footer[name]) != to_json(value):
            yield f"{name}: expected {short(value)} of the steps, found {short(footer[name])}"
    allowed = (trajectory.header.get("settings") or {}).get("score_calls")
    calls = footer.get("score_calls")
    if calls is not None and allowed is not None and calls > allowed:
        yield f"score_calls: expected at most {allowed}, found {calls}"


def check_steps(trajectory: Trajectory) -> Iterator[Finding]:
    """Whether each step follows from the one before, as far as that shows without playing it."""
    # Steps and time can only run in one direction, so that a step left out or moved shows.
    problems = []
    left = _steps_left(trajectory.header.get("observation"))
    time = 0.0
    for number, step in enumerate(trajectory.steps, start=1):
        last = number == len(trajectory.steps)
        now = _steps_left(step.observation)
        wrong = [*step_problems(step, trajectory), *_misplaced(step, last=last)]
        if of_a_task(trajectory):
            wrong += _other_task(step, trajectory.header)
        # A thought costs no step, as long as there are not too many of them.
        if left is not None and now != left - 1 and not (now == left and _is_thought(step.action)):
            wrong.append(f"observation.steps_left: expected {left - 1}, found {short(now)}")
        if is_number(step.time):
            if step.time < time:
                wrong.append(f"time: expected {time} or later, found {short(step.time)}")
            time = max(time, step.time)
        left = now
        problems += [f"step {number}: {problem}" for problem in wrong]
    yield from _found("steps", problems, f"{len(trajectory.steps)} steps follow from one another")


def _misplaced(step: Step, *, last: bool) -> Iterator[str]:
    if not last and (step.terminated or step.truncated):
        yield "terminated: expected no step after the one that ends the episode"
    if "grade" in step.info and not last:
        yield "info.grade: expected a grade in the last step only"
    failure = step.info.get("failure")
    failed = failure is not None
    # A reward can only fail once there is a grade. Every other failure comes instead of one.
    graded = "grade" in step.info and _kind(failure) != "reward_failed"
    if failed and (not last or graded or not step.truncated):
        yield "info.failure: expected it in a last step that is truncated and has no grade"
    if step.info.get("reward_valid", not failed) is failed:
        yield f"info.reward_valid: expected {short(not failed)}, found {short(failed)}"


def _kind(failure: Any) -> Any:
    return failure.get("kind") if isinstance(failure, Mapping) else None


def _other_task(step: Step, header: Mapping[str, Any]) -> Iterator[str]:
    for name in ("task", "variant"):
        expected, found = short(header.get(name)), short(step.info.get(name))
        if expected != found:
            yield f"info.{name}: expected {expected} as in the header, found {found}"


def _is_thought(action: Any) -> bool:
    try:
        return read_action(action).is_thought
    except ActionError:
        return False


def _steps_left(observation: Any) -> int | None:
    left = observation.get("steps_left") if isinstance(observation, dict) else None
    return left if type(left) is int else None


def _found(check: str, problems: list[str], fine: str) -> Iterator[Finding]:
    """One finding for each problem, or a single one that there are none."""
    for problem in problems:
        yield Finding(check, "failed", problem)
    if not problems:
        yield Finding(check, "passed", fine)
