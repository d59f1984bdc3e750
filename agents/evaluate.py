"""Plays agents x tasks x seeds and prints a table.

    python agents/evaluate.py --agents baseline solution --tasks titanic penguins --seeds 0 1 2

Every episode is a trajectory in ``--out``. Finished episodes are not played again, so the same
command resumes an evaluation that was stopped, and adds agents or seeds to a finished one. An
episode that was stopped goes on in its middle if the agent can do that (react can). Failed episodes
have a separate column, and the same command plays them again. If the agent failed, the mean return
counts the episode as 0.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import math
import signal
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
from rich.table import Table

import mle_gym
from mle_gym.agents import Agent, ResumableAgent, agent_class, is_agents, load_agent
from mle_gym.chat.model_budget import Spent
from mle_gym.clean_console import CleanConsole
from mle_gym.episode.variants import parse_variant
from mle_gym.errors import MleGymError
from mle_gym.tasks.catalog import load_task
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory

console = CleanConsole()

Fault = Literal["agent", "machinery"]
"""Who is to blame if an episode did not end properly."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C was pressed. Any other KeyboardInterrupt was raised by an agent."""


@dataclass(frozen=True)
class Episode:
    """One episode to play, and the place of its trajectory."""

    task: str
    agent: str
    variant: int | str
    seed: int
    out: Path

    @property
    def path(self) -> Path:
        """The file, such as ``runs/titanic-v0/solution/variant0-seed1.jsonl``."""
        agent = self.agent.replace("/", "_")
        name = f"variant{self.variant}-seed{self.seed}.jsonl"
        return self.out / self.task.removeprefix("mle/") / agent / name


def main() -> int:
    """Play the missing episodes, then print the table. Returns 0 if every episode was played."""
    args = parser().parse_args()
    try:
        episodes = plan(args)
        missing = [episode for episode in episodes if finished(episode) is None]
        for episode in {each.task: each for each in missing}.values():
            make(episode, args.sandbox).close()  # raises for arguments that are not valid
    except (MleGymError, ValueError) as error:
        console.print(f"error: {error}", style="red", soft_wrap=True)
        return 2
    failed: dict[Episode, Fault] = {}
    signal.signal(signal.SIGINT, stop)
    try:
        for number, episode in enumerate(missing, start=1):
            console.print(f"{number}/{len(missing)} {episode.path}", soft_wrap=True)
            if fault := play(episode, args.sandbox):
                failed[episode] = fault
    except Stopped:
        console.print("stopped; the same command continues with the episode that was interrupted")
        return 130
    finally:
        console.print(table(episodes, failed))
        if (models := spending(episodes)).row_count:
            console.print(models)
    return int(bool(failed))


def stop(*_: object) -> None:
    """Handle Ctrl-C."""
    raise Stopped


def parser() -> argparse.ArgumentParser:
    """The options and their help texts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--agents", nargs="+", default=["baseline", "solution"], metavar="AGENT",
        help="names or files (my_agent.py, my_agent.py:Class); default: baseline solution",
    )  # fmt: skip
    parser.add_argument(
        "--tasks", nargs="+", default=["titanic"], metavar="TASK",
        help="tasks as `mle-gym list` names them; default: titanic",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", nargs="+", type=seed_number, default=[0], metavar="N",
        help="one episode each: seeds the reset, and agents that accept a seed; default: 0",
    )  # fmt: skip
    parser.add_argument(
        "--variant", type=parse_variant, default=0,
        help="a number, or heldout, train or 1-100, from which each seed draws one; default: 0, "
        "the canonical one, on which results are reported",
    )  # fmt: skip
    parser.add_argument("--sandbox", default="auto", help="backend; default: auto")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER",
        help="the folder for trajectories, one for each episode; default: runs",
    )  # fmt: skip
    return parser


def seed_number(text: str) -> int:
    """A seed that the environment's ``reset`` accepts."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected 0 or a positive number, found {text!r}")
    return int(text)


def plan(args: argparse.Namespace) -> list[Episode]:
    """Every episode of the evaluation. Unknown names fail here, before anything is played."""
    for agent in args.agents:
        agent_class(agent)
    tasks = [load_task(task).env_id for task in args.tasks]
    return [
        Episode(task, agent, args.variant, seed, args.out)
        for task, agent, seed in itertools.product(tasks, args.agents, args.seeds)
    ]


def make(episode: Episode, sandbox: str) -> gym.Env[Any, Any]:
    """Make the environment of an episode."""
    return gym.make(episode.task, variant=episode.variant, sandbox=sandbox)


def play(episode: Episode, sandbox: str) -> Fault | None:
    """Play one episode in a new environment, or go on with one that was stopped.

    Returns:
        Who is to blame if it failed.
    """
    checkpoint = episode.path.with_suffix(".checkpoint")
    if not checkpoint.exists():
        episode.path.unlink(missing_ok=True)
    env = make(episode, sandbox)
    agent = None
    try:
        agent = seeded(episode)
        kept = checkpoint if isinstance(agent, ResumableAgent) else None
        trajectory = rollout(env, agent, seed=episode.seed, path=episode.path, checkpoint=kept)
    except Stopped:
        raise
    except BaseException as error:  # one fault must not stop the other episodes
        say(f"failed: {type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            say(note)
        own = agent is None or is_agents(error) or isinstance(error, KeyboardInterrupt)
        return "agent" if own else "machinery"
    finally:
        env.close()
    if trajectory.failure is None:
        return None
    say("failed: {kind}: {message}".format(**trajectory.failure))
    return "machinery"


def say(what: str) -> None:
    """Report what went wrong in an episode."""
    console.print(f"  {what}", style="red", soft_wrap=True)


def seeded(episode: Episode) -> Agent:
    """The episode's agent, with the seed if its class has such an argument."""
    if "seed" in inspect.signature(agent_class(episode.agent)).parameters:
        return load_agent(episode.agent, seed=episode.seed)
    return load_agent(episode.agent)


def finished(episode: Episode) -> Trajectory | None:
    """The episode's trajectory, if it was played to its end without a failure of the machinery."""
    if not episode.path.exists():
        return None
    trajectory = Trajectory.read(episode.path)
    return trajectory if trajectory.complete and trajectory.failure is None else None


COLUMNS = ("task", "agent", "episodes", "failed", "valid", "score", "return", "± s.e.", "medals")


def table(episodes: Sequence[Episode], failed: Mapping[Episode, Fault]) -> Table:
    """One row for each task and agent. Finished and failed episodes count."""
    unplayed = sum(each not in failed and finished(each) is None for each in episodes)
    partial = f"; partial: {unplayed} of {len(episodes)} episodes are missing" if unplayed else ""
    result = Table(title=f"mle-gym {mle_gym.__version__}{partial}")
    for column in COLUMNS:
        result.add_column(column, justify="left" if column in ("task", "agent") else "right")
    for (task, agent), group in itertools.groupby(
        episodes, key=lambda each: (each.task, each.agent)
    ):
        cell = list(group)
        trajectories = [found for each in cell if (found := finished(each))]
        faults = [failed[each] for each in cell if each in failed]
        result.add_row(task, agent, *row(trajectories, faults))
    return result


def row(trajectories: Sequence[Trajectory], faults: Sequence[Fault]) -> Iterator[str]:
    """Counts, means and medals. An episode without a valid submission has a return but no score.

    An episode in which the agent failed counts as a return of 0. If the machinery failed, the
    return is unknown, and the episode is left out of the mean.
    """
    grades = [trajectory.grade or {} for trajectory in trajectories]
    returns = [trajectory.episode_return for trajectory in trajectories]
    returns += [0.0] * faults.count("agent")
    scores = [grade["score"] for grade in grades if grade.get("valid")]
    medals = [grade["medal"] for grade in grades if grade.get("medal")]
    yield str(len(trajectories) + len(faults))
    yield str(len(faults))
    yield str(len(scores))
    yield f"{statistics.fmean(scores):.4f}" if scores else "-"
    yield f"{statistics.fmean(returns):.4f}" if returns else "-"
    yield f"{standard_error(returns):.4f}" if len(returns) > 1 else "-"
    yield " ".join(f"{medals.count(medal)} {medal}" for medal in sorted(set(medals))) or "-"


MODEL_COLUMNS = ("task", "agent", "calls", "tokens", "cost", "model", "retries", "commands")


def spending(episodes: Sequence[Episode]) -> Table:
    """What a language model took in an episode, on average; no rows if none played.

    A cost is unknown if the price of any turn is.
    """
    result = Table(title="means of an episode; times in seconds, costs in dollars")
    for column in MODEL_COLUMNS:
        result.add_column(column, justify="left" if column in ("task", "agent") else "right")
    for (task, agent), group in itertools.groupby(
        episodes, key=lambda each: (each.task, each.agent)
    ):
        played = [spent_in(found) for each in group if (found := finished(each))]
        total = sum(played, start=Spent())
        if total.calls:
            times = (total.model_seconds, total.retry_seconds, total.command_seconds)
            means = [f"{seconds / len(played):.1f}" for seconds in times]
            cost = "?" if total.cost is None else f"{total.cost / len(played):.4f}"
            calls, tokens = total.calls / len(played), total.tokens / len(played)
            result.add_row(task, agent, f"{calls:.1f}", f"{tokens:,.0f}", cost, *means)
    return result


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean, from the sample's standard deviation."""
    return statistics.stdev(values) / math.sqrt(len(values))


if __name__ == "__main__":
    sys.exit(main())
