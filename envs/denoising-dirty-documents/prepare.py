"""A fifth of Kaggle's pairs of pages is the test set, as in MLE-bench; a row is a pixel."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, place_all
from mle_gym.errors import DatasetError


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    pages = sorted(path.name for path in (raw / "train").glob("*.png"))
    train, test = resplit(*train_test_split(pages, test_size=0.2, random_state=0))
    place_all({name: name for name in sorted(train)}, raw / "train", public / "train")
    place_all({name: name for name in sorted(test)}, raw / "train", public / "test")
    cleaned = raw / "train_cleaned"
    place_all({name: name for name in sorted(train)}, cleaned, public / "train_cleaned")
    files = (private / "answers.csv", public / "sampleSubmission.csv")
    with files[0].open("w") as answers, files[1].open("w") as sample:
        for at, name in enumerate(sorted(test)):
            rows = pixels(cleaned / name)
            rows.to_csv(answers, index=False, header=at == 0)
            rows.assign(value=1).to_csv(sample, index=False, header=at == 0)
    (public / "sample_submission.csv").hardlink_to(files[1])


def pixels(path: Path) -> pd.DataFrame:
    """The grey values of a page from 0 (black) to 1, row by row, with rows and columns from 1."""
    try:
        from PIL import Image
    except ImportError:
        raise DatasetError("reading pictures takes pillow: pip install 'mle-gym[kaggle]'") from None
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    names = [f"{path.stem}_{y}_{x}" for y in range(1, height + 1) for x in range(1, width + 1)]
    return pd.DataFrame({"id": names, "value": grey.ravel() / 255})


def plain(public: Path, rng: np.random.Generator) -> str:
    """The folders are plain already, and a pixel's id begins with the name of its page."""
    return """\
`train/` holds pictures, and `train_cleaned/` what should become of them, under the same names;
`test/` holds pictures to change likewise. A row is a pixel: its id is the name of the picture, the
row and the column, both counted from 1, and `target` its grey value: 0 is black, 1 is white."""
