"""Tables that scikit-learn's wheel carries as its own."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.tables import canonical
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["load_sklearn", "sklearn_datasets"]


SKLEARN = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
"""The tables that come with scikit-learn, by the names of their loaders."""


def sklearn_datasets() -> ModuleType:
    """The module ``sklearn.datasets``, which is slow to import and not for every loader."""
    from sklearn import datasets

    module: ModuleType = datasets
    return module


def load_sklearn(task: TaskSpec) -> pd.DataFrame:
    """One of the tables that scikit-learn has a loader for; ``data.ref`` is its name."""
    ref = task.data.ref
    if ref not in SKLEARN:
        known = ", ".join(SKLEARN)
        raise DatasetError(f"{task.id}: data.ref: expected one of {known}, found {ref!r}")
    options: dict[str, Any] = {"scaled": False} if ref == "diabetes" else {}
    try:
        bunch = getattr(sklearn_datasets(), f"load_{ref}")(as_frame=True, **options)
    except OSError as error:
        raise DatasetError(
            f"{task.id}: scikit-learn's own copy of {ref!r} can't be read ({error}); "
            "reinstall scikit-learn from PyPI"
        ) from None
    return canonical(bunch.frame)
