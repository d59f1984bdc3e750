from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import _openml

from mle_gym.datasets.sources import bundled
from mle_gym.datasets.sources import openml as openml_source
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.tables import digest
from mle_gym.errors import DatasetError
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.spec import TaskSpec
from tests.task_folders import MakeTask, fruit

WHEEL = Path(sklearn.__file__).parents[1]
COMPLETE = ("3", "61", "62", "561", "40675", "40945", "42585")


class OpenML(BaseHTTPRequestHandler):
    """Answers like openml.org, from the bytes of scikit-learn's own tests."""

    def do_GET(self) -> None:
        body = self._body()
        self.send_response(200 if body is not None else 412)
        self.end_headers()
        self.wfile.write(body if body is not None else b'{"error": {"code": "111"}}')

    def _body(self) -> bytes | None:
        api = re.fullmatch(r"/api/v1/json/data/(?:(features|qualities)/)?(\d+)", self.path)
        if api is None:
            data_id = self.path.strip("/").partition("/")[0]
            return gzip.decompress(next(self._folder(data_id).glob("*.arff.gz")).read_bytes())
        name = {None: "jd", "features": "jdf", "qualities": "jdq"}[api[1]]
        file = self._folder(api[2]) / f"api-v1-{name}-{api[2]}.json.gz"
        if not file.is_file():
            return None
        content = gzip.decompress(file.read_bytes())
        return self._moved(content, api[2]) if name == "jd" else content

    def _moved(self, content: bytes, data_id: str) -> bytes:
        """The description, pointing at this server's copy of the data."""
        described = json.loads(content)
        data = gzip.decompress(next(self._folder(data_id).glob("*.arff.gz")).read_bytes())
        described["data_set_description"] |= {
            "url": f"http://{self.headers['Host']}/{data_id}/data.arff",
            "md5_checksum": hashlib.md5(data).hexdigest(),
        }
        return json.dumps(described).encode()

    def _folder(self, data_id: str) -> Path:
        return WHEEL / "sklearn/datasets/tests/data/openml" / f"id_{data_id}"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Iterator[ThreadingHTTPServer]:
    """A local openml.org that scikit-learn asks instead of the real one."""
    del own_cache
    server = ThreadingHTTPServer(("127.0.0.1", 0), OpenML)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    _redirect(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    server.server_close()


def _redirect(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    """Replace scikit-learn's address of openml.org, which depends on its version, by ``base``."""
    official = re.compile(r"https://(www\.|api\.)?openml\.org/")
    changed = 0
    for name, value in vars(_openml).copy().items():
        if isinstance(value, str) and official.match(value):
            monkeypatch.setattr(_openml, name, official.sub(base, value))
            changed += 1
    assert changed
    monkeypatch.setattr(_openml.time, "sleep", lambda seconds: None)


def openml_task(make_task: MakeTask, ref: str, pinned: str | None = None) -> TaskSpec:
    pinned = pinned or digest_in_wheel(ref)
    return load_task(make_task({"data": {"loader": "openml", "ref": ref, "digest": pinned}}))


def digest_in_wheel(ref: str) -> str:
    table = openml_source._openml_from_wheel(ref)
    return "0" * 64 if table is None else digest(table)


@pytest.mark.parametrize("ref", COMPLETE)
@pytest.mark.usefixtures("openml")
def test_wheel_and_network_give_the_same_table(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    task = openml_task(make_task, ref)
    local = load_raw(task)
    monkeypatch.setattr(openml_source, "OPENML", "stripped/by/a/distribution")
    remote = load_raw(task)
    pd.testing.assert_frame_equal(local, remote)
    assert digest(remote) == task.data.digest


@pytest.mark.usefixtures("openml")
def test_a_wheel_copy_other_than_the_pinned_table_is_not_used(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = openml_source._openml_from_wheel("561")
    assert full is not None
    monkeypatch.setattr(openml_source, "_openml_from_wheel", lambda ref: full.head(5))
    task = openml_task(make_task, "561", pinned=digest(full))
    assert len(load_raw(task)) == len(full)


@pytest.mark.usefixtures("openml")
def test_openml_data_other_than_the_pinned_table_are_refused(make_task: MakeTask) -> None:
    task = openml_task(make_task, "561", pinned="ab" * 32)
    with pytest.raises(DatasetError, match=r"task\.toml: data\.digest: expected abab.*found [0-9a-f]{64} for OpenML 561"):  # noqa: E501  # fmt: skip
        load_raw(task)


@pytest.mark.usefixtures("openml")
def test_an_unknown_openml_id_is_told(make_task: MakeTask) -> None:
    with pytest.raises(DatasetError, match=r"OpenML dataset 999999: .*999999 not found"):
        load_raw(openml_task(make_task, "999999"))


def test_being_offline_is_told_with_what_to_do(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    _redirect(monkeypatch, "http://127.0.0.1:9/")
    with pytest.raises(DatasetError) as caught:
        load_raw(openml_task(make_task, "999999"))
    assert "OpenML dataset 999999 can't be downloaded: no connection to" in str(caught.value)
    assert str(own_cache) in str(caught.value)
    with pytest.raises(DatasetError, match="scikit-learn's wheel has other data under this id"):
        load_raw(openml_task(make_task, "561", pinned="ab" * 32))


@pytest.mark.parametrize("ref", ["titanic", "-3", "0", "1.5", "\uff19"])
def test_an_openml_ref_is_a_number(make_task: MakeTask, ref: str) -> None:
    with pytest.raises(DatasetError, match="expected an OpenML id"):
        load_raw(openml_task(make_task, ref))


@pytest.mark.parametrize("ref", bundled.SKLEARN)
def test_sklearn_tables_are_pinned_by_their_digest(make_task: MakeTask, ref: str) -> None:
    changes = {"loader": "sklearn", "ref": ref, "digest": "0" * 64}
    with pytest.raises(DatasetError, match=r"data\.digest: expected 000.*, found \w+ for sklearn") as caught:  # noqa: E501  # fmt: skip
        load_raw(load_task(make_task({"data": changes})))
    found = re.search(r"found (\w{64})", str(caught.value))
    assert found
    table = load_raw(load_task(make_task({"data": changes | {"digest": found[1]}})))
    assert len(table) >= 20


def test_an_unknown_sklearn_dataset_lists_the_known(make_task: MakeTask) -> None:
    task = load_task(make_task({"data": {"loader": "sklearn", "ref": "wines", "digest": "0" * 64}}))
    with pytest.raises(DatasetError, match=r"expected one of breast_cancer, .*found 'wines'"):
        load_raw(task)


def test_every_cell_of_a_file_is_the_text_that_it_is(make_task: MakeTask) -> None:
    table = fruit().assign(colour="NA", tree="007", weight="7.50")
    task = load_task(make_task(table=table))
    pd.testing.assert_frame_equal(load_raw(task), table.astype(str).astype(object))
    pinned = load_task(make_task({"data": {"digest": "0" * 64}}))
    with pytest.raises(DatasetError, match=r"data\.digest: expected 000"):
        load_raw(pinned)


GENERATE = """
import pandas as pd

def generate(rng, variant):
    return pd.DataFrame({"x": rng.normal(size=50), "ripe": rng.integers(0, 2, 50)})
"""


def test_each_variant_of_a_generated_task_is_fresh_data(make_task: MakeTask) -> None:
    changes = {"data": {"loader": "generate", "ref": None}}
    task = load_task(make_task(changes, files={"generate.py": GENERATE}))
    tables = [load_raw(task, variant) for variant in (0, 1, -1)]
    assert not np.isin(tables[0]["x"], pd.concat(tables[1:])["x"]).any()
    pd.testing.assert_frame_equal(tables[1], load_raw(task, 1))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def generate(rng): return 1 / 0", r"generate\(rng\) failed: ZeroDivisionError"),
        ("def generate(rng, seed): ...", r"expected generate\(rng, …\) with any of variant, "),
        ("def generate(): ...", r"expected generate\(rng, …\) with any of .*generate\(\)"),
        (
            "def generate(rng, variant): return 3",
            "generate: expected a DataFrame with rows or an Instance, found int",
        ),
        ("x = 1", "generate: expected a function of that name, found none"),
        ("import no_such_module_here", "expected Python that runs, found: ModuleNotFound"),
    ],
)
def test_a_broken_generator_is_named(make_task: MakeTask, code: str, message: str) -> None:
    changes = {"data": {"loader": "generate", "ref": None}}
    task = load_task(make_task(changes, files={"generate.py": code}))
    with pytest.raises(DatasetError, match=f"generate.py: {message}"):
        load_raw(task)
