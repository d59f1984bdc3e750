"""``run``, ``play`` and ``replay``."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer
from rich.text import Text

from mle_gym.agents import Agent, is_agents, load_agent
from mle_gym.cli.command_line import KeyFile, TaskName, assignments, find_task, read_key
from mle_gym.cli.console import AsJson, ExitCode, UsageError, as_usage_errors, emit, err, out
from mle_gym.cli.environment_options import (
    EnvironmentArguments,
    EpisodeVariant,
    RewardName,
    SandboxName,
    environment_arguments,
    listed_arguments,
)
from mle_gym.cli.episode_display import EpisodeDisplay, episode_display
from mle_gym.cli.episode_result import finish, print_result, result_data
from mle_gym.cli.play_at_prompt import person_at, watches_of_person
from mle_gym.cli.replay_differences import shown_differences
from mle_gym.env import MLEEnv
from mle_gym.tasks.spec import TaskSpec
from mle_gym.trajectories.check_record_fields import require_types
from mle_gym.trajectories.replay import replay as play_again
from mle_gym.trajectories.rollout import Watches, rollout
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["commands"]


Environment = gymnasium.Env[Any, Any]

Seed = Annotated[int | None, typer.Option(min=0, help="Seeds what the environment draws.")]
OutFile = Annotated[
    Path | None, typer.Option("--out", help="Trajectory file; by default a new one in runs/.")
]

Redacted = Annotated[
    bool,
    typer.Option(
        "--redact", help="Record placeholders for what identifies this machine and its user."
    ),
]

CheckpointPath = Annotated[
    Path | None,
    typer.Option(
        help="Keep the episode's state in this file, so that the same command goes on with an "
        "episode that was stopped. The agent must be able to (react is)."
    ),
]

RUN_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym run titanic --agent solution
  mle-gym run ./my-task --agent my_agent.py --variant random --seed 3
  mle-gym run wine --agent my_agent.py:Greedy --agent-arg temperature=0
  mle-gym run titanic --agent baseline --env max_steps=5 --env train_rows=100
  mle-gym run titanic --agent solution --json | jq .grade.score

[dim]Exit code 1: the episode ended without a valid submission; 3: the machinery failed.[/dim]"""

PLAY_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym play titanic

[dim]:help at the prompt explains the rest. Ctrl-D quits; only submit is graded.[/dim]"""

REPLAY_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym replay runs/titanic-solution.jsonl          run it again and compare
  mle-gym replay runs/titanic-solution.jsonl --show   show it, and run nothing

[dim]Exit code 1: the replay went another way than the recording.[/dim]"""


commands = typer.Typer()


@commands.command(epilog=listed_arguments() + RUN_EXAMPLES)
def run(
    task: TaskName,
    agent: Annotated[
        str,
        typer.Option(
            "--agent", "-a", metavar="NAME|FILE", help="Such as solution, baseline or my_agent.py."
        ),
    ],
    variant: EpisodeVariant = "0",
    seed: Seed = None,
    sandbox: SandboxName = "auto",
    reward: RewardName = "score",
    env: EnvironmentArguments = None,
    agent_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of the agent; repeatable."),
    ] = None,
    out_file: OutFile = None,
    key_file: KeyFile = None,
    redact: Redacted = False,
    checkpoint: CheckpointPath = None,
    as_json: AsJson = False,
) -> None:
    """Let an agent play one episode of a task; print its grade and where it was recorded."""
    key = read_key(key_file)
    chosen = assignments(agent_arg or [], "--agent-arg")
    player = None if agent == "human" else load_agent(agent, **chosen)
    name = Path(agent.partition(":")[0]).stem
    spec = find_task(task)
    if checkpoint is not None and out_file is None:
        raise UsageError("--checkpoint requires --out, the record that goes on")
    record = _Record(out_file or _new_path(spec.id, name), key, redact, checkpoint)
    arguments = environment_arguments(variant, sandbox, reward, env)
    with _environment(spec, arguments) as environment:
        if player is None:
            trajectory = _play_at_prompt(environment, record, seed)
        else:
            err().print(Text.assemble((spec.env_id, "bold"), f", agent {name}"))
            with episode_display(err()) as display:
                trajectory = _rollout(environment, player, record, seed, display.watches)
    finish(trajectory, record.path, as_json)


@commands.command(epilog=listed_arguments() + PLAY_EXAMPLES)
def play(
    task: TaskName,
    variant: EpisodeVariant = "0",
    seed: Seed = None,
    sandbox: SandboxName = "auto",
    reward: RewardName = "score",
    env: EnvironmentArguments = None,
    out_file: OutFile = None,
    key_file: KeyFile = None,
    redact: Redacted = False,
) -> None:
    """Play a task yourself, at a prompt in its sandbox."""
    spec, key = find_task(task), read_key(key_file)
    record = _Record(out_file or _new_path(spec.id, "human"), key, redact)
    arguments = environment_arguments(variant, sandbox, reward, env)
    # You can end a command yourself, so it may take as long as the episode.
    arguments.setdefault("default_timeout", float(spec.limits.seconds))
    with _environment(spec, arguments) as environment:
        trajectory = _play_at_prompt(environment, record, seed)
    finish(trajectory, record.path, as_json=False)


@commands.command(epilog=REPLAY_EXAMPLES)
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trajectory (JSONL).")],
    show: Annotated[bool, typer.Option("--show", help="Show the recording; run nothing.")] = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Also replay a file that may run its own code outside a sandbox, reach the "
            "network, or use more of this machine than its task does.",
        ),
    ] = False,
    broken: Annotated[
        bool, typer.Option("--broken", help="Also replay a file whose hash chain is broken.")
    ] = False,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Execute a recorded episode's actions again and report what came out differently."""
    recorded = Trajectory.read(file)
    require_types(recorded, file)  # the file may come from anybody
    if recorded.note:
        err().print(recorded.note, style="yellow", markup=False, soft_wrap=True)
    key = read_key(key_file)
    if show:
        _show(recorded)
        again = recorded
    else:
        with episode_display(err()) as display, as_usage_errors(str(file)):
            again = play_again(file, trust=trust, broken=broken, key=key, **display.watches)
    result = result_data(again, file) | {"differences": [vars(each) for each in again.differences]}
    if as_json:
        emit(result)
    else:
        print_result(again)
        for line in shown_differences(recorded, again.differences):
            out().print(line, soft_wrap=True)
        if not (again.differences or show):
            out().print(f"replayed {len(again.steps)} steps; everything came out the same")
    raise typer.Exit(ExitCode.NOT_OK if again.differences else ExitCode.OK)


def _show(recorded: Trajectory) -> None:
    console = err()
    console.print("recorded steps, which are not executed:", style="dim")
    display = EpisodeDisplay(console)
    for step in recorded.steps:
        display.show(step)


@contextlib.contextmanager
def _environment(spec: TaskSpec, arguments: dict[str, Any]) -> Iterator[Environment]:
    """The environment of a task, which is closed at the end. Bad arguments are usage errors."""
    with as_usage_errors():
        environment = gymnasium.make(spec.env_id, disable_env_checker=True, **arguments)
    try:
        yield environment
    finally:
        environment.close()


@dataclass(frozen=True)
class _Record:
    """How an episode is recorded; see :func:`mle_gym.trajectories.rollout.rollout`."""

    path: Path
    key: bytes | None
    redact: bool
    checkpoint: Path | None = None


def _play_at_prompt(environment: Environment, record: _Record, seed: int | None) -> Trajectory:
    """One episode that the person at this terminal plays."""
    ours = environment.unwrapped
    assert isinstance(ours, MLEEnv)
    person = person_at(ours)
    with watches_of_person(ours, person) as watches:
        trajectory = _rollout(environment, person, record, seed, watches)
    if trajectory.steps and not trajectory.left:  # nobody is asked again, who would show the last
        person.finish(trajectory.steps[-1].observation)
    return trajectory


def _rollout(
    environment: Environment,
    agent: Agent,
    record: _Record,
    seed: int | None,
    watches: Watches,
) -> Trajectory:
    """One episode. If anything ends it early, one line says where its steps are."""
    existed = record.path.exists()  # then rollout refuses it, and what it holds is not ours
    try:
        return rollout(environment, agent, seed=seed, **watches, **vars(record))
    except BaseException as error:
        noted = is_agents(error)  # the note on it says so already
        if record.path.is_file() and not (existed or noted):
            err().print(f"the steps so far are in {record.path}", markup=False, soft_wrap=True)
        raise


def _new_path(task: str, agent: str) -> Path:
    """A file in ``runs/`` that no other process chooses, not even in the same second."""
    when = time.strftime("%Y%m%d-%H%M%S")
    return Path("runs", f"{task}-{agent}-{when}-{secrets.token_hex(4)}.jsonl")
