"""The brief's section about the submission: what is handed in, and how a program is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mle_gym.episode.brief.data_section import FOLDER
from mle_gym.episode.brief.quantities import bytes_text, count_text, duration_text

if TYPE_CHECKING:
    from mle_gym.tasks.submission_schema import CodeSpec, Column, RepliesSpec, SubmissionSpec

__all__ = ["submission_section"]


def submission_section(spec: SubmissionSpec, manifest: dict[str, Any]) -> str:
    """The section: the file, folder or program that is handed in, and the rules of its columns."""
    rows = count_text(manifest["answers"], "row")
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
        lines.append(f"- `{name}`{kind}: {may}at most {bytes_text(file.max_bytes)}")
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
    rows = count_text(manifest["answers"], "row")
    return [
        f"You hand in a program: `{spec.filename}`, a file, or a folder with `{code.entry}` (and "
        f"all that it needs, {bytes_text(code.max_bytes)} in all; hidden files are left out). It "
        f"is run with `python` in a fresh sandbox like yours, without network, in a folder that "
        f"has what you handed in and `{FOLDER}/`, for at most {duration_text(code.seconds)}"
        f"{_least_memory(code)}.",
        "",
        *(_stream(code) if code.stream else _other_inputs(spec, manifest, rows)),
        "",
        *_measured(code, spec),
    ]


def _least_memory(code: CodeSpec) -> str:
    return (
        "" if code.memory_mb is None else f", with {bytes_text(code.memory_mb * 2**20)} of memory"
    )


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
        "the program is tried on these, and graded on others.",
        *(_replies(code.replies) if code.replies is not None else []),
    ]


def _replies(asked: RepliesSpec) -> list[str]:
    """What it may ask, and what it is told."""
    return [
        "",
        "Each line of its answer to the last of these chunks is looked up in a table "
        f"`{asked.file}` outside its sandbox. The next chunk is the reply: the same lines, each "
        "followed by a comma and what the table has (nothing for an unknown line). So "
        f"{asked.rounds} answers of at most {asked.lines} lines are looked up; the one after them "
        f"ends the run. The `{FOLDER}/{asked.file}` that you see is the table for the example "
        "chunks.",
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
