"""What the health of a training run depends on, of one episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mle_gym.trajectories.space_json import to_json
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["EpisodeFacts", "facts_of"]

TIMEOUT = 124
MALFORMED = 2
"""Exit codes in observations."""
CLOSE_TO_ZERO = 0.5
"""Seconds: an episode that ends with fewer was ended by the clock."""
HANDING_IN = ("validate", "score", "submit")
"""Calls that honest agents repeat."""
INSTANCE = ("size", "difficulty", "train_rows", "obfuscate")
"""What, with task and variant, makes the instance that a group plays."""


@dataclass(frozen=True)
class EpisodeFacts:
    """One episode."""

    group: str
    """The same for rollouts of one instance of a task."""
    reward: float
    """The return."""
    failure: str
    """Kind and stage of the failure (``"sandbox_died at step"``); empty if there was none."""
    complete: bool
    """Whether the record has an end."""
    steps: int
    malformed: int
    """Steps whose action could not be read."""
    actions: tuple[str, ...]
    """Those that are compared with one another, as text."""
    clock: str
    """How the clock mattered: ``"episode"``, ``"command"`` or empty."""
    lent: float
    """What the milestones paid at most on the way."""
    earned: float
    """What the anchored score paid; with ``lent`` 0 if the reward has no milestones."""
    milestones: bool
    """Whether the reward has milestones."""

    @property
    def no_fault(self) -> str:
        """Why a reward of 0 would say nothing of the agent; empty if it does."""
        if self.failure:
            return self.failure
        if not self.complete:
            return "cut off"
        if self.steps == 0:
            return "without a step"
        if self.malformed == self.steps:
            return "without an action that could be read"
        return ""


def facts_of(trajectory: Trajectory) -> EpisodeFacts:
    """The facts of one episode. What a record by another environment lacks counts as harmless."""
    steps, failure = trajectory.steps, trajectory.failure
    parts = [step.info.get("reward_parts") or {} for step in steps]
    lent = [float(each.get("submission", 0.0)) for each in parts]
    settings = trajectory.header.get("settings") or {}
    return EpisodeFacts(
        group=_group(trajectory.header, settings),
        reward=trajectory.episode_return,
        failure=f"{failure['kind']} at {failure['stage']}" if failure else "",
        complete=trajectory.complete,
        steps=len(steps),
        malformed=sum(_is_malformed(step) for step in steps),
        actions=tuple(text for step in steps if (text := _compared(step.action))),
        clock=_clock(steps),
        lent=max(0.0, *lent) if lent else 0.0,
        earned=sum(float(each.get("anchored", 0.0)) for each in parts),
        milestones=settings.get("reward") == "milestones",
    )


def _group(header: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    snapshot = (header.get("options") or {}).get("snapshot")
    instance = [header.get("task"), header.get("variant"), *map(settings.get, INSTANCE), snapshot]
    return json.dumps(to_json(instance))


def _is_malformed(step: Step) -> bool:
    """Whether nothing was run, because the action could not be read."""
    return _observed(step, "exit_code") == MALFORMED and "execution" not in step.info


def _observed(step: Step, name: str) -> Any:
    return step.observation.get(name) if isinstance(step.observation, dict) else None


def _compared(action: Any) -> str:
    """An action as text; empty for those that may be repeated."""
    plain = to_json(action)
    if isinstance(plain, dict) and plain.get("tool", plain.get("name")) in HANDING_IN:
        return ""
    if isinstance(plain, str) and plain.split(maxsplit=1)[:1] in [[name] for name in HANDING_IN]:
        return ""
    return json.dumps(plain, sort_keys=True)


def _clock(steps: tuple[Step, ...]) -> str:
    if not steps:
        return ""
    left, steps_left = (_observed(steps[-1], name) for name in ("seconds_left", "steps_left"))
    if steps[-1].truncated and steps_left and left is not None:
        seconds = float(left[0]) if hasattr(left, "__len__") else float(left)
        if seconds < CLOSE_TO_ZERO and not steps[-1].info.get("failure"):
            return "episode"
    return "command" if any(_observed(step, "exit_code") == TIMEOUT for step in steps) else ""
