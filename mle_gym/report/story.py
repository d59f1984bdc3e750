"""An episode as a story: what the page shows of one trajectory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mle_gym.episode.actions.action import (
    Action,
    ApplyPatch,
    Cell,
    EditFile,
    InsertText,
    Shell,
    WriteFile,
)
from mle_gym.episode.actions.parse import parse_action
from mle_gym.episode.public_score_line import public_score
from mle_gym.errors import ActionError
from mle_gym.report.file_changes import file_changes
from mle_gym.report.shortening import plain, shorten
from mle_gym.trajectories.findings import Finding
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["MOST_STEPS", "story_of"]

MOST_STEPS = 1_000
MOST_TEXT = 4 * 2**20
"""Characters of all steps. Texts of later ones are cut to :data:`SHORT`."""
SHORT = 400
OF_THE_HEADER = (
    "agent", "task", "variant", "seed", "created", "backend", "platform", "versions", "settings",
)  # fmt: skip


def story_of(
    trajectory: Trajectory, findings: Sequence[Finding] = (), log: str = ""
) -> dict[str, Any]:
    """One episode in plain data of bounded size.

    Args:
        trajectory: The record, complete or not.
        findings: What an audit found in it.
        log: What the agent printed on the host.
    """
    header, steps = trajectory.header, trajectory.steps[:MOST_STEPS]
    actions = [_action(step.action) for step in trajectory.steps]
    changes = file_changes(trajectory, actions)
    shown = [
        _step(number, step, before, action, changes.get(number, []))
        for number, (step, before, action) in enumerate(
            zip(steps, (None, *steps), actions, strict=False), start=1
        )
    ]
    return {
        "header": {name: plain(header.get(name)) for name in OF_THE_HEADER},
        "brief": shorten(str(_observed(header.get("observation"), "output") or "")),
        "steps": list(_within_room(shown)),
        "left_out": len(trajectory.steps) - len(steps),
        "grade": plain(trajectory.grade or (trajectory.footer or {}).get("grade")),
        "failure": plain(trajectory.failure),
        "left": plain(trajectory.left),
        "return": plain(trajectory.episode_return),
        "complete": trajectory.complete,
        "findings": [_finding(each) for each in findings[:200]],
        "log": shorten(log),
    }


def _within_room(steps: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps; those for which there is no more room have short texts."""
    room = MOST_TEXT
    for step in steps:
        if room < 0:
            step |= {name: shorten(step[name], SHORT) for name in ("code", "output", "thought")}
            step["files"] = [
                each | {"diff": shorten(each["diff"], SHORT)} for each in step["files"]
            ]
        room -= sum(len(step[name]) for name in ("code", "output", "thought"))
        room -= sum(len(each["diff"]) for each in step["files"])
        yield step


def _action(raw: Any) -> Action | None:
    try:
        return parse_action(raw)
    except (ActionError, RecursionError):
        return None


def _step(
    number: int, step: Step, before: Step | None, action: Action | None, files: list[dict[str, Any]]
) -> dict[str, Any]:
    output = str(_observed(step.observation, "output") or "")
    code, language = _code(step.action, action)
    return {
        "n": number,
        "tool": getattr(action, "tool", "unreadable"),
        "what": _object_of(action),
        "code": shorten(code),
        "language": language,
        "begin": _number(before.time if before else 0.0),
        "end": _number(step.time),
        "exit_code": _number(_observed(step.observation, "exit_code")),
        "output": shorten(output),
        "reward": _number(step.reward),
        "validation": plain(step.info.get("validation")),
        "public_score": _number(public_score(action, output)),
        "files": files[:20],
        **_measured(step),
    }


def _measured(step: Step) -> dict[str, Any]:
    """What the model and the sandbox took, and how the sandbox ended the command."""
    execution = _mapping(step.info.get("execution"))
    turn = _mapping(step.turn)
    return {
        "thought": shorten(_text(turn.get("text"))),
        "model": _text(turn.get("model")),
        "tokens": _number(turn.get("tokens")),
        "cost": _number(turn.get("cost")),
        "times": {
            "model": _number(turn.get("seconds")),
            "retries": _number(turn.get("retry_seconds")),
            "queue": _number(execution.get("queued")),
            "commands": _number(execution.get("duration")),
        },
        "memory_mb": _number(execution.get("peak_memory_mb")),
        "timed_out": execution.get("timed_out") is True,
        "killed_by": _text(execution.get("killed_by")),
    }


def _code(raw: Any, action: Action | None) -> tuple[str, str]:
    """What is shown as code, and its language; nothing for what the file's change shows."""
    match action:
        case Shell(command):
            return command, "bash"
        case Cell(code):
            return code, "python"
        case WriteFile() | EditFile() | InsertText() | ApplyPatch():
            return "", ""
        case None:
            return raw if isinstance(raw, str) else json.dumps(plain(raw), indent=1), ""
    return "", ""


def _object_of(action: Action | None) -> str:
    """The file or folder that an action names."""
    return shorten(_text(getattr(action, "path", "")), 300)


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.check,
        "severity": found.severity,
        "step": found.step,
        "detail": shorten(found.detail, 1_000),
        "meaning": found.meaning,
    }


def _observed(observation: Any, name: str) -> Any:
    return observation.get(name) if isinstance(observation, dict) else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    found: float | None = plain(float(value))
    return found
