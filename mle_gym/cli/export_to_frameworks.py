"""``export``: writes tasks, and runs, in the formats of other frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mle_gym.cli.command_line import DataSize, Difficulty, Variant, find_task
from mle_gym.cli.console import AsJson, UsageError, as_usage_errors, emit, out, warn
from mle_gym.datasets.dataset import CANONICAL, DatasetOptions
from mle_gym.integrations.harbor.export_task import HarborExport, export_harbor
from mle_gym.integrations.mle_bench.run_group import write_run_group
from mle_gym.trajectories.training_data.export_records import record_files

__all__ = ["commands"]

HARBOR_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym export harbor titanic wine -o harbor-tasks
  harbor lint harbor-tasks/titanic
  harbor run -p harbor-tasks -a oracle

The verifier runs in an image of its own, without network, and is the only one that has the answers
and the script that grades. Tasks that run a program for grading can't be exported."""

MLE_BENCH_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym export mle-bench runs/paper -o group
  mlebench grade --submission group/submissions.jsonl --output-dir reports
  mle-gym grade-jsonl group/submissions.jsonl --parity --output-dir reports

Several episodes of one competition are several seeds, in the order of their files' names."""

commands = typer.Typer()
group = typer.Typer(
    no_args_is_help=True, help="Write tasks, or runs, in another framework's format."
)
commands.add_typer(group, name="export")


@group.callback()
def _group() -> None:
    """Write tasks, or runs, in another framework's format."""


@group.command(epilog=HARBOR_EXAMPLES)
def harbor(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK…", help="Names, or task folders.")],
    folder: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Where the tasks' folders are made.")
    ],
    variant: Variant = 0,
    size: DataSize = CANONICAL.size,
    difficulty: Difficulty = CANONICAL.difficulty,
    obfuscate: Annotated[
        bool, typer.Option("--obfuscate", help="Hide names that a model may have memorised.")
    ] = False,
    reward: Annotated[str, typer.Option(help="What the verifier's `reward` is.")] = "score",
    image: Annotated[
        str,
        typer.Option(help="Build both images from this one, such as an `mle-gym image build`."),
    ] = "",
    network: Annotated[
        bool, typer.Option("--network", help="Let the agent reach the network.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write tasks as Harbor runs them (schema 1.4), with a separate verifier."""
    options = DatasetOptions(variant, obfuscate=obfuscate, size=size, difficulty=difficulty)
    export = HarborExport(reward=reward, image=image, network=network)
    made = []
    for name in tasks:
        with as_usage_errors(name):
            made.append(str(export_harbor(find_task(name), folder, options, export)))
        if not as_json:
            out().print(made[-1], soft_wrap=True)
    if as_json:
        emit(made)


@group.command("mle-bench", epilog=MLE_BENCH_EXAMPLES)
def mle_bench(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS…", help="Trajectories, or folders of these.")
    ],
    folder: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="The group's folder, a new one.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write episodes as a group of MLE-bench's runs, with submissions.jsonl and metadata.json."""
    try:
        made = write_run_group(record_files(runs, ".jsonl"), folder)
    except FileExistsError as error:
        raise UsageError(f"{folder}: exists; name a folder that doesn't") from error
    if as_json:
        emit({**vars(made), "folder": str(made.folder)})
        return
    out().print(f"{folder}: {made.runs} runs, {made.submissions} with a submission", soft_wrap=True)
    if made.left_out:
        warn(f"{made.left_out} left out: they have not ended, or the machinery failed")
