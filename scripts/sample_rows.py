"""The part of an environment's page that shows its data: prepared once, then kept in the page.

To prepare every task takes minutes, so what a page shows of the data stays until a file of the
task changes: the page names the digest of the task that it was made from. Nothing of a Kaggle
competition's data is shown, since its rules don't allow that.
"""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path
from typing import Any

from mle_gym.datasets.availability import availability
from mle_gym.datasets.prepare import prepare, task_digest
from mle_gym.tasks.spec import TaskSpec

__all__ = ["data_section"]

ROWS, COLUMNS, CHARACTERS = 3, 10, 32
"""Of the sample: a page shows what data look like, and isn't a copy of them."""
MOST_FILES = 12
BLOCK = re.compile(r"<!-- data:(\w+) -->\n.*?\n<!-- /data -->", re.DOTALL)


def data_section(task: TaskSpec, page: str, *, prepare_data: bool) -> str:
    """What there is in the task's data, as Markdown between two markers.

    Args:
        task: Whose data.
        page: The page as it is, empty if there is none.
        prepare_data: Make the part again if it is older than the task. Otherwise it keeps its rows,
            but not its digest, so that the page differs from what it was.
    """
    if task.data.loader == "kaggle":
        files = "\n".join(f"- `{name}`" for name in task.data.files)
        return f"Its rules don't allow to show data of the competition. The raw files:\n\n{files}"
    digest, found = task_digest(task)[:16], BLOCK.search(page)
    if found and (found[1] == digest or not prepare_data):
        return found[0].replace(found[1], digest, 1)
    if not prepare_data or not availability(task).ready:
        return f"<!-- data:{digest} -->\nTo be prepared.\n<!-- /data -->"
    return f"<!-- data:{digest} -->\n{_described(task)}\n<!-- /data -->"


def _described(task: TaskSpec) -> str:
    """The public files of variant 0, and the first rows of the first table."""
    dataset = prepare(task)
    manifest = dataset.manifest
    lines = ["| file | holds |", "|---|---|", *_files(manifest)]
    asked = manifest["answers"]
    if task.submission.columns and asked:
        lines += ["", f"{asked:,} rows are to be predicted."]
    tables = [name for name in manifest["tables"] if name != "sample_submission.csv"]
    if tables:
        lines += ["", f"`{tables[0]}` begins:", "", *_sample(dataset.public / tables[0])]
    return "\n".join(lines)


def _files(manifest: dict[str, Any]) -> list[str]:
    """A line for each public file or folder."""
    told = {
        name: f"{table['rows']:,} rows, {len(table['columns'])} columns"
        for name, table in manifest["tables"].items()
    }
    told |= {f"{name}/": f"{f['files']:,} files" for name, f in manifest["folders"].items()}
    told |= {each["name"]: _size(each["bytes"]) for each in manifest["others"]}
    del told["description.md"]
    lines = [f"| `{name}` | {what} |" for name, what in itertools.islice(told.items(), MOST_FILES)]
    if len(told) > MOST_FILES:
        lines.append(f"| … | {len(told) - MOST_FILES} more |")
    return lines


def _size(number: int) -> str:
    return f"{number:,} bytes" if number < 10_000 else f"{number / 1000:,.0f} kB"


def _sample(file: Path) -> list[str]:
    """The first rows of a table; of a wide one the first and the last columns."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(itertools.islice(csv.reader(opened), ROWS + 1))
    width = len(rows[0])
    shown = [[_cell(cell) for cell in row] for row in rows]
    if width > COLUMNS:
        half = COLUMNS // 2
        shown = [[*row[:half], "…", *row[width - half :]] for row in shown]
    head, *body = (f"| {' | '.join(row)} |" for row in shown)
    return [head, "|---" * len(shown[0]) + "|", *body]


def _cell(text: str) -> str:
    """A cell that Markdown shows as it is, in one line and of limited length."""
    line = " ".join(text.split())
    line = line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…"
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", line)
