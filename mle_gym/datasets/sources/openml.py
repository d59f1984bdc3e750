"""Tables of OpenML: from scikit-learn's wheel where it has them, else over the network."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

import pandas as pd

from mle_gym.datasets.sources.arff import parse_arff
from mle_gym.datasets.sources.bundled import sklearn_datasets
from mle_gym.datasets.sources.pinned import check_digest
from mle_gym.datasets.tables import canonical, digest
from mle_gym.errors import DatasetError
from mle_gym.ownership import own_cache
from mle_gym.paths import cache_folder

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["is_bundled", "load_openml"]


OPENML = "sklearn/datasets/tests/data/openml"


def load_openml(task: TaskSpec) -> pd.DataFrame:
    """From the wheel if its copy is the pinned table, else over the network.

    The wheel's copies serve scikit-learn's own tests, and some are cut to a few rows.
    """
    local = _openml_from_wheel(task.data.ref)
    if local is not None and digest(local) == task.data.digest:
        return local
    try:
        remote = _openml_from_network(task)
    except DatasetError as error:
        if local is None:
            raise
        found = f"scikit-learn's wheel has other data under this id (digest {digest(local)})"
        raise DatasetError(f"{error}; {found}") from error
    where = f"{task.folder / 'task.toml'}: data.digest"
    check_digest(where, task.data.digest, remote, f"OpenML {task.data.ref}")
    return remote


def is_bundled(task: TaskSpec) -> bool:
    """Whether a task's data can be had without a network."""
    return task.data.loader not in ("openml", "kaggle") or _wheel_folder(task.data.ref).is_dir()


def _wheel_folder(ref: str) -> Path:
    """Where scikit-learn's wheel would have an OpenML table."""
    package = find_spec("sklearn")
    root = Path(package.origin).parent.parent if package and package.origin else Path()
    return root / OPENML / f"id_{ref}"


def _openml_from_wheel(ref: str) -> pd.DataFrame | None:
    """The table in scikit-learn's wheel; None where a distribution has stripped it."""
    folder = _wheel_folder(ref)
    features_file = folder / f"api-v1-jdf-{ref}.json.gz"
    files = sorted(folder.glob("data-v1-dl-*.arff.gz"))
    if not files or not features_file.is_file():
        return None
    features = json.loads(gzip.decompress(features_file.read_bytes()))["data_features"]["feature"]
    try:
        attributes, columns = parse_arff(gzip.decompress(files[0].read_bytes()))
    except DatasetError:  # sparse ARFF
        return None
    nominal = {column.name for column in attributes if column.kind == "nominal"}
    table = pd.DataFrame(dict(zip((a.name for a in attributes), columns, strict=True)))
    table = table[_openml_columns(features)]
    return canonical(table.astype({name: "category" for name in table if name in nominal}))


def _openml_columns(features: list[dict[str, str]]) -> list[str]:
    """The columns that ``fetch_openml`` gives, targets last; it leaves out row identifiers."""
    targets = [f["name"] for f in features if f["is_target"] == "true"]
    others = [
        f["name"]
        for f in features
        if "true" not in (f["is_target"], f["is_ignore"], f["is_row_identifier"])
    ]
    return others + targets


def _openml_from_network(task: TaskSpec) -> pd.DataFrame:
    ref = task.data.ref
    if not re.fullmatch("[1-9][0-9]{0,17}", ref):
        raise DatasetError(f"{task.id}: data.ref: expected an OpenML id (a number), found {ref!r}")
    where = f"{task.id}: OpenML dataset {ref}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # retries; "inactive" data are what the digest pins
            bunch = sklearn_datasets().fetch_openml(
                data_id=int(ref), as_frame=True, parser="liac-arff",
                data_home=str(own_cache("openml")),
            )  # fmt: skip
    except HTTPError as error:
        reason = f"{error.code} {error.reason}"
        raise DatasetError(f"{where}: openml.org answered {reason}; try again later") from None
    except (URLError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise DatasetError(
            f"{where} can't be downloaded: no connection to www.openml.org ({error}); "
            "prepare this task once on a machine that is online and copy its cache folder "
            f"({cache_folder()}) here"
        ) from None
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from None
    return canonical(bunch.frame[[*bunch.feature_names, *bunch.target_names]])
