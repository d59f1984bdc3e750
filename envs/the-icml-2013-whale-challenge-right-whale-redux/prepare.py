"""Of the four days of labelled clips the first two are for training, the last two the test set."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Resplit, write_table, zip_files
from mle_gym.errors import DatasetError

DAYS = 4


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    clips = sorted((raw / "train2").glob("*.aif"))
    days = sorted({day_of(clip) for clip in clips})
    if len(days) != DAYS:
        raise DatasetError(f"{raw / 'train2'}: expected clips of {DAYS} days, found {len(days)}")
    train = [clip for clip in clips if day_of(clip) in days[:2]]
    test = [clip for clip in clips if day_of(clip) in days[2:]]
    train, test = resplit(train, test)
    names = [re.sub(r"TRAIN\d+", f"TRAIN{at}", clip.name) for at, clip in enumerate(train)]
    asked = [clip.name.split("TRAIN")[0] + f"Test{at}.aif" for at, clip in enumerate(test)]
    for folder, new, old in (("train2", names, train), ("test2", asked, test)):
        members = ((f"{folder}/{name}", clip) for name, clip in zip(new, old, strict=True))
        zip_files(public / f"{folder}.zip", members)
    calls = [int(clip.stem.endswith("_1")) for clip in test]
    answers = pd.DataFrame({"clip": asked, "probability": calls})
    write_table(answers, private / "answers.csv")
    write_table(answers.assign(probability=0), public / "sampleSubmission.csv")


def day_of(clip: Path) -> str:
    return clip.name.split("_")[0]


def plain(public: Path, rng: np.random.Generator) -> str:
    """A table of what the names of clips tell, but for the time."""
    (public / "test2").rename(public / "test")
    clips = sorted((public / "train2").rename(public / "train").iterdir())
    calls = [int(clip.stem.endswith("_1")) for clip in clips]
    table = pd.DataFrame({"clip": [clip.name for clip in clips], "probability": calls})
    write_table(table, public / "train.csv")
    return ""
