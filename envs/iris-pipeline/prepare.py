"""Makes the tables what three stations would have written, and adds the pipeline to mend."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
STATIONS = ("north", "south", "west")
NOT_MEASURED = {"north": "", "south": "-99", "west": "n/a"}
MISSING = 0.12
"""Fraction of the measurements that are missing."""


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    for part in ("train", "test"):
        file = public / f"{part}.csv"
        table = pd.read_csv(file)
        table.insert(1, "station", rng.choice(STATIONS, len(table)))
        missing = rng.random((len(table), len(LENGTHS))) < MISSING
        for place, name in enumerate(LENGTHS):
            cells = zip(table["station"], table[name], missing[:, place], strict=True)
            table[name] = [written(*cell) for cell in cells]
        table.to_csv(file, index=False, lineterminator="\n")
    shutil.copyfile(Path(__file__).with_name("pipeline.py"), public / "pipeline.py")


def written(station: str, centimetres: float, missing: bool) -> str:
    """What a station writes down: the south measures in millimetres."""
    if missing:
        return NOT_MEASURED[station]
    return f"{centimetres * 10:.0f}" if station == "south" else f"{centimetres:.1f}"
