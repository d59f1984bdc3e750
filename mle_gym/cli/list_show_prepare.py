"""``list``, ``show`` and ``prepare``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from mle_gym.cli.bench_checks import compare_checksums, issues_as_data, issues_as_markdown
from mle_gym.cli.command_line import DataSize, Difficulty, TaskName, Variant, find_task
from mle_gym.cli.console import (
    AsJson,
    ExitCode,
    UsageError,
    emit,
    err,
    new_table,
    out,
    print_error,
    warn,
)
from mle_gym.cli.print_table import print_table
from mle_gym.datasets.availability import availability
from mle_gym.datasets.dataset import CANONICAL, Dataset, DatasetOptions
from mle_gym.datasets.prepare import is_prepared
from mle_gym.datasets.prepare import prepare as prepare_dataset
from mle_gym.datasets.sources.kaggle.download import download
from mle_gym.errors import DatasetError, TaskError
from mle_gym.integrations.mle_bench.checksums import Checked
from mle_gym.integrations.mle_bench.published import SPLITS
from mle_gym.integrations.mle_bench.published import split as competitions_of
from mle_gym.integrations.mle_bench.submissions import find_competition
from mle_gym.sandbox.installation.packages import default_packages
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.spec import TaskSpec
from mle_gym.tasks.suites import SUITES, find_suite

__all__ = ["commands"]


commands = typer.Typer()

LIST_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym list
  mle-gym list --suite everyday       micro, classic, engineer, everyday, …
  mle-gym list --json | jq -r '.[] | select(.ready) | .env_id'

[dim]No data are read or downloaded for this.[/dim]"""


@commands.command("list", epilog=LIST_EXAMPLES)
def list_tasks(
    suite: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Only the tasks of a suite: {', '.join(SUITES)}."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every task: what works on this machine now, and what each other one needs."""
    includes = find_suite(suite).includes if suite else lambda task: True
    found = [(task, availability(task)) for task in _all_tasks() if includes(task)]
    if as_json:
        states = [{"ready": state.ready, "reason": state.reason} for _, state in found]
        emit([_summary(task) | state for (task, _), state in zip(found, states, strict=True)])
        return
    ready = [task for task, state in found if state.ready]
    print_table(_table_of_ready(ready))
    err().print(
        "Scores: the sample submission, the task's baseline.py and its solution.py. "
        "`mle-gym show TASK` shows more.",
        style="dim",
    )
    lacking = [(task, state.need) for task, state in found if not state.ready]
    if lacking:
        print_table(_table_of_lacking(lacking))
        err().print(
            "`mle-gym prepare TASK` downloads what is missing, `mle-gym prepare TASK --from DIR` "
            "uses data that you have, and `mle-gym show TASK` shows more.",
            style="dim",
        )


def _table_of_ready(tasks: list[TaskSpec]) -> Table:
    columns = ("task", "kind", "metric", "sample", "baseline", "solution")
    table = new_table(*columns, title=f"{len(tasks)} tasks work now", right=columns[3:])
    for task in tasks:
        scores = task.reference
        known = (scores.floor, scores.baseline, scores.solution) if scores else ()
        shown = [_score(score, ".3f") for score in known]
        arrow = "↑" if task.grade.higher_is_better else "↓"
        table.add_row(
            Text(task.id, style="bold"), task.kind, f"{task.grade.metric} {arrow}", *shown
        )
    return table


def _table_of_lacking(tasks: list[tuple[TaskSpec, str]]) -> Table:
    table = new_table("task", "needs", title=f"{len(tasks)} need data", right=("needs",))
    for task, need in tasks:
        table.add_row(Text(task.id, style="bold"), need)
    return table


@commands.command()
def show(task: TaskName, as_json: AsJson = False) -> None:
    """Show one task: its question, its grading, its limits, and what models may know of it."""
    spec = find_task(task)
    if as_json:
        texts = {"description": spec.description, "contamination": spec.contamination}
        emit(_summary(spec) | texts | {"known_issues": issues_as_data(spec)})
        return
    console = out()
    console.print(Text.assemble((spec.title, "bold"), f"  {spec.env_id}"))
    console.print(_facts(spec))
    console.print(Markdown(spec.description, hyperlinks=False))
    if spec.contamination:  # for people alone: it is never in a brief
        console.print(Markdown(f"## Contamination\n\n{spec.contamination}", hyperlinks=False))
    if issues := issues_as_markdown(spec):
        console.print(Markdown(issues, hyperlinks=False))


KAGGLE = Path("kaggle")
"""The value of ``--from`` that means: download, even if the data are here."""

PREPARE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym prepare titanic wine
  mle-gym prepare --all                                   those with data
  mle-gym prepare --lite                                  MLE-bench's Lite
  mle-gym prepare --split medium --list mine.txt          imported ones
  mle-gym prepare spooky-author-identification            downloads it
  mle-gym prepare spooky-author-identification --from DIR  uses yours
  mle-gym prepare titanic --variant 7 --train-rows 200"""


@commands.command(epilog=PREPARE_EXAMPLES)
def prepare(
    tasks: Annotated[list[str] | None, typer.Argument(metavar="TASK…", help="Tasks.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every task whose data are here.")] = False,
    lite: Annotated[bool, typer.Option("--lite", help="The same as --split low.")] = False,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"MLE-bench's competitions: {', '.join(SPLITS)}."),
    ] = None,
    list_file: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Tasks, one on each line.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR|ZIP|kaggle",
            help="A Kaggle competition's data, which stay where they are; 'kaggle' downloads them.",
        ),
    ] = None,
    variant: Variant = 0,
    size: DataSize = CANONICAL.size,
    difficulty: Difficulty = CANONICAL.difficulty,
    train_rows: Annotated[int | None, typer.Option(help="Rows of a smaller training set.")] = None,
    obfuscate: Annotated[
        bool, typer.Option("--obfuscate", help="Hide names that a model may know.")
    ] = False,
    checksums: Annotated[
        bool,
        typer.Option(
            "--checksums",
            help="Compare also what is prepared already with MLE-bench's checksums; exit code 1 if "
            "anything differs.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prepare datasets ahead of time. Episodes do it by themselves, but download nothing."""
    files = [each for each in ("low" if lite else None, split, list_file) if each is not None]
    if bool(tasks or files) == every:
        raise UsageError("name the tasks to prepare (TASK, --lite, --split, --list), or use --all")
    if source is not None and (every or files or len(tasks or ()) != 1):
        raise UsageError("--from DIR goes with one task, whose data are there")
    options = DatasetOptions(variant, train_rows, obfuscate, size, difficulty)
    specs = _tasks_with_data() if every else _chosen(tasks or (), map(str, files))
    made = [_prepare(spec, options, source, checksums) for spec in specs]
    if as_json:
        emit([each.to_dict() for each in made])
    else:
        for each in made:
            if isinstance(each, _Prepared):
                line = Text.assemble((each.dataset.task.id, "bold"), f"  {each.dataset.public}")
                out().print(line, soft_wrap=True)
    raise typer.Exit(_exit_code(made, checksums))


@dataclass(frozen=True)
class _Prepared:
    """A dataset, and how its data compare with MLE-bench's checksums, if that was looked at."""

    dataset: Dataset
    checksums: Checked | None

    def to_dict(self) -> dict[str, Any]:
        dataset = self.dataset
        return {
            "task": dataset.task.id,
            "variant": dataset.options.variant,
            "public": str(dataset.public),
            "private": str(dataset.private),
            "digest": dataset.digest,
            "checksums": self.checksums.to_dict() if self.checksums else None,
        }


@dataclass(frozen=True)
class _Lacking:
    """A task whose data can't be had."""

    task: str
    error: dict[str, Any]
    """As :func:`~mle_gym.cli.console.error_data` has it."""

    def to_dict(self) -> dict[str, Any]:
        return vars(self)


def _exit_code(made: Iterable[_Prepared | _Lacking], checksums: bool) -> ExitCode:
    differs = False
    for each in made:
        if isinstance(each, _Lacking):
            return ExitCode.ENVIRONMENT
        differs |= each.checksums is not None and not each.checksums.sound
    return ExitCode.NOT_OK if differs and checksums else ExitCode.OK


def _chosen(names: Iterable[str], splits: Iterable[str]) -> list[TaskSpec]:
    """Tasks by name, and those of splits and files.

    Raises:
        UsageError: One is unknown. Then nothing is prepared: that may take days.
    """
    found = [find_task(name) for name in names]
    lacking = []
    for name in dict.fromkeys(name for each in splits for name in competitions_of(each)):
        try:
            found.append(find_competition(name))
        except TaskError:
            lacking.append(name)
    if lacking:
        raise UsageError(
            f"{len(lacking)} are not among the tasks: {', '.join(lacking[:5])}"
            f"{' …' if lacking[5:] else ''}; `mle-gym import mle-bench PATH` adds all competitions "
            "in a checkout of MLE-bench"
        )
    return found


def _prepare(
    spec: TaskSpec, options: DatasetOptions, source: Path | None, checksums: bool
) -> _Prepared | _Lacking:
    """One dataset, or else the reason why its data can't be had, which is also on stderr."""
    try:
        wanted = source is None and not availability(spec).ready
        if spec.data.loader == "kaggle" and (wanted or source == KAGGLE):
            source = _download(spec)
        fresh = source is not None or not is_prepared(spec)
        with err().status(f"preparing {spec.id}"):
            dataset = prepare_dataset(spec, options, source=source)
        return _Prepared(dataset, compare_checksums(dataset) if fresh or checksums else None)
    except (DatasetError, OSError) as error:
        return _Lacking(spec.id, print_error(error))


def _download(spec: TaskSpec) -> Path:
    """Download the archive of a competition's data, with a progress bar."""
    text = TextColumn("downloading {task.description}")
    with Progress(text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=err()) as bar:
        task = bar.add_task(spec.data.ref, total=None)
        advance = partial(bar.update, task)
        return download(spec.data.ref, lambda done, all_: advance(completed=done, total=all_))


def _all_tasks() -> list[TaskSpec]:
    """Every task that can be read; the others are warned about."""
    specs = []
    for _, folder in sorted(task_folders().items()):
        try:
            specs.append(load_task(folder))
        except TaskError as error:
            warn(f"this task is left out: {error}")
    return specs


def _tasks_with_data() -> list[TaskSpec]:
    """Every task except those whose data the user has to get first, which a warning names."""
    known = _all_tasks()
    theirs = [task for task in known if task.data.loader in ("kaggle", "package")]
    lacking = [task for task in theirs if not availability(task).ready]
    if lacking:
        names = ", ".join(task.id for task in lacking)
        warn(f"left out, since their data are not here (see `mle-gym list`): {names}")
    return [task for task in known if task not in lacking]


def _summary(task: TaskSpec) -> dict[str, Any]:
    """A task as plain data."""
    fields = task.model_dump(mode="json", exclude={"description"})
    return {
        **fields,
        "env_id": task.env_id,
        "higher_is_better": task.grade.higher_is_better,
    }


def _score(score: float | None, form: str) -> str:
    return "-" if score is None else f"{score:{form}}"


def _references(task: TaskSpec) -> list[str]:
    """The scores that were measured."""
    scores = task.reference
    known = {} if scores is None else scores.model_dump()
    names = {"floor": "sample", "baseline": "baseline", "solution": "solution"}
    return [f"{names[name]} {score:g}" for name, score in known.items() if score is not None]


def _facts(task: TaskSpec) -> Table:
    """The table at the top of ``show``."""
    grade, limits = task.grade, task.limits
    direction = "higher" if grade.higher_is_better else "lower"
    columns = ", ".join(f"{name} ({c.type})" for name, c in task.submission.columns.items())
    rows = {
        "kind": task.kind,
        "tags": ", ".join(task.tags),
        "metric": f"{grade.metric}, {direction} is better; {grade.worst:g} to {grade.best:g}",
        "submission": f"{task.submission.filename}: {columns}",
        "limits": f"{limits.steps} steps, {limits.seconds:g} s, {limits.memory_mb} MiB, "
        f"{limits.cpus:g} CPU, {limits.disk_mb} MiB of disk"
        + (f" ({limits.conditions}'s conditions)" if limits.conditions else ""),
        "medals": ", ".join(f"{n} {v:g}" for n, v in task.medals.thresholds.items())
        or ("by the ranks of its reference models" if task.medals.awarded else "none"),
        "reference": ", ".join(_references(task)) or "not measured",
        "packages": f"{', '.join(default_packages())}, and what these require",
        "data": availability(task).reason,
        "folder": str(task.folder),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), Text(value))
    return table
