"""The brief, which describes a task to an agent, in the same form for every task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mle_gym.metrics import METRICS

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.sandbox.limits import Limits
    from mle_gym.tasks.spec import TaskSpec
    from mle_gym.tasks.submission_schema import CodeSpec, Column, SubmissionSpec

__all__ = ["brief"]

MOST_COLUMNS = 60
"""The most columns of a table that are listed; a note says how many more there are."""
FOLDER = "data"
"""The folder of the workspace with the public files."""

_VALIDATES = (
    "says whether the file is a valid submission, and if not, why. Gives no score; as often as you "
    "like."
)
_TRIES = (
    "runs the program in a sandbox of its own on the example rows, and says whether it leads to "
    "valid predictions, and if not, why. Gives no score; as often as you like."
)
_CARRIES_OVER = (
    "Each command runs in a new `bash`. The folder, variables and functions carry over from one to "
    "the next, and so does a virtual environment; options such as `set -e`, aliases and traps do "
    "not. Processes in the background go on."
)
_FAILS = " A program that fails on the hidden rows also costs one, and the reason is not shown."


def brief(
    dataset: Dataset,
    *,
    feedback: str,
    max_steps: int,
    time_limit: float,
    limits: Limits,
    score_calls: int,
) -> str:
    """The text that an episode opens with, as Markdown.

    Args:
        dataset: The prepared task.
        feedback: ``"none"``, ``"validate"`` or ``"score"``: which commands there are.
        max_steps: Actions in the episode.
        time_limit: Wall clock of the episode in seconds.
        limits: What the sandbox may use.
        score_calls: How often ``score`` may be called.

    Raises:
        DatasetError: The dataset's files are gone.
    """
    task, manifest = dataset.task, dataset.manifest
    sections = (
        f"# {task.title}\n\n{task.description}",
        _data(task, manifest),
        _scoring(task, feedback),
        _submission(task.submission, manifest),
        _limits(max_steps, time_limit, limits, task.submission),
        _commands(task, feedback, score_calls),
    )
    return "\n\n".join(sections) + "\n"


def _data(task: TaskSpec, manifest: dict[str, Any]) -> str:
    lines = [
        "## Data",
        "",
        f"The files are in `{FOLDER}/`, which is read-only; paths are relative to the folder that "
        "commands start in.",
    ]
    tables = dict(manifest["tables"])
    train, test = tables.pop("train.csv", None), tables.pop("test.csv", None)
    tables.pop("sample_submission.csv", None)
    if train:
        lines += ["", f"`{FOLDER}/train.csv`: {_size(train)}.", "", *_columns(train)]
    if test:
        asked = "to predict" if task.submission.code is None else "as examples"
        lines += ["", f"`{FOLDER}/test.csv`: {_test(train, test, asked)}."]
    for name, table in tables.items():
        lines += ["", f"`{FOLDER}/{name}`: {_size(table)}.", "", *_columns(table)]
    for name, folder in manifest["folders"].items():
        lines += ["", f"`{FOLDER}/{name}/`: {_files(folder)}."]
    for other in manifest["others"]:
        if other["name"] != "description.md":  # its text opens the brief
            lines += ["", f"`{FOLDER}/{other['name']}`: {_bytes(other['bytes'])}."]
    if manifest["sample"]:
        sample = "a submission in the right format, worth nothing"
        lines += ["", f"`{FOLDER}/sample_submission.csv`: {sample}."]
    return "\n".join(lines)


def _size(table: dict[str, Any]) -> str:
    size = f"{_count(table['rows'], 'row')}, {_count(len(table['columns']), 'column')}"
    if "sampled" not in table:
        return size
    return f"{size} (below, what the first {table['sampled']:,} rows hold)"


def _test(train: dict[str, Any] | None, test: dict[str, Any], asked: str) -> str:
    """The test table, described by how its columns differ from the training table's."""
    names = [column["name"] for column in test["columns"]]
    before = [column["name"] for column in train["columns"]] if train else []
    left_out = [name for name in before if name not in names]
    if train and left_out and all(name in before for name in names):
        without = ", ".join(f"`{name}`" for name in left_out)
        return f"{_count(test['rows'], 'row')} {asked}; the same columns except {without}"
    return "\n".join([f"{_size(test)}", "", *_columns(test)])


def _columns(table: dict[str, Any]) -> list[str]:
    shown = table["columns"][:MOST_COLUMNS]
    rows = [
        f"| `{column['name']}` | {column['kind']} | {column['missing'] or ''} | "
        f"{column['values'].replace('|', chr(92) + '|')} |"
        for column in shown
    ]
    head = ["| column | type | missing | values |", "|---|---|---|---|"]
    more = len(table["columns"]) - len(shown)
    return [*head, *rows, *([f"| … {more} more columns | | | |"] if more else [])]


def _files(folder: dict[str, Any]) -> str:
    example = f", such as `{FOLDER}/{folder['example']}`" if folder["example"] else ""
    return f"{_count(folder['files'], 'file')}, {_bytes(folder['bytes'])} in all{example}"


def _scoring(task: TaskSpec, feedback: str) -> str:
    grade = task.grade
    direction = "higher" if grade.higher_is_better else "lower"
    lines = ["## Scoring", "", f"The metric is {_metric(task)}; **{direction} is better**."]
    if grade.scale == "anchors":
        lines[-1] += (
            " On the scale from 0 to 1 that results are compared on, the score of the sample "
            "submission is 0, and that of a gold medal 1."
        )
    elif (grade.worst, grade.best) != (0.0, 1.0):
        lines[-1] += (
            f" On the scale from 0 to 1 that results are compared on, a score of {grade.best:g} "
            f"is 1, a score of {grade.worst:g} or worse is 0, and scores between are in proportion."
        )
    if feedback == "score" and grade.public_fraction:
        share = f"{grade.public_fraction:.0%}"
        lines += [
            "",
            f"`score` is computed on a fixed {share} of the test rows, which are not named. Your "
            "result is computed on the other rows, so a model that was chosen by `score` alone may "
            "do worse in the end; validate on your own held-out rows too.",
        ]
    return "\n".join(lines)


def _metric(task: TaskSpec) -> str:
    metric = METRICS.get(task.grade.metric)
    title = metric.title if metric and not task.hook("grade") else task.grade.metric
    params = ", ".join(f"{name} = {value}" for name, value in task.grade.params.items())
    return f"**{title}**" + (f" ({params})" if params else "")


def _submission(spec: SubmissionSpec, manifest: dict[str, Any]) -> str:
    rows = _count(manifest["answers"], "row")
    first = f"`{FOLDER}/sample_submission.csv` begins like this:"
    sample = ["", first, "", "```", manifest["sample"].rstrip("\n"), "```"]
    if spec.kind == "file":
        like = f"Write a file `{spec.filename}` like `{FOLDER}/sample_submission.csv`, of {rows}."
        return "\n".join(["## Submission", "", like, *sample])
    if spec.is_packed:
        wanted = _folder(spec) if spec.code is None else _program(spec, manifest)
        return "\n".join(["## Submission", "", *wanted]).rstrip("\n")
    if spec.code is None:
        file, of, write = spec.filename, f" of {rows}", "Write"
    else:
        file, of, write = spec.code.output, "", "It must write"
    lines = [
        "## Submission",
        "",
        *_program(spec, manifest),
        f"{write} a CSV file `{file}` (UTF-8, comma-separated, with a header){of}: "
        f"each `{spec.id}` of the test data once, in any order. Columns:",
        "",
        *(f"- `{name}`: {_rule(spec, name, column)}" for name, column in spec.columns.items()),
    ]
    if spec.sum_to_one:
        names = ", ".join(f"`{name}`" for name in spec.sum_to_one)
        lines += ["", f"In every row {names} sum to 1."]
    return "\n".join([*lines, *sample])


def _folder(spec: SubmissionSpec) -> list[str]:
    """What a folder that is handed in must hold."""
    lines = [f"Write a folder `{spec.filename}/` with these files and no others:", ""]
    for name, file in spec.files.items():
        kind = " as CSV (UTF-8, with a header)" if file.columns else ""
        may = "may be left out, " if file.optional else ""
        lines.append(f"- `{name}`{kind}: {may}at most {_bytes(file.max_bytes)}")
        as_table = spec.model_copy(update={"id": file.id})
        lines += [
            f"  - `{column}`: {_rule(as_table, column, rule)}"
            for column, rule in file.columns.items()
        ]
    example = "is such a folder, in the right format and worth nothing."
    return [*lines, "", f"`{FOLDER}/sample_submission/` {example}"]


def _program(spec: SubmissionSpec, manifest: dict[str, Any]) -> list[str]:
    """How a submitted program is run; nothing where predictions are submitted."""
    code = spec.code
    if code is None:
        return []
    rows = _count(manifest["answers"], "row")
    return [
        f"You hand in a program: `{spec.filename}`, a file, or a folder with `{code.entry}` (and "
        f"all that it needs, {_bytes(code.max_bytes)} in all; hidden files are left out). It "
        f"is run with `python` in a fresh sandbox like yours, without network, in a folder that "
        f"has what you handed in and `{FOLDER}/`, for at most {_duration(code.seconds)}"
        f"{_least_memory(code)}.",
        "",
        *(_stream(code) if code.stream else _other_inputs(spec, manifest, rows)),
        "",
        *_measured(code, spec),
    ]


def _least_memory(code: CodeSpec) -> str:
    return "" if code.memory_mb is None else f", with {_bytes(code.memory_mb * 2**20)} of memory"


def _other_inputs(spec: SubmissionSpec, manifest: dict[str, Any], rows: str) -> list[str]:
    """Where the program's data differ from what the agent sees."""
    own = manifest.get("inputs", [])
    if own:
        names = ", ".join(f"`{name}`" for name in own)
        return [
            f"There `{FOLDER}/` is as it is here, except for {names}: what is in their place there "
            "you never see, and here are examples of the same form, so that you can try your "
            "program."
        ]
    if not spec.columns:
        return []
    return [
        f"There `{FOLDER}/` is as it is here, except `test.csv` and `sample_submission.csv`: they "
        f"have {rows} that you never see. The few rows that you find in their place are training "
        "rows without what is to be predicted, so that you can try your program."
    ]


def _stream(code: CodeSpec) -> list[str]:
    """How a program is fed, and has to answer."""
    return [
        "It gets its inputs on standard input, in chunks, each of which ends with an empty line, "
        "and answers each on standard output: lines without a header, then an empty line, flushed. "
        "The next chunk comes when the answer to the last one is there; after the last chunk "
        f"standard input ends. `{FOLDER}/stream/` has example chunks, in the order of their names; "
        "the program is tried on these, and graded on others."
    ]


def _measured(code: CodeSpec, spec: SubmissionSpec) -> list[str]:
    """What is said of runs that are graded themselves."""
    if spec.columns:
        return []
    written = [] if code.stream else [f"Each run must write `{code.output}`."]
    if code.runs > 1 or code.reference:
        written.append(
            "The program is run several times, each time in a fresh sandbox in which nothing is "
            "left of the time before, and what it takes is measured from outside."
        )
    return [" ".join(written), ""] if written else []


def _rule(spec: SubmissionSpec, name: str, column: Column) -> str:
    """What a column's values may be, in words."""
    if name == spec.id:
        return "the row that is predicted"
    if column.values is not None:
        return f"one of {', '.join(f'`{value}`' for value in column.values)}"
    if column.type == "probability":
        return "a probability, from 0 to 1"
    words = {"int": "an integer", "float": "a number", "str": "text"}[column.type]
    if column.min is not None and column.max is not None:
        return f"{words} from {column.min:g} to {column.max:g}"
    if column.min is not None:
        return f"{words}, at least {column.min:g}"
    if column.max is not None:
        return f"{words}, at most {column.max:g}"
    return words


def _limits(max_steps: int, time_limit: float, limits: Limits, spec: SubmissionSpec) -> str:
    cpus = f"{limits.cpus:g} CPU{'' if limits.cpus == 1 else 's'}"
    return "\n".join(
        [
            "## Limits",
            "",
            f"- {_count(max_steps, 'step')} (every action is one) and {_duration(time_limit)} of "
            "wall-clock time, whichever ends first. Then "
            f"`{spec.filename}` is graded as it is, so write one early and improve it.",
            f"- {cpus}, {_bytes(limits.memory_mb * 2**20)} of memory, "
            f"{_bytes(limits.disk_mb * 2**20)} of disk. A process that exceeds the memory limit is "
            "killed.",
            f"- Of a long output you see the beginning and the end: {limits.output_bytes:,} bytes.",
            f"- {'A submission has' if spec.code is None else 'Predictions have'} at most "
            f"{_bytes(spec.max_bytes)}.",
        ]
    )


def _commands(task: TaskSpec, feedback: str, score_calls: int) -> str:
    file, program = task.submission.filename, task.submission.code is not None
    lines = ["## Commands", "", "Besides the usual tools and `python`, the shell has:", ""]
    if feedback in ("validate", "score"):
        lines.append(f"- `validate {file}`: {_TRIES if program else _VALIDATES}")
    if feedback == "score":
        lines.append(
            f"- `score {file}`: the score on the public part of the test rows; "
            f"{_count(score_calls, 'call')} in all.{_FAILS if program else ''}"
        )
    handed = "program" if program else "file"
    lines.append(f"- `submit {file}`: hands the {handed} in for grading and ends the episode.")
    lines += ["", _CARRIES_OVER]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _bytes(number: int) -> str:
    value = float(number)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB" if value < 1000 else f"{value:,.0f} GiB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.3g} minutes"
    return f"{seconds / 3600:.3g} hours"
