"""The brief's section about the data: each table with its columns, folders and other files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mle_gym.episode.brief.quantities import bytes_text, count_text

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["FOLDER", "data_section"]

MOST_COLUMNS = 60
"""The most columns of a table that are listed; a note says how many more there are."""
FOLDER = "data"
"""The folder of the workspace with the public files."""


def data_section(task: TaskSpec, manifest: dict[str, Any]) -> str:
    """The section, from the dataset's manifest: no file is read for it."""
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
            lines += ["", f"`{FOLDER}/{other['name']}`: {bytes_text(other['bytes'])}."]
    if manifest["sample"]:
        sample = "a submission in the right format, worth nothing"
        lines += ["", f"`{FOLDER}/sample_submission.csv`: {sample}."]
    return "\n".join(lines)


def _size(table: dict[str, Any]) -> str:
    size = f"{count_text(table['rows'], 'row')}, {count_text(len(table['columns']), 'column')}"
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
        return f"{count_text(test['rows'], 'row')} {asked}; the same columns except {without}"
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
    return f"{count_text(folder['files'], 'file')}, {bytes_text(folder['bytes'])} in all{example}"
