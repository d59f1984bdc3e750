"""Shortens training tables: what ``train_rows`` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mle_gym.datasets.keys import generator
from mle_gym.datasets.splits import nested_order, strata

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import DatasetOptions
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["shorten"]


def shorten(task: TaskSpec, options: DatasetOptions, train: pd.DataFrame) -> pd.DataFrame:
    """So many training rows as the options ask for, or all where there are fewer.

    A smaller number keeps a part of a larger one's rows, in their order: drawn by chance, or the
    last ones where the order of rows means something.
    """
    wanted, data = options.train_rows, task.data
    if wanted is None or wanted >= len(train):
        return train
    if data.ordered:
        return train.tail(wanted).reset_index(drop=True)
    by_class = data.stratify and set(data.target or ()) <= set(train.columns)
    labels = strata(train, data.target or ()) if by_class else None
    rng = generator(task, options.variant, "train_rows")
    return train.iloc[np.sort(nested_order(labels, rng, len(train))[:wanted])]
