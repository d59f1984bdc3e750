"""``grade-jsonl`` and ``aggregate``: many submissions at once, as MLE-bench reports them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from mle_gym.cli.console import AsJson, ExitCode, UsageError, emit, err, new_table, out, warn
from mle_gym.cli.print_table import print_table
from mle_gym.integrations.mle_bench.experiments import reports_of_experiment
from mle_gym.integrations.mle_bench.published import SPLITS
from mle_gym.integrations.mle_bench.published import split as competitions_of
from mle_gym.integrations.mle_bench.report import aggregate_report
from mle_gym.integrations.mle_bench.report_file import ReportFile
from mle_gym.integrations.mle_bench.seeds import FLAGS, read_reports, summarize_what_is_there
from mle_gym.integrations.mle_bench.submissions import Batch, Problem

__all__ = ["commands"]

MOST_LINES = 5
"""With more lines of one problem, the others are only counted."""

JSONL_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym grade-jsonl submissions.jsonl --parity --output-dir reports
  mle-gym grade-jsonl seed0.jsonl seed1.jsonl seed2.jsonl --parity --split low

A line is {"competition_id": "spooky-author-identification", "submission_path": "a/submission.csv"}.

[dim]Exit code 1: a line could not be graded, or runs are missing; all others were.[/dim]"""

AGGREGATE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym aggregate reports/*_grading_report.json --split low --pad-missing
  mle-gym aggregate --experiment-id a1 --runs mle-bench/runs --split split75"""

Split = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"{', '.join(SPLITS)}, or a file of ids.")
]
Seeds = Annotated[int, typer.Option(help="How many seeds to average; -1 for all of them.")]
Pad = Annotated[
    bool, typer.Option("--pad-missing", help="Count a missing run as one without a submission.")
]


commands = typer.Typer()


@commands.command("grade-jsonl", epilog=JSONL_EXAMPLES)
def grade_jsonl(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSON Lines files.")],
    parity: Annotated[bool, typer.Option("--parity", help="Grade as MLE-bench does.")] = False,
    output_dir: Annotated[
        Path | None, typer.Option(help="Write the report here, named as MLE-bench names it.")
    ] = None,
    split: Split = None,
    seeds: Seeds = -1,
    pad: Pad = False,
    as_json: AsJson = False,
) -> None:
    """Grade many submissions of many competitions; write MLE-bench's report."""
    if split is None and (seeds != -1 or pad):
        raise UsageError("--seeds and --pad-missing require a --split to average over")
    wanted = None if split is None else _competitions(split, seeds)
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: expected a file of submissions, found none")
    # Grades go to the file one by one: grading may run for hours, and a crash must not lose them.
    kept = None if output_dir is None else ReportFile.claim(output_dir)
    batch = Batch(parity=parity) if kept is None else Batch(parity=parity, keep=kept.add)
    code = _grade(batch, files)
    report = aggregate_report(batch.reports)
    summary = None if wanted is None else _summary(batch.reports, wanted, seeds, pad)
    if as_json:
        emit({**report, "problems": [vars(p) for p in batch.problems], "summary": summary})
    else:
        _show_report(report)
    for line in _problems(batch.problems):
        warn(line)
    if summary is not None:
        incomplete = _show_summary(summary, as_json)
        code = code or incomplete
    if kept is not None:
        kept.finish(report)
        err().print(f"wrote {kept.path}", soft_wrap=True)
    raise typer.Exit(code)


def _problems(problems: Iterable[Problem]) -> Iterator[str]:
    """A line for each problem that differs: one that a task has concerns all its submissions."""
    lines: dict[tuple[str, str], list[int]] = {}
    for problem in problems:
        lines.setdefault((problem.file, problem.message), []).append(problem.line)
    for (file, message), numbers in lines.items():
        shown = ", ".join(map(str, numbers[:MOST_LINES]))
        more = f" and {len(numbers) - MOST_LINES} more" if len(numbers) > MOST_LINES else ""
        yield f"{file}, line{'s' * (len(numbers) > 1)} {shown}{more}: not graded: {message}"


def _grade(batch: Batch, files: list[Path]) -> ExitCode:
    """Grade all files. After Ctrl-C, what was graded until then is still reported."""
    try:
        for file in files:
            with err().status(f"grading {file}"):
                batch.grade_file(file)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.NOT_OK if batch.problems else ExitCode.OK


@commands.command(epilog=AGGREGATE_EXAMPLES)
def aggregate(
    reports: Annotated[
        list[Path] | None, typer.Argument(metavar="REPORT…", help="A file for each seed.")
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="As for grade-jsonl.")] = "all",
    seeds: Seeds = -1,
    pad: Pad = False,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment-id", help="Reports of an experiment, in place of files."),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="MLE-bench's folder of runs, for --experiment-id.")
    ] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Average reports over seeds: medals, with standard error and 95% interval."""
    if bool(reports) == bool(experiment):
        raise UsageError("name reports or an --experiment-id, one of the two")
    wanted = _competitions(split, seeds)
    files = reports_of_experiment(experiment, runs) if experiment else reports or []
    summary = _summary(read_reports(files), wanted, seeds, pad)
    if as_json:
        emit(summary)
    raise typer.Exit(_show_summary(summary, as_json))


def _competitions(split: str, seeds: int) -> list[str]:
    """The competitions of a split. Called first, since grading may run for hours."""
    if seeds != -1 and seeds < 1:
        raise UsageError(f"--seeds: expected 1 or more, or -1 for all, found {seeds}")
    return competitions_of(split)


def _summary(
    reports: list[dict[str, Any]], competitions: list[str], seeds: int, pad: bool
) -> dict[str, Any]:
    return summarize_what_is_there(reports, competitions, seeds=seeds, pad=pad)


def _show_report(report: dict[str, Any]) -> None:
    table = new_table("competition", "score", "medal", "above median", "valid", right=("score",))
    for entry in report["competition_reports"]:
        medals = [name for name in ("gold", "silver", "bronze") if entry[f"{name}_medal"]]
        score = "" if entry["score"] is None else f"{entry['score']:.5f}"
        flags = ["yes" if entry[n] else "no" for n in ("above_median", "valid_submission")]
        table.add_row(Text(entry["competition_id"]), score, "".join(medals), *flags)
    print_table(table)
    runs, valid = report["total_runs"], report["total_valid_submissions"]
    out().print(f"{runs} submissions, {valid} valid, {report['total_medals']} medals")


def _show_summary(summary: dict[str, Any], as_json: bool) -> ExitCode:
    """Print the averages, unless they were printed as JSON, and warn about what they lack.

    Returns:
        NOT_OK if runs are missing.
    """
    if not as_json:
        for number, seed in enumerate(summary["seeds"], start=1):
            figures = ", ".join(f"{_words(name)} {seed[name]:.1f}" for name in FLAGS)
            out().print(f"seed {number}: {figures}", soft_wrap=True)
        print_table(_averages(summary))
    if outside := summary["outside"]:
        warn(f"not counted, since the split has no such competition: {', '.join(outside)}")
    if summary["caveat"]:
        warn(f"not a complete set: {summary['caveat']}")
    return ExitCode.NOT_OK if summary["caveat"] else ExitCode.OK


def _averages(summary: dict[str, Any]) -> Table:
    seeds, each = summary["num_seeds_averaged"], summary["num_competitions_per_seed"]
    title = f"{seeds} seed{'s'[: seeds != 1]} of {each} competitions, in percent"
    table = new_table("", "mean", "± s.e.", "95% interval", title=title)
    shares = {name: value for name, value in summary["metrics"].items() if name in FLAGS}
    for name, value in shares.items():
        interval = f"{value['ci_lower']:.1f} to {value['ci_upper']:.1f}"
        mean, error = f"{value['mean']:.1f}", f"{value['standard_error']:.1f}"
        table.add_row(_words(name), mean, error, interval)
    return table


def _words(name: str) -> str:
    return name.removesuffix("_percentage").replace("_", " ")
