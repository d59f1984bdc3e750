"""A tenth of the sentences of Kaggle's training data is the test set, numbered anew."""

from pathlib import Path

import numpy as np

from mle_gym.datasets.toolkit import Resplit, plain_language, prepare_language


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    prepare_language("ru", raw, public, private, resplit)


def plain(public: Path, rng: np.random.Generator) -> str:
    return plain_language("ru", public)
