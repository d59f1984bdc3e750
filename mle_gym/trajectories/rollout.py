"""Plays one episode and records it.

trajectory = rollout(env, load_agent("solution"), seed=0, path=Path("titanic.jsonl"))
again = replay("titanic.jsonl")
again.differences          # () if every observation and reward was the same
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import gymnasium as gym

from mle_gym.agents import Agent, LeaveEpisode, ResumableAgent, blamed
from mle_gym.env import MLEEnv
from mle_gym.episode.live_output import ShowOutput
from mle_gym.episode.spaces import ActionSpace
from mle_gym.trajectories.checkpoint import Checkpoint, CheckpointFile
from mle_gym.trajectories.episode_recorder import EpisodeRecorder
from mle_gym.trajectories.redaction import Redact, redactor
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

__all__ = ["OnAction", "Watches", "rollout"]


OnAction = Callable[[Any, Any, dict[str, Any] | None], None]
"""Called with an action that is about to begin, the observation that it answers, and the agent's
``turn``, if it has one."""


class Watches(TypedDict):
    """Whom :func:`rollout` shows an episode while it is played: arguments of that function."""

    on_step: Callable[[Step], None]
    on_action: OnAction
    on_output: ShowOutput


def rollout(
    env: gym.Env[Any, Any],
    agent: Agent,
    *,
    seed: int | None = None,
    options: dict[str, Any] | None = None,
    path: str | Path | None = None,
    key: bytes | None = None,
    redact: bool = False,
    on_step: Callable[[Step], None] | None = None,
    on_action: OnAction | None = None,
    on_output: ShowOutput | None = None,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Play one episode and record it.

    It works with any Gymnasium environment. If the agent or the environment raises, the exception
    reaches the caller, and the file keeps every step that was finished. An agent's exception has a
    note with its own file and line. Its ``sys.exit`` and its ``StopIteration`` become a
    RuntimeError.

    Args:
        env: The environment; the caller closes it.
        agent: Asked for actions until the episode ends or it raises
            :class:`~mle_gym.agents.LeaveEpisode`. If it has an attribute ``turn``, a dict of what
            the action cost (``tokens``, ``seconds``, …), each step keeps it.
        seed: For ``env.reset``.
        options: For ``env.reset``.
        path: A new JSONL file. Each step is on disk before the next one begins, so a killed run
            loses at most the step in flight.
        key: At least 16 bytes that sign the file: its hash chain becomes an HMAC-SHA256.
        redact: Write placeholders for what identifies this machine and its user, such as paths and
            names (:mod:`mle_gym.trajectories.redaction`). The returned trajectory is not redacted.
        on_step: Called after each step, to show progress.
        on_action: Called before each step, with its action, the observation that the agent had,
            and the agent's ``turn``.
        on_output: Called with what commands print while they run
            (:class:`~mle_gym.episode.live_output.LiveOutput`); only an MLEEnv has that.
        checkpoint: A file that keeps the state after each step. If it exists, the episode of the
            run that wrote it goes on, with the same ``path``. The steps, the time and whatever the
            agent counts stay spent. It requires an :class:`~mle_gym.env.MLEEnv` and a
            :class:`~mle_gym.agents.ResumableAgent`, and is removed when the episode is over.

    Raises:
        FileExistsError: There is something at ``path``. This is noticed before the episode begins.
        ValueError: The key is too short, or given without a path; or a checkpoint is, or can't be
            written with this environment or agent.
    """
    if path is None and (key is not None or checkpoint is not None):
        what = "a checkpoint" if key is None else "a key"
        raise ValueError(f"{what} belongs to a file, so it requires a path")
    saved = None if checkpoint is None else _checkpoint_file(env, agent, checkpoint)
    with contextlib.ExitStack() as stack:
        before = _recorded(path, saved)
        # Before the reset, which may take minutes: a file that exists must be noticed first.
        writer = _writer(path, key, redactor() if redact else None, before)
        if writer:
            stack.enter_context(contextlib.closing(writer))
        if before is None:
            beginning = _begin(env, agent, seed, options, writer)
        else:
            beginning = _go_on(env, saved, before, writer)
        recorder = beginning.recorder
        stack.enter_context(_shown(env, on_output))
        for step in _play(env, agent, beginning, path, on_action):
            if saved and not (recorder.over or recorder.left):
                saved.save(_state(env, agent, recorder.steps))
            if on_step:
                on_step(step)
        trajectory = recorder.end()
        if saved:
            saved.discard()
    return trajectory


@dataclass(frozen=True)
class _Beginning:
    """Where the steps that are to be played begin."""

    recorder: EpisodeRecorder
    observation: Any
    info: dict[str, Any]
    checkpoint: Checkpoint | None = None
    """What an earlier run left behind, with the agent's state."""


def _begin(
    env: gym.Env[Any, Any],
    agent: Agent,
    seed: int | None,
    options: dict[str, Any] | None,
    writer: TrajectoryWriter | None,
) -> _Beginning:
    opening = env.reset(seed=seed, options=options)
    recorder = EpisodeRecorder.begin(env, agent, opening, seed=seed, options=options, writer=writer)
    return _Beginning(recorder, *opening)


def _go_on(
    env: gym.Env[Any, Any],
    saved: CheckpointFile | None,
    before: Trajectory,
    writer: TrajectoryWriter | None,
) -> _Beginning:
    """Continue from a checkpoint: the environment by its snapshot, the agent by its state."""
    assert saved is not None
    assert saved.found is not None
    observation, info = env.reset(options={"snapshot": saved.found.snapshot})
    began = time.monotonic() - saved.found.seconds
    recorder = EpisodeRecorder(env, before.header, writer, list(before.steps), began)
    return _Beginning(recorder, observation, info, saved.found)


def _checkpoint_file(env: gym.Env[Any, Any], agent: Agent, path: str | Path) -> CheckpointFile:
    if not isinstance(env.unwrapped, MLEEnv):
        raise ValueError(f"a checkpoint requires an MLEEnv, whose state can be kept, not {env}")
    if not isinstance(agent, ResumableAgent):
        raise ValueError(f"{type(agent).__name__} lacks state or restore, so it can't go on")
    return CheckpointFile(path)


def _state(env: gym.Env[Any, Any], agent: Agent, steps: list[Step]) -> Checkpoint:
    assert isinstance(env.unwrapped, MLEEnv)
    assert isinstance(agent, ResumableAgent)
    return Checkpoint(env.unwrapped.snapshot(), agent.state(), len(steps), steps[-1].time)


def _recorded(path: str | Path | None, saved: CheckpointFile | None) -> Trajectory | None:
    """The record that a checkpoint goes on with, up to it; None without one."""
    if path is None or saved is None or saved.found is None:
        return None
    record = Trajectory.read(path)
    return replace(record, steps=record.steps[: saved.found.steps])


def _writer(
    path: str | Path | None, key: bytes | None, change: Redact | None, before: Trajectory | None
) -> TrajectoryWriter | None:
    """Writes a new file, or one that begins with what was recorded before and replaces that."""
    if path is None:
        return None
    if before is None:
        return TrajectoryWriter(path, key=key, redact=change)
    fresh = Path(path).with_name(f"{Path(path).name}.new")
    fresh.unlink(missing_ok=True)
    writer = TrajectoryWriter(fresh, key=key, redact=change)
    writer.header(before.header)
    for step in before.steps:
        writer.step(step)
    fresh.replace(path)
    return writer


def _play(
    env: gym.Env[Any, Any],
    agent: Agent,
    beginning: _Beginning,
    path: str | Path | None,
    on_action: OnAction | None,
) -> Iterator[Step]:
    """Let the agent act until the episode is over, and record each step."""
    recorder, observation, info = beginning.recorder, beginning.observation, beginning.info
    with blamed(agent, path):
        agent.reset(recorder.header["observation"], recorder.header["info"])
        if beginning.checkpoint is not None and isinstance(agent, ResumableAgent):
            agent.restore(beginning.checkpoint.agent)
    while not (recorder.over or recorder.left):
        try:
            with blamed(agent, path):
                action = agent.act(observation, info)
        except LeaveEpisode as leave:
            recorder.left = str(leave) or "the agent ended the episode"
            if not (leave.submit and isinstance(env.action_space, ActionSpace)):
                return
            action = {"tool": "submit"}  # refused if there is nothing to hand in
        turn = getattr(agent, "turn", None)
        turn = turn if isinstance(turn, dict) else None
        if on_action:
            on_action(action, observation, turn)
        outcome = env.step(action)
        observation, *_, info = outcome
        yield recorder.step(action, outcome, turn)


@contextlib.contextmanager
def _shown(env: gym.Env[Any, Any], on_output: ShowOutput | None) -> Iterator[None]:
    """Show what commands print during the block."""
    bare = env.unwrapped
    if on_output is None or not isinstance(bare, MLEEnv):
        yield
        return
    before, bare.on_output = bare.on_output, on_output
    try:
        yield
    finally:
        bare.on_output = before
