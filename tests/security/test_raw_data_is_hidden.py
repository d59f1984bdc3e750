"""Packages contain the raw data of tasks, with labels. A search finds them, and masks hide them.

scikit-learn's wheel has those of every task that is built on it, SciPy's tests have iris, and what
a user adds may have anything in any format.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import random
import sqlite3
import struct
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.io

import mle_gym
from mle_gym.datasets.rows_in_packages import _prints_of, files_with_rows, holding_rows
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.installation.python_layout import layout_of
from mle_gym.sandbox.table_index import PROGRAM, indexed_files
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.trajectories.provenance import provenance
from tests.sandbox.conftest import start
from tests.sandbox.installation import Installation
from tests.security.bait import RAW_DATA
from tests.tiers import few_quick

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
SHOWN = layout_of(describe_python(None))(SITE_PACKAGES)
"""The same, as a sandbox shows it."""
TASKS = sorted(
    name for name in task_folders() if load_task(name).data.loader in ("sklearn", "openml")
)

SEARCH = """
import gzip, os, sys

def content(path):
    if path.endswith((".so", ".pyc", ".h")) or os.path.getsize(path) > 2_000_000:
        return b""
    with open(path, "rb") as file:
        data = file.read()
    return gzip.decompress(data) if path.endswith(".gz") else data

needles = open("needles.txt", "rb").read().splitlines()
for root in sys.argv[1:]:
    for folder, _, names in os.walk(root):
        for path in (os.path.join(folder, name) for name in names):
            try:
                data = content(path)
            except (OSError, EOFError):
                continue
            if any(needle in data for needle in needles):
                print(path)
"""
"""Every file of an installed package that could be a table, compressed ones included."""


def rows_of(path: Path) -> list[bytes]:
    """Some lines that only this data has: long ones from the middle of the file."""
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
    long_ones = [line.strip() for line in lines[len(lines) // 3 :] if len(line) > 15]
    return long_ones[:: max(1, len(long_ones) // 2)][:2]


def needles(task: str) -> bytes:
    rows = [row for file in RAW_DATA[task] for row in rows_of(SITE_PACKAGES / file)]
    assert rows, f"{task}: no raw rows to look for"
    return b"\n".join(rows) + b"\n"


@pytest.mark.bubblewrap
@pytest.mark.parametrize("task", few_quick(TASKS, ("titanic", "wine"), "a search for each task"))
def test_the_search_finds_every_place_that_is_known_by_itself(task: str) -> None:
    found = files_with_rows(load_task(task), "bubblewrap", SandboxConfig())
    known = {str(SHOWN / file) for file in RAW_DATA[task]}
    assert known <= set(found)
    others = {Path(file).name for file in set(found) - known}
    assert not [name for name in others if task.partition("-")[0] not in name], "masked in vain"


@pytest.mark.bubblewrap
def test_every_file_with_raw_rows_in_a_sandbox_is_found() -> None:
    """Without the masks a plain search for lines succeeds, and finds nothing that is not masked."""
    with get_backend("bubblewrap").create(SandboxConfig()) as sandbox:
        sandbox.write_file("needles.txt", b"".join(needles(task) for task in TASKS))
        sandbox.write_file("search.py", SEARCH.encode())
        command = f"python search.py {SHOWN}"
        seen = sandbox.execute(command, timeout=300).output.decode().split()
    config = SandboxConfig()
    masked = {file for t in TASKS for file in files_with_rows(load_task(t), "bubblewrap", config)}
    assert len(seen) >= len(TASKS)
    assert set(seen) <= masked


@pytest.mark.bubblewrap
@pytest.mark.parametrize("task", few_quick(TASKS, ("titanic", "wine"), "an episode for each task"))
def test_a_tasks_own_raw_data_cannot_be_read_in_its_environment(task: str) -> None:
    mle_gym.prepare(task)
    env = gym.make(load_task(task).env_id, sandbox="bubblewrap")
    env.reset(seed=0)
    env.step({"tool": "write_file", "path": "needles.txt", "content": needles(task).decode()})
    places = " ".join(str(SHOWN / file) for file in RAW_DATA[task])
    search = f"grep -rlaF -f needles.txt {SHOWN}/sklearn"
    observation, *_ = env.step(f"cat {places} | wc -c; {search}")
    env.close()
    assert observation["output"] == "0\n", observation["output"]


# ------------------------------------------------------------------------------ added by the user

WAYS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "plain.csv": lambda t: t.to_csv(index=False).encode(),
    "shuffled.csv.gz": lambda t: gzip.compress(_shuffled(t).to_csv(index=False).encode()),
    "rounded.tsv": lambda t: t.to_csv(sep="\t", float_format="%.7e").encode(),
    "commas.csv": lambda t: t.to_csv(sep=";", decimal=",", index=False).encode(),
    "some_columns.csv.bz2": lambda t: bz2.compress(t.iloc[:, 2:].to_csv(index=False).encode()),
    "some_rows.csv.xz": lambda t: lzma.compress(_shuffled(t).head(80).to_csv().encode()),
    "records.json": lambda t: t.to_json(orient="records", indent=1).encode(),
    "columns.json": lambda t: json.dumps(_shuffled(t).to_dict("list")).encode(),
    "indexed.json": lambda t: t.to_json().encode(),
    "table.arff": lambda t: b"@relation x\n@data\n" + t.to_csv(index=False, header=False).encode(),
    "rows.py": lambda t: f"rows = {t.values.tolist()!r}\n".encode(),
    "tall.py": lambda t: b"x = [\n" + ",\n".join(map(str, t.to_numpy().T.flat)).encode() + b"]",
    "text.py": lambda t: f'TEXT = """{t.to_csv(index=False)}"""\n'.encode(),
    "packed.zip": lambda t: _zip("inner/table.data", t.to_csv(index=False).encode()),
    "array.npy": lambda t: _saved(np.save, t.to_numpy()),
    "arrays.npz": lambda t: _saved(np.savez_compressed, np.asfortranarray(t.to_numpy("f4"))),
    "tables.sqlite": lambda t: _sqlite(t),
    "frame.pkl": lambda t: pickle.dumps(t),
    "frame.pkl.compress": lambda t: lzma.compress(pickle.dumps(t)),
    "old.pickle": lambda t: pickle.dumps(t.to_numpy().tolist(), protocol=0),
    "rows.pkl": lambda t: pickle.dumps(_shuffled(t).to_numpy().tolist()),
    "array.pkl": lambda t: pickle.dumps(_shuffled(t).to_numpy("f8"), protocol=4),
    "columns.pkl.gz": lambda t: gzip.compress(pickle.dumps({n: t[n].to_numpy() for n in t})),
    "floats.joblib": lambda t: _joblib(t.to_numpy("f4"), 0),
    "packed.joblib": lambda t: _joblib(t, 3),
    "objects.npy": lambda t: _saved(np.save, t.to_numpy(object)),
    "matrix.mat": lambda t: _mat(t.to_numpy("f8"), False),
    "packed.mat": lambda t: _mat(t.to_numpy("f8"), True),
    "array.h5": lambda t: b"\x89HDF\r\n\x1a\n" + zlib.compress(t.to_numpy("f8").tobytes()),
    "frame.parquet": lambda t: b"PAR1" + zlib.compress(t.to_csv().encode()) + b"PAR1",
    "large.csv": lambda t: b"9,8,7\n" * 1_500_000 + t.to_csv(index=False).encode(),
    "frame.rds": lambda t: gzip.compress(b"X\n" + _serialized(t)),
    "frames.rda": lambda t: lzma.compress(b"RDX2\nX\n" + _serialized(_shuffled(t))),
    "database.rdb": lambda t: b"".join(_database(t)),
}
"""Ways in which a package may contain a table of numbers."""


def _shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=1)


def _zip(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def _saved(save: Callable[[io.BytesIO, np.ndarray], None], values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    save(stream, values)
    return stream.getvalue()


def _sqlite(table: pd.DataFrame) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        with contextlib.closing(sqlite3.connect(file.name)) as database:
            pd.DataFrame({"a": range(9)}).to_sql("other", database)
            _shuffled(table).to_sql("of rows", database, index=False)
        return Path(file.name).read_bytes()


def _joblib(value: object, compress: int) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=compress)
    return stream.getvalue()


def _mat(values: np.ndarray, compressed: bool) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"other": "text", "X": values}, do_compression=compressed)
    return stream.getvalue()


def _serialized(table: pd.DataFrame) -> bytes:
    """A list of columns, whole numbers as integers, as R writes it: code 19, and 13 or 14 each."""
    parts = [struct.pack(">6i", 2, 0x40202, 0x20300, 0x313, table.shape[1], 0x40009)]
    parts.append(struct.pack(">i5s", 5, b"names"))
    for values in table.to_numpy("f8").T:
        kind, code = ("i", 0x0D) if (values % 1 == 0).all() else ("d", 0x20E)
        numbers = [int(value) if kind == "i" else value for value in values]
        parts.append(struct.pack(f">ii{len(numbers)}{kind}", code, len(numbers), *numbers))
    return b"".join(parts)


def _database(table: pd.DataFrame) -> Iterator[bytes]:
    """What R keeps of a package's data: objects in each way that it packs them."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    other = b"X\n" + _serialized(pd.DataFrame({"n": range(3)}))
    for mark, packed in (
        (b"0", other),
        (b"2", bz2.compress(other)),
        (b"Z", lzma.compress(other, lzma.FORMAT_RAW, filters=filters)),
        (b"", zlib.compress(b"X\n" + _serialized(table))),
    ):
        yield struct.pack(">i", len(other)) + mark + packed


def _decoys() -> Iterator[tuple[str, bytes]]:
    """Tables of the same shape and size of numbers, which are nobody's rows."""
    rng = random.Random(3)
    wine, iris = (load_raw(load_task(name)) for name in ("wine", "iris-pipeline"))
    alone = wine.apply(lambda column: column.sample(frac=1, random_state=rng.randrange(99)).values)
    yield "columns_apart.csv", alone.to_csv(index=False).encode()
    lines = (",".join(f"{rng.uniform(0, 8):.1f}" for _ in iris.columns) for _ in range(150))
    yield "like_iris.csv", "\n".join(lines).encode()
    yield "bits.csv", "\n".join(f"{n % 2},{n % 3},1,0,0,1,1,0,{n % 2}" for n in range(900)).encode()
    yield "counts.txt", "\n".join(" ".join(map(str, range(n, n + 9))) for n in range(900)).encode()
    yield "columns_apart.pkl", pickle.dumps(alone.to_numpy("f8"))
    yield "like_wine.joblib", _joblib(alone.sample(frac=1).to_numpy("f4"), 3)
    yield "weights.pkl", pickle.dumps({"w": np.random.default_rng(1).normal(size=(90, 40))})
    yield "code.py", b"def f(x):\n    return [x, 1, 2, 3]\n"


LOOKED_INTO = (
    *("frame.pkl", "old.pickle", "rows.pkl", "array.pkl", "columns.pkl.gz", "floats.joblib"),
    *("packed.joblib", "objects.npy", "matrix.mat", "packed.mat", "frame.pkl.compress"),
)
LOOK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from find_tables import lines_of
for path in sys.argv[2:]:
    for line in lines_of(path):
        print(json.dumps(line))
"""

CARRIED = ("wine", "iris-pipeline", "breast-cancer", "titanic", "diabetes", "zoo")


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Installation:
    """An installation with one distribution that carries tables of three tasks in many formats."""
    made = Installation(tmp_path_factory.mktemp("carrier") / "host")
    files = {f"decoys/{name}": content for name, content in _decoys()}
    for task in ("wine", "iris-pipeline", "breast-cancer"):
        table = load_raw(load_task(task))
        files |= {f"{task}/{name}": way(table) for name, way in WAYS.items()}
    titanic = load_raw(load_task("titanic"))
    known = titanic[["survived", "sex", "age", "fare", "pclass"]].head(891)
    files["titanic/numbers.csv"] = known.to_csv(index=False).encode()
    files["titanic/names.txt"] = "\n".join(titanic["name"]).encode()
    zoo = load_raw(load_task("zoo")).replace({True: 1, False: 0, "true": 1, "false": 0})
    diabetes = load_raw(load_task("diabetes"))
    files["diabetes/answers.txt"] = "\n".join(map(str, diabetes["target"])).encode()
    files["zoo/zoo.tab"] = zoo.to_csv(sep="\t", index=False).encode()
    made.install("carrier", {f"carrier/{name}": content for name, content in files.items()})
    cached = made.site / "carrier" / "wine" / "__pycache__" / "rows.cpython-0.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"compiled")
    return made


def seen(carrier: Installation) -> str:
    """The package's folder, as a sandbox shows it."""
    return str(layout_of(describe_python(carrier.python))(carrier.site) / "carrier")


def unread(carrier: Installation) -> set[str]:
    """What the search can't look into, so that no task shows it: without NumPy, pickles too."""
    pickles = (".pkl", ".pickle", ".pkl.gz", ".compress", ".joblib")
    kinds = (*pickles, ".mat", ".h5", ".parquet", "large.csv")
    folder = carrier.site / "carrier"
    names = {str(file.relative_to(folder)) for file in folder.rglob("*.*")}
    return {name for name in names if name.endswith((*kinds, "objects.npy"))}


@pytest.mark.slow("it tries every start and width of many arrays")
def test_with_numpy_pickles_and_arrays_are_looked_into(tmp_path: Path) -> None:
    """By a program that loads none of them."""
    files = {f"wine-{name}": WAYS[name](load_raw(load_task("wine"))) for name in LOOKED_INTO}
    files |= {name: data for name, data in _decoys() if name.endswith((".pkl", ".joblib"))}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    program = [sys.executable, "-c", LOOK, str(PROGRAM), *(str(tmp_path / name) for name in files)]
    (tmp_path / "index").write_bytes(
        subprocess.run(program, capture_output=True, check=True).stdout
    )
    index, prints = indexed_files(tmp_path / "index"), _prints_of(load_task("wine"))
    assert not [file.path for file in index if file.unread]
    holding = {Path(file.path).name for file in holding_rows(index, prints)}
    assert holding == {f"wine-{name}" for name in LOOKED_INTO}


@pytest.mark.bubblewrap
@pytest.mark.slow("it searches another installation's packages")
@pytest.mark.parametrize("task", CARRIED)
def test_rows_in_what_a_user_adds_are_found_in_every_format(
    carrier: Installation, task: str
) -> None:
    config = SandboxConfig(python=carrier.python, packages=("carrier",))
    found = files_with_rows(load_task(task), "bubblewrap", config)
    files = (carrier.site / "carrier" / task).glob("*.*")
    carried = {f"{seen(carrier)}/{task}/{file.name}" for file in files}
    others = {f"{seen(carrier)}/{file}" for file in unread(carrier)}
    assert {file for file in found if file.startswith(seen(carrier))} == carried | others


@pytest.mark.bubblewrap
@pytest.mark.slow("it searches another installation's packages")
def test_an_agent_reads_none_of_it_and_all_the_rest(carrier: Installation) -> None:
    arguments = {"sandbox_python": str(carrier.python), "packages": ["carrier"]}
    env = gym.make("mle/wine-v0", sandbox="bubblewrap", **arguments)
    _, info = env.reset(seed=0)
    record = provenance(env, info)
    count = "find {} -type f -size +0 | wc -l"
    folder = seen(carrier)
    commands = "; ".join(count.format(f"{folder}/{name}") for name in ("wine", "decoys", "titanic"))
    observation, *_ = env.step(commands)
    env.close()
    decoys = len(dict(_decoys())) - sum(name.startswith("decoys") for name in unread(carrier))
    assert observation["output"].split() == ["0", str(decoys), "2"]
    assert record["packages"] == {"carrier": "1.0"}
    assert {f"carrier/wine/{name}" for name in WAYS} <= set(record["masked"])


@pytest.mark.bubblewrap
@pytest.mark.slow("the control of the test above")
def test_without_the_masks_it_would(carrier: Installation) -> None:
    config = SandboxConfig(python=carrier.python, packages=("carrier",))
    with start("bubblewrap", config) as sandbox:
        command = f"find {seen(carrier)}/wine -name '*.*' -size +0 | wc -l"
        assert int(sandbox.execute(command, timeout=20).output) == len(WAYS)


# ------------------------------------------------------------------------ beside Python's packages

ELSEWHERE = (
    "lib/R/library/MASS/data/Rdata.rdb",
    "local/lib/R/site-library/mlbench/data/Rdata.rdb",
    "lib/node_modules/vega-datasets/data/table.json",
    "share/nodejs/vega-datasets/data/table.json",
    "share/miniconda/pkgs/orange-3/table.json",
    "share/miniconda/lib/python3.9/site-packages/orange/table.json",
    "share/a/program/that/brings/lib/python3.9/site-packages/orange/table.json",
    "share/doc/frames.rda",
)


@pytest.mark.bubblewrap
@pytest.mark.slow("it searches what is shown twice")
def test_rows_that_lie_elsewhere_in_what_is_shown_are_not_there(tmp_path: Path) -> None:
    """In other languages' packages, other interpreters', and what programs bring along.

    They come last, when what is shown has been searched before.
    """
    made, table = Installation(tmp_path / "host"), load_raw(load_task("wine"))
    env = gym.make("mle/wine-v0", sandbox="bubblewrap", sandbox_python=str(made.python))
    env.reset(seed=0)
    files = [tmp_path / "host" / place for place in ELSEWHERE]
    for file in files:
        file.parent.mkdir(parents=True)
        way = {".rdb": "database.rdb", ".rda": "frames.rda", ".json": "records.json"}[file.suffix]
        file.write_bytes(WAYS[way](table))
    describe_python.cache_clear()  # as another process would
    env.reset(seed=1)
    observation, *_ = env.step(f"find {' '.join(map(str, files))} -size +0 2>/dev/null")
    env.close()
    assert observation["output"] == ""


@pytest.mark.docker
def test_an_images_copies_are_found_too(docker_host: str) -> None:
    for task in ("wine", "iris-pipeline"):
        found = files_with_rows(load_task(task), "docker", SandboxConfig())
        names = {Path(file).name for file in RAW_DATA[task]}
        assert names <= {Path(file).name for file in found}


def test_every_task_has_a_known_place() -> None:
    assert sorted(RAW_DATA) == TASKS
    assert all((SITE_PACKAGES / file).is_file() for files in RAW_DATA.values() for file in files)
