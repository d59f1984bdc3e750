"""scikit-learn's metrics, imported when one of them is first needed."""

from __future__ import annotations

from types import ModuleType

__all__ = ["sklearn_metrics"]


def sklearn_metrics() -> ModuleType:
    """The module ``sklearn.metrics``.

    The import is not at the top of this file because it takes a second or more, which neither
    ``import mle_gym.env`` nor tasks whose metric requires only NumPy should pay.
    """
    import sklearn.metrics

    module: ModuleType = sklearn.metrics
    return module
