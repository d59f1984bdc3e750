"""``grade-jsonl`` and ``aggregate``: many submissions at once, as MLE-bench reports them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from mle_gym.cli.output import AsJson, ExitCode, Unusable, emit, err, new_table, out, warn

__all__ = ["add_to"]

JSONL_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym grade-jsonl submissions.jsonl --parity --output-dir reports
  mle-gym grade-jsonl seed0.jsonl seed1.jsonl seed2.jsonl --parity --split low

A line is {"competition_id": "spooky-author-identification", "submission_path": "a/submission.csv"}.

[dim]Exit code 1: a line could not be graded; the others were.[/dim]"""

AGGREGATE_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym aggregate reports/*_grading_report.json --split low --pad-missing"""

Split = Annotated[
    str | None, typer.Option(metavar="NAME", help="low, medium, high, dev, all, or a file of ids.")
]
Seeds = Annotated[int, typer.Option(help="How many seeds to average; -1 for all there are.")]
Pad = Annotated[
    bool, typer.Option("--pad-missing", help="Count a missing run as one without a submission.")
]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Submissions"
    app.command("grade-jsonl", rich_help_panel=panel, epilog=JSONL_EXAMPLES)(grade_jsonl)
    app.command(rich_help_panel=panel, epilog=AGGREGATE_EXAMPLES)(aggregate)


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
    from mle_gym.integrations.mle_bench.report import aggregate_report
    from mle_gym.integrations.mle_bench.submissions import Batch

    batch = Batch(parity=parity)
    for file in files:
        with err().status(f"grading {file}"):
            batch.grade_file(file)
    for problem in batch.problems:
        warn(f"{problem.file}, line {problem.line}: not graded: {problem.message}")
    report = aggregate_report(batch.reports)
    if output_dir is not None:
        err().print(f"wrote {_write(report, output_dir)}", soft_wrap=True)
    summary = None if split is None else _summary(batch.reports, split, seeds, pad)
    if as_json:
        emit({**report, "problems": [vars(p) for p in batch.problems], "summary": summary})
    else:
        _show_report(report)
        _show_summary(summary)
    raise typer.Exit(ExitCode.NOT_OK if batch.problems else ExitCode.OK)


def aggregate(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT…", help="A file for each seed.")],
    split: Annotated[str, typer.Option(metavar="NAME", help="As for grade-jsonl.")] = "all",
    seeds: Seeds = -1,
    pad: Pad = False,
    as_json: AsJson = False,
) -> None:
    """Average reports over seeds: medals, with standard error and 95% interval."""
    from mle_gym.integrations.mle_bench.seeds import read_reports

    summary = _summary(read_reports(reports), split, seeds, pad)
    if as_json:
        emit(summary)
    else:
        _show_summary(summary)


def _summary(reports: list[dict[str, Any]], split: str, seeds: int, pad: bool) -> dict[str, Any]:
    from mle_gym.integrations.mle_bench.published import split as competitions
    from mle_gym.integrations.mle_bench.seeds import summarize

    if seeds != -1 and seeds < 1:
        raise Unusable(f"--seeds: expected 1 or more, or -1 for all, found {seeds}")
    try:
        return summarize(reports, competitions(split), seeds=seeds, pad=pad)
    except ValueError as error:
        raise Unusable(f"--split {split}: {error}") from None


def _write(report: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name = time.strftime("%Y-%m-%dT%H-%M-%S-GMT", time.gmtime())
    path = folder / f"{name}_grading_report.json"
    path.write_text(json.dumps(report, indent=2, allow_nan=False), encoding="utf-8")
    return path


def _show_report(report: dict[str, Any]) -> None:
    table = new_table("competition", "score", "medal", "above median", "valid", right=("score",))
    for entry in report["competition_reports"]:
        medals = [name for name in ("gold", "silver", "bronze") if entry[f"{name}_medal"]]
        score = "" if entry["score"] is None else f"{entry['score']:.5f}"
        flags = ["yes" if entry[n] else "no" for n in ("above_median", "valid_submission")]
        table.add_row(Text(entry["competition_id"]), score, "".join(medals), *flags)
    out().print(table)
    runs, valid = report["total_runs"], report["total_valid_submissions"]
    out().print(f"{runs} submissions, {valid} valid, {report['total_medals']} medals")


def _show_summary(summary: dict[str, Any] | None) -> None:
    if summary is None:
        return
    seeds, each = summary["num_seeds_averaged"], summary["num_competitions_per_seed"]
    title = f"{seeds} seed{'s'[: seeds != 1]} of {each} competitions, in percent"
    table = new_table("", "mean", "± s.e.", "95% interval", title=title)
    for name, value in summary["metrics"].items():
        words = name.removesuffix("_percentage").replace("_", " ")
        interval = f"{value['ci_lower']:.1f} to {value['ci_upper']:.1f}"
        table.add_row(words, f"{value['mean']:.1f}", f"{value['standard_error']:.1f}", interval)
    out().print(table)
