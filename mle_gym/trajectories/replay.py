"""Plays a recorded episode again, and compares the two."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym

from mle_gym.agents import LeaveEpisode
from mle_gym.episode.live_output import ShowOutput
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import TrajectoryError
from mle_gym.trajectories.check_record_fields import require_types
from mle_gym.trajectories.redaction import redactor
from mle_gym.trajectories.replay_risks import beyond_caps, remake, risks
from mle_gym.trajectories.rollout import OnAction, rollout
from mle_gym.trajectories.space_json import from_json, to_json
from mle_gym.trajectories.trajectory import Difference, Step, Trajectory, read_lines
from mle_gym.trajectories.verify.self_consistency import check_chain

__all__ = ["replay"]

CLOCKS = frozenset({"seconds_left", "duration", "cpu_seconds", "peak_memory_mb", "time"})
"""Keys of observation and info that measure the machine and not the episode."""


def replay(
    path: str | Path,
    env: gym.Env[Any, Any] | None = None,
    *,
    trust: bool = False,
    broken: bool = False,
    key: bytes | None = None,
    snapshot: Snapshot | None = None,
    steps: int | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_action: OnAction | None = None,
    on_output: ShowOutput | None = None,
) -> Trajectory:
    """Execute a recorded episode's actions again, in a fresh environment.

    That environment is neither weaker nor larger than the task's own, unless you trust the file
    (:mod:`mle_gym.trajectories.replay_risks` lists what requires no trust).

    Args:
        path: A trajectory, complete or cut off.
        env: Where to play it. None makes the environment that the header describes. The caller
            closes an environment that it passes.
        trust: Also make an environment that may run the file's own code outside a sandbox, reach
            the network, or use more of the machine than the task does.
        broken: Also play a file whose hash chain is broken.
        key: The key that signed the file, to check the signature as well.
        snapshot: What the episode began from, if that was a snapshot, whose files are not in the
            record.
        steps: How many to play; by default all. An environment that you pass is left at that
            moment, so that its snapshot is a state of the recorded episode.
        on_step: As for :func:`rollout`, with the steps that are executed now.
        on_action: As for :func:`rollout`.
        on_output: As for :func:`rollout`.

    Returns:
        The new trajectory. Its ``differences`` list where it differs from the recording, except in
        clocks and memory use.

    Raises:
        TrajectoryError: The file is not a trajectory, is damaged, or has a broken hash chain. Or no
            ``env`` is given, and the header has no spec to make one from, or one that requires
            trust. Or the episode began from a snapshot that was not given, or has fewer steps.
        ValueError: The header's arguments or options are not valid.
    """
    recorded = _first(steps, _check(path, key, broken), path)
    header = recorded.header
    options = _again(header, snapshot, path)
    with contextlib.ExitStack() as stack:
        if env is None:
            env = stack.enter_context(contextlib.closing(_remake(header, path, trust)))
        player = _Recorded(recorded)
        again = rollout(
            env,
            player,
            seed=header["seed"],
            options=options,
            on_step=on_step,
            on_action=on_action,
            on_output=on_output,
        )
    seen = _redacted(again) if recorded.header.get("redacted") else again
    return replace(again, differences=tuple(_episode_differences(recorded, seen)))


def _first(steps: int | None, recorded: Trajectory, path: str | Path) -> Trajectory:
    """The beginning of a record."""
    if steps is None:
        return recorded
    if not 0 <= steps <= len(recorded.steps):
        raise TrajectoryError(f"{path}: has {len(recorded.steps)} steps, not {steps}")
    return replace(recorded, steps=recorded.steps[:steps])


class _Recorded:
    """Plays the actions of a trajectory."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.name = trajectory.header["agent"]
        self._actions = iter([step.action for step in trajectory.steps])
        self._left = trajectory.left or "the recording ends here"

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Do nothing: the actions are known."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Return the next recorded action."""
        for action in self._actions:
            return action
        raise LeaveEpisode(self._left, submit=False)


def _again(
    header: Mapping[str, Any], snapshot: Snapshot | None, path: str | Path
) -> dict[str, Any] | None:
    """The options of a recorded reset, to reset in the same way."""
    options = dict(header["options"] or {})
    # The variant may have been drawn at random, from a state that an earlier episode's seed set.
    if header["variant"] is not None:
        options["variant"] = header["variant"]
    recorded = options.pop("snapshot", None)
    if recorded is None and snapshot is None:
        return options or header["options"]
    if recorded is None or snapshot is None or snapshot.to_dict() != recorded:
        if recorded is None:
            raise TrajectoryError(f"{path}: the episode began without a snapshot; pass none")
        raise TrajectoryError(
            f"{path}: can't be replayed: the episode began from a snapshot, whose files are not in "
            "the record; pass that snapshot while its files exist: replay(path, snapshot=…)"
        )
    return options | {"snapshot": snapshot}


def _remake(header: Mapping[str, Any], path: str | Path, trust: bool) -> gym.Env[Any, Any]:
    if header["env"] is None:
        raise TrajectoryError(
            f"{path}: the header has no environment spec (the environment was not registered, or "
            "its arguments are not JSON); pass the environment: replay(path, env)"
        )
    if excess := beyond_caps(header["env"]):
        raise TrajectoryError(f"{path}: can't be replayed: {'; '.join(excess)}")
    found = risks(header["env"])
    if not found:
        return remake(header["env"])
    if not trust:
        raise TrajectoryError(
            f"{path}: replaying it may run code outside a sandbox, reach the network, or use more "
            f"of this machine than its task does: {'; '.join(found)}. If you trust the file, pass "
            "trust=True (`mle-gym replay --trust`)"
        )
    return gym.make(gym.envs.registration.EnvSpec.from_json(json.dumps(header["env"])))


def _check(path: str | Path, key: bytes | None, broken: bool) -> Trajectory:
    """The record, after a check of its types and, unless ``broken``, of its hash chain."""
    lines, note = read_lines(path)
    recorded = Trajectory.from_lines(lines, note, path)
    require_types(recorded, path)
    wrong = [each.detail for each in check_chain(lines, key) if each.severity == "failed"]
    if wrong and not broken:
        raise TrajectoryError(
            f"{path}: its hash chain is broken, so it is not what was recorded: {wrong[0]}; "
            "pass broken=True (`mle-gym replay --broken`) to play it anyway"
        )
    return recorded


def _redacted(again: Trajectory) -> Trajectory:
    """The trajectory as a redacted record of it would contain it."""
    change = redactor()
    header = {name: from_json(change(to_json(value))) for name, value in again.header.items()}
    steps = tuple(
        Step(**{name: from_json(change(to_json(value))) for name, value in vars(step).items()})
        for step in again.steps
    )
    return replace(again, header=header, steps=steps)


def _episode_differences(recorded: Trajectory, again: Trajectory) -> Iterator[Difference]:
    for key in ("task", "variant", "digest", "observation"):
        yield from _differences(f"reset: {key}", recorded.header[key], again.header[key])
    for number, (old, new) in enumerate(zip(recorded.steps, again.steps, strict=False), start=1):
        # What a turn cost is the agent's, which isn't asked again.
        yield from _differences(f"step {number}", vars(old), vars(replace(new, turn=old.turn)))
    missing = len(recorded.steps) - len(again.steps)
    if missing:
        where = f"step {len(again.steps)}"
        yield Difference(where, f"{missing} more steps", "the episode ended here")


def _differences(where: str, old: Any, new: Any) -> Iterator[Difference]:
    """Where two values differ, one by one, without clocks."""
    old, new = to_json(old), to_json(new)
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield Difference(where, old, new)
        return
    for key in dict.fromkeys((*old, *new)):
        if key not in CLOCKS:
            yield from _differences(f"{where}.{key}", old.get(key), new.get(key))
