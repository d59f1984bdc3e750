"""Is a dataset reproducible, and are its variants different and apart from one another?"""

from __future__ import annotations

import filecmp
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mle_gym.authoring.adversary import VARIANTS
from mle_gym.authoring.check import Check
from mle_gym.datasets.answers import USAGE
from mle_gym.datasets.build import build, clean
from mle_gym.datasets.dataset import TRUTH, DatasetOptions
from mle_gym.datasets.prepare import has_variants, prepare
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.splits import split_variant
from mle_gym.datasets.tables import read_csv
from mle_gym.tasks.catalog import load_task

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["two_prepares_are_equal", "variants_differ", "variants_do_not_leak"]


def two_prepares_are_equal(dataset: Dataset) -> Check:
    """Preparing twice gives the same bytes."""
    name = "two prepares are byte-identical"
    with TemporaryDirectory() as folder:
        made = Path(folder)
        build(_original(dataset), dataset.options, made, _given(dataset))
        for part in {dataset.public, dataset.inputs, dataset.private}:
            difference = _difference(part, made / part.name)
            if difference:
                return Check(name, False, f"{part.name}/{difference} differs from one to the next")
    return Check(name, True, "compared every file")


def variants_differ(dataset: Dataset) -> Check:
    """Variants are different datasets."""
    name = "variants differ"
    task = _original(dataset)
    if not has_variants(task):
        return Check(name, True, "not applicable: prepare.py splits real data, so only variant 0")
    if dataset.manifest.get("source", {}).get("kind") == "prepared":
        return Check(name, True, "not applicable: variants take raw data, these were prepared")
    seen: dict[str, int] = {}
    for variant in (0, *VARIANTS):
        options = replace(dataset.options, variant=variant)
        content = _test_rows(prepare(task, options, source=_given(dataset)))
        if content in seen:
            return Check(name, False, f"variants {seen[content]} and {variant} are equal")
        seen[content] = variant
    return Check(name, True, f"compared variants 0, {', '.join(map(str, VARIANTS))}")


def variants_do_not_leak(dataset: Dataset) -> Check:
    """Variants of real data are made of canonical training rows alone."""
    name = "variants show no canonical test row"
    task = _original(dataset)
    if not task.data.real or task.data.test_size is None:
        return Check(name, True, "not applicable: generated, or only what resplit() gave")
    table = clean(task, load_raw(task))
    train = set(split_variant(table, task, 0).train.tolist())
    canonical = _features(prepare(task, DatasetOptions()), ("train.csv",))
    for variant in VARIANTS:
        foreign_rows = set(split_variant(table, task, variant).rows.tolist()) - train
        if not foreign_rows and task.hook("prepare") is None:
            rows = _features(prepare(task, DatasetOptions(variant)), ("train.csv", "test.csv"))
            foreign_rows = set(rows - canonical)
        if foreign_rows:
            return Check(name, False, f"variant {variant} has {len(foreign_rows)} rows of the test")
    return Check(name, True, f"all rows of variants {VARIANTS} are canonical training rows")


def _content(dataset: Dataset) -> str:
    """A digest of all files, of a dataset whose answers only its own grader can read."""
    digest = hashlib.sha256()
    for folder in (dataset.public, *dataset.input_sets, dataset.private):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if path.name != TRUTH:
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _test_rows(dataset: Dataset) -> str:
    """What is asked and what is answered, but not which of it is public."""
    if not (dataset.private / "answers.csv").is_file():
        return _content(dataset)
    answers = read_csv(dataset.private / "answers.csv").drop(columns=USAGE)
    test = dataset.inputs / "test.csv"
    asked = [read_csv(test)] if test.is_file() else []
    drawn = [dataset.task.submission.id] if dataset.task.data.test_size is not None else []
    return "".join(
        table.drop(columns=drawn, errors="ignore").to_csv(index=False)
        for table in [answers, *asked]
    )


def _original(dataset: Dataset) -> TaskSpec:
    return load_task(dataset.task.folder)


def _given(dataset: Dataset) -> Path | None:
    """Where a competition's data came from."""
    source = dataset.manifest.get("source")
    return Path(source["path"]) if source else None


def _difference(first: Path, second: Path) -> str:
    """The first file that isn't the same in both folders; empty if there is none."""
    names = {str(p.relative_to(root)) for root in (first, second) for p in root.rglob("*")}
    for name in sorted(names):
        a, b = first / name, second / name
        if a.is_dir() and b.is_dir():
            continue
        if not (a.is_file() and b.is_file() and filecmp.cmp(a, b, shallow=False)):
            return name
    return ""


def _features(dataset: Dataset, files: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    """Rows without id and target, each with how often it occurs."""
    hidden = {dataset.task.submission.id, *(dataset.task.data.target or ())}
    rows: Counter[tuple[str, ...]] = Counter()
    for file in files:
        table = read_csv(dataset.inputs / file)
        table = table[[name for name in table.columns if name not in hidden]]
        numbers = table.select_dtypes("number").astype(float)  # 3 in one file is 3.0 in another
        rows.update(table.assign(**numbers).astype(str).itertuples(index=False, name=None))
    return rows
