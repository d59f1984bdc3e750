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
from typing import Any

import gymnasium as gym

from mle_gym.agents import Agent, LeaveEpisode, ResumableAgent, blamed
from mle_gym.env import MLEEnv
from mle_gym.episode.live_output import ShowOutput
from mle_gym.episode.snapshot import Snapshot
from mle_gym.episode.spaces import ActionSpace
from mle_gym.trajectories.checkpoint import Checkpoint, CheckpointFile
from mle_gym.trajectories.provenance import provenance, result
from mle_gym.trajectories.redaction import Redact, redactor
from mle_gym.trajectories.space_json import from_json, to_json
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

__all__ = ["OnAction", "plain", "record_footer", "record_header", "rollout"]


OnAction = Callable[[Any, Any, dict[str, Any] | None], None]
"""Called with an action that is about to begin, the observation that it answers, and the agent's
``turn``, if it has one."""


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
        change = redactor() if redact else None
        before = _recorded(path, saved)
        # Before the reset, which may take minutes: a file that exists must be noticed first.
        writer = _writer(path, key, change, before)
        if writer:
            stack.enter_context(contextlib.closing(writer))
        if before is None:
            beginning = _begin(env, agent, seed, options)
        else:
            beginning = _go_on(env, saved, before)
        if writer and before is None:
            writer.header(beginning.header)
        header, steps = beginning.header, list(beginning.steps)
        footer: dict[str, Any] = {"left": None}
        stack.enter_context(_shown(env, on_output))
        for step in _play(env, agent, beginning, path, footer, on_action):
            steps.append(step)
            if writer:
                writer.step(step)
            if saved and not (step.terminated or step.truncated or footer["left"]):
                saved.save(_state(env, agent, steps))
            if on_step:
                on_step(step)
        footer |= record_footer(steps, time.monotonic() - beginning.started) | result(env)
        if writer:
            writer.footer(footer)
        if saved:
            saved.discard()
    head = writer.head if writer else ""
    return Trajectory(plain(header), tuple(steps), plain(footer), head=head)


@dataclass(frozen=True)
class _Beginning:
    """Where the steps that are to be played begin."""

    header: dict[str, Any]
    observation: Any
    info: dict[str, Any]
    started: float
    """The moment of ``time.monotonic()`` at which the episode began, or would have without a
    pause."""
    steps: tuple[Step, ...] = ()
    checkpoint: Checkpoint | None = None
    """What an earlier run left behind, with the agent's state."""


def _begin(
    env: gym.Env[Any, Any],
    agent: Agent,
    seed: int | None,
    options: dict[str, Any] | None,
) -> _Beginning:
    observation, info = env.reset(seed=seed, options=options)
    header = record_header(env, agent, seed, options, observation, info)
    return _Beginning(header, observation, info, time.monotonic())


def _go_on(env: gym.Env[Any, Any], saved: CheckpointFile | None, before: Trajectory) -> _Beginning:
    """Continue from a checkpoint: the environment by its snapshot, the agent by its state."""
    assert saved is not None
    assert saved.found is not None
    observation, info = env.reset(options={"snapshot": saved.found.snapshot})
    started = time.monotonic() - saved.found.seconds
    return _Beginning(before.header, observation, info, started, before.steps, saved.found)


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
    footer: dict[str, Any],
    on_action: OnAction | None,
) -> Iterator[Step]:
    observation, info = beginning.observation, beginning.info
    with blamed(agent, path):
        agent.reset(beginning.header["observation"], beginning.header["info"])
        if beginning.checkpoint is not None and isinstance(agent, ResumableAgent):
            agent.restore(beginning.checkpoint.agent)
    done = False
    while not done:
        try:
            with blamed(agent, path):
                action = agent.act(observation, info)
        except LeaveEpisode as leave:
            footer["left"] = str(leave) or "the agent ended the episode"
            if not (leave.submit and isinstance(env.action_space, ActionSpace)):
                return
            action, done = {"tool": "submit"}, True  # refused if there is nothing to hand in
        turn = getattr(agent, "turn", None)
        turn = turn if isinstance(turn, dict) else None
        if on_action:
            on_action(action, observation, turn)
        observation, reward, terminated, truncated, info = env.step(action)
        done = bool(done or terminated or truncated)
        yield Step(
            action=plain(action),
            observation=plain(observation),
            reward=float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated),
            info=plain(info),
            time=round(time.monotonic() - beginning.started, 6),
            turn=None if turn is None else plain(turn),
        )


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


def plain(value: Any) -> Any:
    """A value as a reader of the file gets it, so that both trajectories are the same."""
    return from_json(to_json(value))


def record_header(
    env: gym.Env[Any, Any],
    agent: object,
    seed: int | None,
    options: dict[str, Any] | None,
    observation: Any,
    info: dict[str, Any],
) -> dict[str, Any]:
    """The header of an episode's record, after ``env.reset`` returned observation and info."""
    return {
        "agent": getattr(agent, "name", type(agent).__name__),
        "seed": seed,
        "options": _described(options),
        **provenance(env, info),
        "observation": observation,
        "info": info,
    }


def _described(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Options as plain data. A snapshot is described, since its files are not in the record."""
    snapshot = (options or {}).get("snapshot")
    if options is None or not isinstance(snapshot, Snapshot):
        return options
    return options | {"snapshot": snapshot.to_dict()}


def record_footer(steps: list[Step], duration: float) -> dict[str, Any]:
    """How an episode ended, after so many seconds; ``provenance.result`` adds what was graded."""
    last = steps[-1] if steps else None
    return {
        "steps": len(steps),
        "return": sum(step.reward for step in steps),
        "terminated": bool(last and last.terminated),
        "truncated": bool(last and last.truncated),
        "grade": last.info.get("grade") if last else None,
        "duration": round(duration, 6),
    }
