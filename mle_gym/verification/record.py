"""Checks of a record against itself: the hash chain, its fields, and how they fit together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mle_gym.chain import HMAC, SHA256, Chain
from mle_gym.serialization import to_json
from mle_gym.trajectory import Line, Step, Trajectory
from mle_gym.verification.findings import Finding

__all__ = ["check_chain", "check_fields", "check_steps", "of_a_task"]

_MOST_MISMATCHES = 5
_LARGEST = 1e100
"""Of rewards and seconds: sums of them stay far from infinity."""

_DIGEST = "64 hexadecimal digits"
_COUNT = "an integer of at least 0"
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "an id such as 'titanic'": lambda v: (
        isinstance(v, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", v) is not None
    ),
    _DIGEST: lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{64}", v) is not None,
    _COUNT: lambda v: type(v) is int and v >= 0,
    "an integer": lambda v: type(v) is int,
    "text": lambda v: isinstance(v, str),
    "a number": lambda v: type(v) in (int, float) and abs(v) < _LARGEST,
    "true or false": lambda v: isinstance(v, bool),
    "an object": lambda v: isinstance(v, dict),
    "an object or null": lambda v: v is None or isinstance(v, dict),
    "an integer or null": lambda v: v is None or type(v) is int,
    "a list of names": lambda v: isinstance(v, list) and all(isinstance(n, str) for n in v),
    "an integer of at least 1, or null": lambda v: v is None or (type(v) is int and v > 0),
}
"""What a field may be asked to be, and how one tells."""

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


def check_chain(lines: list[Line], key: bytes | None) -> Iterator[Finding]:
    """Whether every line's hash fits its content and the line before it."""
    header = lines[0].json
    kind = header.get("chain")
    if header.get("format") == 1:
        hashed = any("hash" in line.json for line in lines)
        found = "header: format: expected 2, since lines have hashes, found 1"
        none = "a file of format 1 has no hash chain"
        yield Finding("chain", *(("failed", found) if hashed else ("undecided", none)))
        return
    expected = SHA256 if key is None else HMAC
    if kind == HMAC and key is None:
        yield Finding("chain", "undecided", "it is signed; only its key can tell")
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
        content = {name: value for name, value in line.json.items() if name != "hash"}
        found = line.json.get("hash")
        try:
            expected = chain.add(content)
        except ValueError:  # a number too large for a float: nothing that a writer writes
            expected = "a hash of numbers that are finite"
        if found != expected:
            where = _place(number, line.values["kind"])
            yield f"{where}: hash: expected {expected}, found {_short(found)}"
        chain.head = found if isinstance(found, str) else ""


def _place(line: int, kind: str) -> str:
    return f"line {line} (step {line - 1})" if kind == "step" else f"line {line} ({kind})"


def of_a_task(trajectory: Trajectory) -> bool:
    """Whether an environment of ours made it, and not just any Gymnasium environment."""
    return any(trajectory.header.get(name) is not None for name in ("digest", "backend"))


def check_fields(trajectory: Trajectory) -> Iterator[Finding]:
    """Whether header and footer say all that they must, in the types that they must."""
    header, footer = trajectory.header, trajectory.footer
    new, task = header["format"] > 1, of_a_task(trajectory)
    wanted = HEADER | (SINCE_FORMAT_2 if new else {}) | (TASK_HEADER if task else {})
    wanted |= TASK_HEADER_SINCE_FORMAT_2 if task and new else {}
    problems = list(_wrong(header, wanted))
    settings = header.get("settings")
    if task and new and isinstance(settings, dict):
        problems += _wrong(settings, SETTINGS, "settings.")
    yield from _found("header", problems, "every field is there")
    if footer is None:
        return
    problems = list(_wrong(footer, FOOTER | (TASK_FOOTER_SINCE_FORMAT_2 if task and new else {})))
    if isinstance(footer.get("submission"), dict):
        problems += _wrong(footer["submission"], SUBMISSION, "submission.")
    yield from _found("footer", problems or list(_footer_problems(trajectory)), "it fits the steps")


def _wrong(values: Mapping[str, Any], wanted: Mapping[str, str], prefix: str = "") -> Iterator[str]:
    for name, expected in wanted.items():
        if name not in values:
            yield f"{prefix}{name}: expected {expected}, found no such field"
        elif not _TYPES[expected](values[name]):
            yield f"{prefix}{name}: expected {expected}, found {_short(values[name])}"


def _footer_problems(trajectory: Trajectory) -> Iterator[str]:
    """Where the footer says something else than the steps."""
    footer, steps = trajectory.footer or {}, trajectory.steps
    if not all(_TYPES["a number"](step.reward) for step in steps):
        return  # which is a finding about the steps
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
            yield f"{name}: expected {_short(value)} of the steps, found {_short(footer[name])}"
    allowed = (trajectory.header.get("settings") or {}).get("score_calls")
    calls = footer.get("score_calls")
    if calls is not None and allowed is not None and calls > allowed:
        yield f"score_calls: expected at most {allowed}, found {calls}"


def check_steps(trajectory: Trajectory) -> Iterator[Finding]:
    """Whether each step follows from the one before, as far as one can tell without playing it."""
    problems = []
    left = _steps_left(trajectory.header.get("observation"))
    time = 0.0
    for number, step in enumerate(trajectory.steps, start=1):
        last = number == len(trajectory.steps)
        now = _steps_left(step.observation)
        wrong = list(_step_problems(step, last=last))
        if of_a_task(trajectory):
            wrong += _other_task(step, trajectory.header)
        if left is not None and now != left - 1:
            wrong.append(f"observation.steps_left: expected {left - 1}, found {_short(now)}")
        if not _TYPES["a number"](step.time) or step.time < time:
            wrong.append(f"time: expected {time} or later, found {_short(step.time)}")
        else:
            time = step.time
        left = now
        problems += [f"step {number}: {problem}" for problem in wrong]
    yield from _found("steps", problems, f"{len(trajectory.steps)} steps follow from one another")


def _step_problems(step: Step, *, last: bool) -> Iterator[str]:
    if not last and (step.terminated or step.truncated):
        yield "terminated: expected no step after the one that ends the episode"
    if not _TYPES["a number"](step.reward):
        yield f"reward: expected a number, found {_short(step.reward)}"
    if "grade" in step.info and not last:
        yield "info.grade: expected a grade in the last step only"
    failed = step.info.get("failure") is not None
    if failed and (not last or "grade" in step.info or not step.truncated):
        yield "info.failure: expected it in a last step that is truncated and has no grade"
    if step.info.get("reward_valid", not failed) is failed:
        yield f"info.reward_valid: expected {_short(not failed)}, found {_short(failed)}"


def _other_task(step: Step, header: Mapping[str, Any]) -> Iterator[str]:
    for name in ("task", "variant"):
        expected, found = _short(header.get(name)), _short(step.info.get(name))
        if expected != found:
            yield f"info.{name}: expected {expected} as in the header, found {found}"


def _steps_left(observation: Any) -> int | None:
    left = observation.get("steps_left") if isinstance(observation, dict) else None
    return left if type(left) is int else None


def _found(check: str, problems: list[str], fine: str) -> Iterator[Finding]:
    """The problems as findings, or the one finding that there are none."""
    for problem in problems:
        yield Finding(check, "failed", problem)
    if not problems:
        yield Finding(check, "passed", fine)


def _short(value: Any) -> str:
    text = json.dumps(to_json(value))
    return text if len(text) <= 80 else f"{text[:60]} … ({len(text)} characters)"
