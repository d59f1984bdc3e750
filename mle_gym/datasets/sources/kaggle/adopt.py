"""Makes a dataset of a competition's raw files, or of what MLE-bench made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import MLE_BENCH
from mle_gym.datasets.sources.kaggle.raw_files import Source, find_sources, gather, how_to_get
from mle_gym.datasets.toolkit.competition_files import place, read_table, write_table
from mle_gym.errors import DatasetError
from mle_gym.paths import refuse_links
from mle_gym.tasks.hooks import call_hook, find_hook

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["ANSWER_FILES", "bench_answers", "fill"]

ANSWER_FILES = ("answers.csv", "gold_submission.csv", "test.csv")
"""Where MLE-bench keeps a competition's answers, in its ``private`` folder; the first that has the
submission's columns is taken."""


def fill(
    task: TaskSpec,
    given: Path | None,
    folder: Path,
    prepare: Callable[[Path], None],
    *,
    canonical: bool = True,
) -> dict[str, Any]:
    """Fill ``folder/public`` and ``folder/private`` from the first source that has what it takes.

    Args:
        task: A task whose loader is ``kaggle``.
        given: The user's folder or archive; None to look in the usual places.
        folder: Of the dataset; raw files are gathered in ``folder/raw``.
        prepare: Runs the task's ``prepare.py`` on a folder of raw files.
        canonical: Whether MLE-bench's own split is wanted, so that what it prepared will do.

    Returns:
        What was used, for the manifest.

    Raises:
        DatasetError: No data, or data that don't do; says what is missing and how to get it.
    """
    found = find_sources(task, given)
    sources = [source for source in found if canonical or source.kind == "raw"]
    if found and not sources:
        raise DatasetError(
            f"{task.id}: variants are split from raw data, and {found[0].path} was prepared by "
            f"MLE-bench. To get raw data: {how_to_get(task)}"
        )
    if not sources:
        raise DatasetError(f"{task.id}: its data are not here. To get them: {how_to_get(task)}")
    problems = []
    for source in sources:
        try:
            used = _use(task, source, folder)
        except DatasetError as error:
            problems.append(str(error))
            continue
        if source.kind == "raw":
            prepare(folder / "raw")
        return {"path": str(source.path), "kind": source.kind, "used": used}
    listed = "\n".join(problems)
    raise DatasetError(
        f"{listed}\n{task.id}: no usable data; `mle-gym prepare {task.id} --from kaggle` downloads "
        "them again"
    )


def _use(task: TaskSpec, source: Source, folder: Path) -> dict[str, Any]:
    if source.path.is_dir():
        refuse_links(source.path)
    if source.kind == "raw":
        return gather(source.path.absolute(), task.data.files, folder / "raw")
    _adopt(task, source.path, folder / "public", folder / "private")
    return {}


def _adopt(task: TaskSpec, prepared: Path, public: Path, private: Path) -> None:
    """Take over what MLE-bench prepared: its public files, its answers in our shape.

    The public files stay as they are but for what ``clean(public)`` of prepare.py changes.
    """
    if task.submission.kind == "file":
        _adopt_whole(task, prepared, public, private)
        return
    answers, theirs = _bench_answers(task, prepared / "private")
    for path in sorted((prepared / "public").rglob("*")):
        name = path.relative_to(prepared / "public")
        if path.is_file() and name != Path("description.md"):  # the brief has words of its own
            place(path, public / name)
    clean = find_hook(task.folder / "prepare.py", "clean")
    if clean:
        call_hook(task.folder / "prepare.py", clean, public)
    write_table(answers, private / "answers.csv")
    if len(answers) != len(theirs):
        write_table(theirs, private / MLE_BENCH)


def _adopt_whole(task: TaskSpec, prepared: Path, public: Path, private: Path) -> None:
    """Both folders as they are; ``adopt()`` of prepare.py has the last word."""
    for name, target in (("public", public), ("private", private)):
        for path in sorted((prepared / name).rglob("*")):
            if path.is_file():
                place(path, target / path.relative_to(prepared / name))
    adopt = find_hook(task.folder / "prepare.py", "adopt")
    if adopt:
        call_hook(task.folder / "prepare.py", adopt, public, private)


def bench_answers(
    task: TaskSpec, file: Path
) -> tuple[pd.DataFrame, pd.DataFrame] | None:  # fmt: skip
    """Answers of MLE-bench's: as ``answers()`` of prepare.py changes them, and as they are.

    None if the file lacks a column of the submission. MLE-bench keeps more of them, rows that are
    never scored, and one id several times.

    Raises:
        DatasetError: Not a CSV file, or prepare.py failed on it.
    """
    columns = task.submission.columns
    texts = [column for column in columns if columns[column].type == "str"]
    table = read_table(file, dtype=dict.fromkeys(texts, str))
    if not set(columns) <= set(table.columns):
        return None
    convert = find_hook(task.folder / "prepare.py", "answers")
    if convert is None:
        return table[list(columns)], table
    return call_hook(task.folder / "prepare.py", convert, table), table


def _bench_answers(task: TaskSpec, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first of the files that hold answers which has the submission's columns."""
    for name in ANSWER_FILES:
        found = bench_answers(task, folder / name) if (folder / name).is_file() else None
        if found is not None:
            return found
    columns = ", ".join(list(task.submission.columns)[:6])
    raise DatasetError(
        f"{folder}: expected answers with the columns {columns} in one of {', '.join(ANSWER_FILES)}"
    )
