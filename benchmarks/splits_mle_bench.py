"""Compares train and test with those that a checkout of MLE-bench prepares.

    python -m benchmarks.splits_mle_bench PATH/TO/mle-bench [--raw DIR]

For each competition of the Lite split, both projects prepare the same raw data, and every file is
compared: names, rows and their order, bytes of media. The data are made up as in the tests, or come
from ``DIR/<competition>``, which is copied first, since MLE-bench writes to its raw folder.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.sources.kaggle.adopt import ANSWER_FILES
from mle_gym.datasets.tables import read_csv
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task, task_folders

TFRECORD = str(bundled("envs") / "siim-isic-melanoma-classification" / "tfrecord.py")
MELANOMA = runpy.run_path(TFRECORD)
DRIVER = """
import importlib, pathlib, runpy, sys
from types import SimpleNamespace
try:
    import tensorflow
except ImportError:  # one prepare.py reads names from TFRecord files
    melanoma = runpy.run_path(TFRECORD)
    features, read_records, texts = (melanoma[n] for n in ("features", "read_records", "texts"))
    class Names(dict):
        def __missing__(self, name):
            return SimpleNamespace(bytes_list=SimpleNamespace(value=texts(self.encoded[name])))
    def parse(content):
        names = Names()
        names.encoded = features(content)
        return SimpleNamespace(features=SimpleNamespace(feature=names))
    def dataset(path):
        for content in read_records(pathlib.Path(path)):
            yield SimpleNamespace(numpy=lambda content=content: content)
    sys.modules["tensorflow"] = SimpleNamespace(
        data=SimpleNamespace(TFRecordDataset=dataset),
        train=SimpleNamespace(Example=SimpleNamespace(FromString=parse)),
    )
raw, public, private = map(pathlib.Path, sys.argv[2:])
module = importlib.import_module(f"mlebench.competitions.{sys.argv[1]}.prepare")
module.prepare(raw, public, private)
""".replace("TFRECORD", repr(TFRECORD))
OURS = {"description.md", "sample_submission.csv"}
"""Public files that we add if MLE-bench has none of that name."""


MOST = 5
"""How many differences of a competition are shown."""


class TheirsFailed(RuntimeError):
    """MLE-bench's prepare.py failed on these data."""


def main(arguments: list[str] | None = None) -> int:
    """Compare all of them. Returns 0 if only what ``docs/kaggle.md`` names differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a clone of openai/mle-bench")
    parser.add_argument("--python", default=sys.executable, help="a Python that can run it")
    parser.add_argument("--raw", type=Path, help="a folder of real raw data, by competition")
    options = parser.parse_args(arguments)
    table = Table("competition", "files", "test rows", "differences", title="Splits of MLE-bench")
    differing = 0
    for name in sorted(task_folders()):
        if "mle-bench-lite" not in load_task(name).tags:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                files, rows, differences = _compare(name, Path(folder), options)
            except TheirsFailed as error:
                files, rows, differences = 0, 0, [f"MLE-bench's prepare.py failed: {error}"]
        differing += bool(differences)
        listed = [*differences[:MOST], *(["…"] if len(differences) > MOST else [])]
        table.add_row(name, str(files), str(rows), "\n".join(listed) or "none")
    Console(width=160).print(table)
    return int(differing > 0)


def _compare(
    name: str, folder: Path, options: argparse.Namespace
) -> tuple[int, int, list[str]]:  # fmt: skip
    """Files and test rows compared, and what differs."""
    raw = folder / "raw"
    if options.raw:
        shutil.copytree(options.raw / name, raw)
    else:
        from tests.envs.raw_data import MAKERS

        raw.mkdir()
        MAKERS[name](raw, np.random.default_rng(0))
    os.environ["MLE_GYM_CACHE"] = str(folder / "cache")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*these raw data are not those")
        ours = prepare(name, source=raw)
    theirs = folder / "theirs"
    for part in ("public", "private"):
        (theirs / part).mkdir(parents=True)
    _run(name, raw, theirs, options)
    answers = read_csv(ours.private / "answers.csv")
    differences = _different(ours.public, theirs / "public")
    difference = _different_answers(name, ours.private, theirs / "private")
    count = sum(path.is_file() for path in (theirs / "public").rglob("*"))
    return count, len(answers), differences + difference


def _run(name: str, raw: Path, theirs: Path, options: argparse.Namespace) -> None:
    """Run MLE-bench's prepare.py without its assertions, which count the real data's rows."""
    package = Path(__file__).resolve().parent.parent
    paths = os.pathsep.join([str(options.checkout), str(package)])
    places = [str(raw), str(theirs / "public"), str(theirs / "private")]
    command = [options.python, "-O", "-W", "ignore", "-c", DRIVER, name, *places]
    environment = os.environ | {"PYTHONPATH": paths}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=theirs)
    if result.returncode:
        raise TheirsFailed(result.stderr.strip().splitlines()[-1])


def _different(ours: Path, theirs: Path) -> list[str]:
    names = [
        {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        for root in (ours, theirs)
    ]
    found = [f"only ours: {name}" for name in sorted(names[0] - names[1] - OURS)]
    found += [f"only theirs: {name}" for name in sorted(names[1] - names[0])]
    both = sorted(names[0] & names[1])
    return found + [name for name in both if not _same(ours / name, theirs / name)]


def _same(first: Path, second: Path) -> bool:
    """Compare tables by their values in order, archives by their files, others by their bytes."""
    if first.suffix == ".csv":
        return pd.read_csv(first).equals(pd.read_csv(second))
    if first.suffix == ".json":
        return bool(json.loads(first.read_bytes()) == json.loads(second.read_bytes()))
    if first.suffix == ".zip":
        return _unzipped(first) == _unzipped(second)
    if first.suffix == ".tfrec":
        return _records(first) == _records(second)
    if first.suffix == ".txt":
        return first.read_text().splitlines()[1:] == second.read_text().splitlines()[1:]
    return first.read_bytes() == second.read_bytes()


def _records(path: Path) -> list[dict[str, bytes]]:
    """A TFRecord file without the labels, which our test files lack."""
    labels = {"target", "diagnosis", "benign_malignant"}
    found = (MELANOMA["features"](record) for record in MELANOMA["read_records"](path))
    return [{name: one[name] for name in one if name not in labels} for one in found]


def _unzipped(path: Path) -> dict[str, bytes | str]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: _content(archive, name) for name in names}


def _content(archive: zipfile.ZipFile, name: str) -> bytes | str:
    if not name.endswith(".csv"):
        return archive.read(name)
    with archive.open(name) as file:
        return pd.read_csv(file).to_csv(index=False)


def _different_answers(name: str, ours: Path, theirs: Path) -> list[str]:
    """Compare our answers, in our columns, with the file that MLE-bench grades with."""
    columns = list(load_task(name).submission.columns)
    mine = pd.read_csv(ours / "answers.csv")
    counted = mine["Usage"] != "Ignored"
    for file in ANSWER_FILES:
        if not (theirs / file).is_file():
            continue
        table = pd.read_csv(theirs / file)
        if set(columns) <= set(table.columns):
            table = table.drop_duplicates(columns[-1] if name.startswith("detecting") else None)
            table = table[columns].reset_index(drop=True)
            same = table[columns][counted].equals(mine[columns][counted])
            return [] if same and len(table) == len(mine) else [f"answers ({file})"]
    return ["no answers of theirs found"]


if __name__ == "__main__":
    sys.exit(main())
