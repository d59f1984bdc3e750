"""``export-trajectories`` and ``health``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import mle_gym
from mle_gym.cli.command_line import assignments, data_size
from mle_gym.cli.console import AsJson, ExitCode, MissingExtra, UsageError, emit, err, out, warn
from mle_gym.datasets.dataset import SIZES, Size
from mle_gym.episode.variants import parse_variant
from mle_gym.trajectories.health import HealthCheck, Limits
from mle_gym.trajectories.training_data.expert_episodes import expert_episodes
from mle_gym.trajectories.training_data.export_records import FORMATS, Exported, record_files
from mle_gym.trajectories.training_data.training_record import INTEGRITY

if TYPE_CHECKING:
    from mle_gym.trajectories.training_data.export_records import Format
    from mle_gym.trajectories.training_data.training_record import Integrity

__all__ = ["commands"]

EXPORT_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym export-trajectories runs -o train.jsonl --min-reward 0.5
  mle-gym export-trajectories runs/*.jsonl --format parquet -o train.parquet
  mle-gym export-trajectories --experts micro --episodes 4 -o experts.jsonl
  mle-gym export-trajectories runs --format atif -o documents
  mle-gym export-trajectories documents --integrity unknown -o again.jsonl

[dim]Formats: openai and sharegpt write a line of JSON for each episode, parquet a row, and atif
a document for each into a folder. Exit code 1: no episode was worth it.[/dim]"""

HEALTH_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym health runs
  mle-gym health runs/step-40/*.jsonl --limit flat_groups=0.8
  mle-gym health runs --json | jq '.checks[] | select(.status == "wrong")'

[dim]Rollouts of the same task, variant, size and difficulty are a group. Exit code 1:
training on these episodes would go wrong. A warning alone is no reason for that.[/dim]"""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red", "unmeasured": "dim"}

commands = typer.Typer()


@commands.command("export-trajectories", epilog=EXPORT_EXAMPLES)
def export_trajectories(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUNS…]", help="Trajectories, ATIF documents, folders of these."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("-o", "--out", help="The new file, or folder for atif.")
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="|".join(FORMATS), help="What is written.")
    ] = "openai",
    min_reward: Annotated[
        float | None, typer.Option(help="Leave out episodes with a lower return.")
    ] = None,
    integrity: Annotated[
        str,
        typer.Option(metavar="|".join(INTEGRITY), help="The worst label that is kept."),
    ] = "note",
    with_failures: Annotated[
        bool, typer.Option("--with-failures", help="Keep episodes without a valid reward, too.")
    ] = False,
    experts: Annotated[
        str | None,
        typer.Option(metavar="SUITE", help="First let the experts play the tasks of a suite."),
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Of each expert.")] = 1,
    variant: Annotated[str, typer.Option(help="What experts play, or a range of it.")] = "train",
    size: Annotated[
        Size | None,
        typer.Option(parser=data_size, metavar="|".join(SIZES), help="By default the suite's."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the variants that experts play.")] = 0,
    record: Annotated[
        Path, typer.Option(help="Where experts' trajectories are kept; those there are not redone.")
    ] = Path("runs/experts"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write recorded episodes, or experts' ones, as training data for language models.

    Each record has a conversation with calls of tools, and the task, variant, seed, reward,
    anchored score and integrity (what `audit` found) of its episode.
    """
    if not runs and experts is None:
        raise UsageError("name trajectories, or a suite with --experts")
    if out_file is None:
        raise UsageError("name the new file with -o")
    paths = list(runs or ())
    if experts is not None:
        paths += _play_experts(experts, record, episodes, seed, variant, size)
    try:
        exported = mle_gym.export_trajectories(
            paths,
            out_file,
            _format(format),
            least_reward=min_reward,
            worst_integrity=_label(integrity),
            with_failures=with_failures,
            overwrite=overwrite,
        )
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error)) from error
    _report(exported, as_json)
    raise typer.Exit(ExitCode.OK if exported.written else ExitCode.NOT_OK)


def _play_experts(
    suite: str, record: Path, episodes: int, seed: int, variant: str, size: Size | None
) -> list[Path]:
    """Let experts play the tasks of a suite, and return the records that can be used."""
    drawn = parse_variant(variant)
    paths = []
    for episode in expert_episodes(
        suite, record, episodes=episodes, seed=seed, variant=drawn, size=size
    ):
        if episode.problem:
            warn(f"{episode.task} is left out: {episode.problem}")
            continue
        err().print(Text.assemble((episode.task, "bold"), f"  {episode.path}"), soft_wrap=True)
        paths.append(episode.path)
    return paths


def _report(exported: Exported, as_json: bool) -> None:
    if as_json:
        left_out = dict(exported.left_out)
        emit({"path": str(exported.path), "written": exported.written, "left_out": left_out})
        return
    out().print(f"{exported.written} episodes  {exported.path}", markup=False, soft_wrap=True)
    for reason, count in exported.left_out.most_common():
        err().print(f"left out {count}: {reason}", markup=False, soft_wrap=True)


def _format(word: str) -> Format:
    for format in FORMATS:
        if word == format:
            return format
    raise UsageError(f"--format: {word!r} is none of {', '.join(FORMATS)}")


def _label(word: str) -> Integrity:
    for label in INTEGRITY:
        if word == label:
            return label
    raise UsageError(f"--integrity: {word!r} is none of {', '.join(INTEGRITY)}")


@commands.command(epilog=HEALTH_EXAMPLES)
def health(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS…", help="Trajectories, or folders of these.")
    ],
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Another limit of a check; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether training on recorded episodes would go right, and what to do if not.

    It counts failures, zeros that say nothing of the agent, groups whose returns are all the same,
    episodes that live on milestones or that the clock ended, and repeated actions.
    """
    try:
        limits = Limits(**assignments(limit or [], "--limit"))
    except (TypeError, ValueError) as error:
        known = ", ".join(vars(Limits()))
        raise UsageError(f"--limit: {error}; the limits are {known}") from None
    report = mle_gym.health(record_files(runs, ".jsonl"), limits=limits)
    if not report.episodes:
        raise UsageError("there are no trajectories (.jsonl) at these places")
    if as_json:
        emit(report.to_dict())
    else:
        word = ("fit for training", "bold green") if report.ok else ("not fit", "bold red")
        out().print(Text.assemble(word, f"  {report.episodes} episodes"))
        for check in report.checks:
            _print_check(check)
    raise typer.Exit(ExitCode.OK if report.ok else ExitCode.NOT_OK)


def _print_check(check: HealthCheck) -> None:
    figure = "-" if check.figure is None else f"{check.figure:.2f}"
    status = (f"  {check.status:<11}", STYLES[check.status])
    numbers = f"{check.name:<12}{figure:>5} (limit {check.limit:.2f})  "
    out().print(Text.assemble(status, numbers, check.detail), soft_wrap=True)
    if check.advice:
        out().print(Text(f"    {check.advice}", style="dim"), soft_wrap=True)
