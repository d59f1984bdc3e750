"""Plays one episode and records it.

trajectory = rollout(env, load_agent("solution"), seed=0, path=Path("titanic.jsonl"))
again = replay("titanic.jsonl")
again.differences          # () if every observation and reward was the same
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

from mle_gym.agents import Agent, LeaveEpisode, blamed
from mle_gym.episode.snapshot import Snapshot
from mle_gym.episode.spaces import ActionSpace
from mle_gym.trajectories.provenance import provenance, result
from mle_gym.trajectories.redaction import redactor
from mle_gym.trajectories.space_json import from_json, to_json
from mle_gym.trajectories.trajectory import Step, Trajectory, TrajectoryWriter

__all__ = ["rollout"]


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

    Raises:
        FileExistsError: There is something at ``path``. This is noticed before the episode begins.
        ValueError: The key is too short, or given without a path.
    """
    if key is not None and path is None:
        raise ValueError("a key signs a file, so it requires a path")
    with contextlib.ExitStack() as stack:
        change = redactor() if redact else None
        # Before the reset, which may take minutes: a file that exists must be noticed first.
        writer = TrajectoryWriter(path, key=key, redact=change) if path else None
        if writer:
            stack.enter_context(contextlib.closing(writer))
        observation, info = env.reset(seed=seed, options=options)
        header = _header(env, agent, seed, options, observation, info)
        if writer:
            writer.header(header)
        steps: list[Step] = []
        footer: dict[str, Any] = {"left": None}
        started = time.monotonic()
        for step in _play(env, agent, observation, info, started, path, footer):
            steps.append(step)
            if writer:
                writer.step(step)
            if on_step:
                on_step(step)
        footer |= _footer(steps, time.monotonic() - started) | result(env)
        if writer:
            writer.footer(footer)
    head = writer.head if writer else ""
    return Trajectory(_plain(header), tuple(steps), _plain(footer), head=head)


def _play(
    env: gym.Env[Any, Any],
    agent: Agent,
    observation: Any,
    info: dict[str, Any],
    started: float,
    path: str | Path | None,
    footer: dict[str, Any],
) -> Iterator[Step]:
    with blamed(agent, path):
        agent.reset(observation, info)
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
        observation, reward, terminated, truncated, info = env.step(action)
        done = bool(done or terminated or truncated)
        turn = getattr(agent, "turn", None)
        yield Step(
            action=_plain(action),
            observation=_plain(observation),
            reward=float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated),
            info=_plain(info),
            time=round(time.monotonic() - started, 6),
            turn=_plain(turn) if isinstance(turn, dict) else None,
        )


def _plain(value: Any) -> Any:
    """A value as a reader of the file gets it, so that both trajectories are the same."""
    return from_json(to_json(value))


def _header(
    env: gym.Env[Any, Any],
    agent: Agent,
    seed: int | None,
    options: dict[str, Any] | None,
    observation: Any,
    info: dict[str, Any],
) -> dict[str, Any]:
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


def _footer(steps: list[Step], duration: float) -> dict[str, Any]:
    last = steps[-1] if steps else None
    return {
        "steps": len(steps),
        "return": sum(step.reward for step in steps),
        "terminated": bool(last and last.terminated),
        "truncated": bool(last and last.truncated),
        "grade": last.info.get("grade") if last else None,
        "duration": round(duration, 6),
    }
