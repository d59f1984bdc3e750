"""Writes the files of an :class:`~mle_gym.datasets.instance.Instance` where a dataset has them."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.anchors import Anchors, record_known
from mle_gym.datasets.answers import USAGE, sample_submission
from mle_gym.datasets.changed_fields import changed_fields
from mle_gym.datasets.dataset import HIDDEN, RUNS, TRUTH
from mle_gym.datasets.instance import check_paths
from mle_gym.datasets.sources.generated import structure_of
from mle_gym.datasets.tables import canonical, read_csv, write_csv
from mle_gym.datasets.train_rows import shorten
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import DatasetOptions
    from mle_gym.datasets.instance import File, Files, Instance
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["lay_out", "write_example_sample"]

SAMPLE, SAMPLE_FOLDER = "sample_submission.csv", "sample_submission"


def lay_out(
    task: TaskSpec, options: DatasetOptions, instance: Instance, folder: Path
) -> dict[str, Any]:
    """Fill ``public``, ``private`` and, where there are inputs of a program's own, ``hidden``.

    Returns:
        The fields of the task that the instance changes.

    Raises:
        DatasetError: The instance contradicts itself or the task.
    """
    where = task.folder / "generate.py"
    _check(task, options, instance, where)
    public, private = folder / "public", folder / "private"
    for name, file in instance.public.items():
        if name == instance.train and not isinstance(file, (str, bytes)):
            file = shorten(task, options, canonical(file))
        _write(public / name, file)
    _write_all(private, instance.private)
    if instance.answers is not None:
        _write(private / "answers.csv", _in_order(task, instance.answers))
    kept = {"structure": structure_of(task, options.variant), "truth": instance.truth}
    _write(private / TRUTH, json.dumps(kept, default=_plain, indent=1))
    graded = public
    if instance.inputs:
        graded = folder / HIDDEN
        _write_hidden(public, graded, instance.inputs)
    for number, files in enumerate(instance.runs, start=1):
        _write_hidden(public, folder / RUNS / str(number), files)
    if isinstance(instance.sample, Mapping):
        _write_all(graded / SAMPLE_FOLDER, instance.sample)
    elif instance.sample is not None:
        _write(graded / SAMPLE, instance.sample)
    record_known(folder, Anchors(instance.floor, instance.ceiling, instance.reference))
    medals = {"medals": instance.thresholds} if instance.thresholds else {}
    changes = {**instance.task, **medals}
    return changed_fields(task, changes) if changes else {}


def write_example_sample(task: TaskSpec, public: Path) -> None:
    """The sample submission for the examples that an agent tries its program on.

    Raises:
        DatasetError: There is none, and it can't be made.
    """
    if (public / SAMPLE).is_file():
        return
    examples = public / "test.csv"
    key = task.submission.id
    table = read_csv(examples) if examples.is_file() else None
    if table is None or key not in table.columns:
        raise DatasetError(
            f"{task.folder / 'generate.py'}: expected public[{SAMPLE!r}] for the examples that a "
            f"program is tried on, or public['test.csv'] with a column {key!r} to make it of"
        )
    write_csv(sample_submission(task, table), public / SAMPLE)


def _check(task: TaskSpec, options: DatasetOptions, instance: Instance, where: Path) -> None:
    check_paths(f"{where}: Instance.public", instance.public, ("description.md",))
    check_paths(f"{where}: Instance.private", instance.private, ("answers.csv", TRUTH))
    check_paths(f"{where}: Instance.inputs", instance.inputs, (SAMPLE, "description.md"))
    if task.data.test_size is not None or task.hook("prepare") is not None:
        raise DatasetError(
            f"{where}: expected a table, since the task has a test_size or a prepare.py; found an "
            "Instance"
        )
    _check_programs(task, instance, where)
    if instance.sample is not None and SAMPLE in instance.public and not instance.inputs:
        raise DatasetError(f"{where}: Instance.sample: {SAMPLE!r} is among the public files, too")
    if options.obfuscate:
        for name, file in {**instance.public, **instance.inputs}.items():
            if isinstance(file, (str, bytes)):
                raise DatasetError(
                    f"{task.id}: obfuscate: not for a dataset with files other than tables, in "
                    f"which names would stay: {name}"
                )
    for name in ("floor", "reference", "ceiling"):
        value = getattr(instance, name)
        if value is not None and not math.isfinite(value):
            raise DatasetError(f"{where}: Instance.{name}: expected a finite score, found {value}")


def _check_programs(task: TaskSpec, instance: Instance, where: Path) -> None:
    """Check what is about submissions of several files, or about programs and their runs."""
    code, columns = task.submission.code, task.submission.columns
    for number, files in enumerate(instance.runs):
        check_paths(f"{where}: Instance.runs[{number}]", files, (SAMPLE, "description.md"))
    if (instance.inputs or instance.runs) and code is None:
        raise DatasetError(f"{where}: Instance.inputs: only where programs are handed in")
    if instance.runs and (instance.inputs or columns):
        wanted = "no inputs beside them, and a submission without columns"
        raise DatasetError(f"{where}: Instance.runs: expected {wanted}")
    several, folder = task.submission.kind == "files", isinstance(instance.sample, Mapping)
    if several != folder and (several or instance.sample is not None):
        raise DatasetError(
            f"{where}: Instance.sample: expected files by name where a submission is a folder, and "
            "one file elsewhere"
        )
    if code is not None and not columns and instance.floor is None:
        wanted_floor = "what a program that does nothing scores, since no sample can be run"
        raise DatasetError(f"{where}: Instance.floor: expected {wanted_floor}")
    if code is not None and code.reference and code.reference not in instance.private:
        raise DatasetError(f"{where}: Instance.private: expected {code.reference!r}, the reference")


def _in_order(task: TaskSpec, answers: Any) -> Any:
    """The answers' columns in the submission's order; a check that comes later names a misfit."""
    wanted = [*task.submission.columns, USAGE]
    fits = set(answers.columns) <= set(wanted)
    return answers[[name for name in wanted if name in answers.columns]] if fits else answers


def _write_hidden(public: Path, hidden: Path, inputs: Files) -> None:
    """The public files, of which those that the inputs replace are left out."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        paths = {name: (Path(folder) / name).relative_to(public).as_posix() for name in names}
        return [name for name in names if paths[name] in {*inputs, SAMPLE}]

    hidden.parent.mkdir(exist_ok=True)
    shutil.copytree(public, hidden, copy_function=os.link, ignore=left_out)
    _write_all(hidden, inputs)


def _write_all(folder: Path, files: Files) -> None:
    for name, file in files.items():
        _write(folder / name, file)


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(file, bytes):
        path.write_bytes(file)
    elif isinstance(file, str):
        path.write_bytes(file.encode())
    else:
        write_csv(canonical(file), path)


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays, and whatever else notes may hold, as JSON has them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
