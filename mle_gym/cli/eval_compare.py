"""``eval`` and ``compare``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mle_gym.cli.command_line import module_of_extra, name_and_word
from mle_gym.cli.console import AsJson, ExitCode, UsageError, as_usage_errors, emit, err, warn
from mle_gym.cli.evaluation_progress import evaluation_progress
from mle_gym.cli.evaluation_tables import comparisons_table, tables
from mle_gym.cli.print_table import print_table
from mle_gym.episode.arguments import ARGUMENTS, check_name
from mle_gym.evaluation import Plan, Run, evaluate, read_run
from mle_gym.evaluation.comparison import Comparison, paired
from mle_gym.evaluation.engine import Engine
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.exports import write_exports
from mle_gym.evaluation.local_engine import LocalEngine
from mle_gym.evaluation.plan import plan_of, read_plan
from mle_gym.evaluation.run_evaluation import missing_episodes
from mle_gym.evaluation.summary import summarize

__all__ = ["commands"]

EVAL_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym eval --agents solution,baseline --tasks titanic,wine -o runs/first
  mle-gym eval --agents my_agent.py --suite micro --variants heldout:5 -j 2
  mle-gym eval plan.toml --out runs/paper
  mle-gym eval plan.toml --out runs/paper --engine ray --address auto
  mle-gym eval --resume --out runs/paper            play what is missing
  mle-gym eval --resume --out runs/paper --tables   only show what there is

\b
[bold]A plan[/bold]
  suite = "micro"                      # or tasks = ["titanic", "./my-task"]
  variants = "heldout:5"               # or [0, 3]; 1..4, train:5
  seeds = 3                            # 0, 1 and 2; or a list
  environment = { feedback = "score" }
  \\[\\[agents]]
  name = "react-large"
  agent = "react"
  arguments = { model = "large" }
  budget = { steps = 30, seconds = 900, tokens = 200000, cost = 1.5 }

[dim]Exit code 0: every episode has a result; 1: some failed (not the agent's doing), or are
missing. Whatever ends an evaluation, --resume goes on.[/dim]"""

COMPARE_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym compare runs/monday runs/tuesday

[dim]Episodes are paired by task, variant and seed. An agent that both evaluations have is
compared with itself, and all others with each other.[/dim]"""

commands = typer.Typer()


@commands.command("eval", epilog=EVAL_EXAMPLES)
def evaluate_command(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="A plan (TOML), in place of options.")
    ] = None,
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="The folder of the evaluation.", show_default=False)
    ] = Path("runs/eval"),
    agents: Annotated[
        list[str] | None, typer.Option("--agents", "-a", help="Names or files, with commas.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", "-t", help="Tasks, with commas.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="All tasks of a suite (`mle-gym list --suite`).")
    ] = None,
    variants: Annotated[str, typer.Option(help="Such as 0, 1..4, heldout:5 or train:5.")] = "0",
    seeds: Annotated[int, typer.Option(min=1, help="How many: 3 plays seeds 0, 1 and 2.")] = 1,
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of the environment; repeatable."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Episodes at a time; default: as many as fit."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="This machine, or a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster; default: one that is started on this machine."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has an evaluation.")
    ] = False,
    only_tables: Annotated[
        bool, typer.Option("--tables", help="Play nothing; show what there is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate agents on tasks: play every episode of a plan, and print figures with intervals.

    Each episode is a record of its own below --out, written as it happens. All means are of
    anchored scores (0: no knowledge needed, 1: the reference solution).
    """
    plan = _plan(plan_file, agents, tasks, suite, variants, seeds, env)
    if plan is None and not (resume or only_tables):
        raise UsageError("name agents and tasks (--agents, --tasks or --suite), or a plan")
    chosen = None if only_tables else _engine(engine, address, jobs)
    run = read_run(folder) if chosen is None else _play(plan, folder, resume, chosen)
    summary = summarize(run)
    written = write_exports(run, summary, folder)
    if as_json:
        emit(summary.to_dict())
    else:
        for table in tables(summary):
            print_table(table)
        err().print(f"in {folder}: {', '.join(path.name for path in written)}", style="dim")
    done = not (summary.counts.failed or summary.counts.missing)
    raise typer.Exit(ExitCode.OK if done else ExitCode.NOT_OK)


def _engine(name: str, address: str | None, jobs: int | None) -> Engine:
    """The engine of that name.

    Raises:
        UsageError: There is none.
        MissingExtra: Ray is not installed.
    """
    if name == "local":
        if address is not None:
            raise UsageError("--address is that of a Ray cluster: it requires --engine ray")
        return LocalEngine(jobs)
    if name != "ray":
        raise UsageError(f"--engine: expected local or ray, found {name!r}")
    made: Engine = module_of_extra("mle_gym.evaluation.ray_engine", "ray").RayEngine(address, jobs)
    return made


def _plan(
    plan_file: Path | None,
    agents: list[str] | None,
    tasks: list[str] | None,
    suite: str | None,
    variants: str,
    seeds: int,
    env: list[str] | None,
) -> Plan | None:
    """The plan that the command line asks for; None if it asks for none.

    Raises:
        UsageError: It asks for two, or for one that can't be.
    """
    named = bool(agents or tasks or suite)
    if plan_file is not None:
        if named:
            raise UsageError("name a plan or agents and tasks, not both")
        return read_plan(plan_file)
    if not named:
        return None
    if not agents or not (tasks or suite):
        raise UsageError("both are needed: --agents, and --tasks or --suite")
    values: dict[str, Any] = {
        "agents": _listed(agents),
        "tasks": _listed(tasks or []),
        "suite": suite,
        "variants": variants,
        "seeds": seeds,
        "environment": _environment(env or []),
    }
    with as_usage_errors():
        return plan_of(values)


def _listed(words: list[str]) -> list[str]:
    return [part for word in words for part in word.split(",") if part]


def _environment(words: list[str]) -> dict[str, Any]:
    found = {}
    for name, word in name_and_word(words, "--env"):
        try:
            check_name(name)
        except TypeError as error:
            raise UsageError(f"--env: {error}") from None
        found[name] = ARGUMENTS[name].parse(word)
    return found


def _play(plan: Plan | None, folder: Path, resume: bool, engine: Engine) -> Run:
    """Play what is missing, and show how it goes."""
    files = EvaluationFolder(folder)
    asked = (plan or files.read_plan()).check()  # before anything is said of it
    total = len(missing_episodes(asked, files))
    err().print(f"{total} of {len(asked)} episodes to play in {folder}", soft_wrap=True)
    try:
        with evaluation_progress(err(), total) as watch:
            return evaluate(plan, folder, resume=resume, engine=engine, watch=watch)
    except KeyboardInterrupt:
        hint = f"stopped; `mle-gym eval --resume --out {folder}` plays what is missing"
        err().print(hint, soft_wrap=True)
        raise
    except TimeoutError as error:
        raise UsageError(f"{folder}: another process plays there now") from error


@commands.command(epilog=COMPARE_EXAMPLES)
def compare(
    first: Annotated[Path, typer.Argument(help="The folder of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="The folder of another.")],
    as_json: AsJson = False,
) -> None:
    """Compare the agents of two evaluations on the episodes that both have."""
    comparisons = compare_runs(read_run(first), read_run(second))
    if as_json:
        emit([asdict(each) for each in comparisons])
        return
    print_table(comparisons_table(comparisons))
    if not any(each.pairs for each in comparisons):
        warn("the two have no episode in common: same task, variant and seed")


def compare_runs(first: Run, second: Run, seed: int = 0) -> tuple[Comparison, ...]:
    """Each agent of the first with the same agent of the second, or else with all of them."""
    rng = np.random.default_rng(seed)
    names = [each.name for each in second.plan.agents]
    found = []
    for agent in (each.name for each in first.plan.agents):
        for other in [agent] if agent in names else names:
            ours = [each for each in first.results if each.agent == agent]
            theirs = [each for each in second.results if each.agent == other]
            label = f"{agent} ({first.name})", f"{other} ({second.name})"
            found.append(paired(label[0], ours, label[1], theirs, rng))
    return tuple(found)
