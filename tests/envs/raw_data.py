"""Made-up raw data of competitions: tiny, and of exactly the shape that Kaggle gives them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

Maker = Callable[[Path, np.random.Generator], None]
MAKERS: dict[str, Maker] = {}
"""Competition to what writes its raw files into a folder."""
WORDS = [
    "the",
    "of",
    "grave",
    "horror",
    "door",
    "raven",
    "night",
    "madness",
    "elder",
    "gods",
    "monster",
    "storm",
    "ice",
    "letter",
]


def maker(competition: str) -> Callable[[Maker], Maker]:
    """Register a function for a competition."""

    def register(function: Maker) -> Maker:
        MAKERS[competition] = function
        return function

    return register


def csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def zipped(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def sentence(rng: np.random.Generator, *more: str) -> str:
    return " ".join([*rng.choice(WORDS, 6), *more])


@maker("spooky-author-identification")
def spooky(raw: Path, rng: np.random.Generator) -> None:
    authors = rng.choice(["EAP", "HPL", "MWS"], 60)
    table = pd.DataFrame(
        {
            "id": [f"id{number:05d}" for number in rng.permutation(30_000)[:60]],
            "text": [sentence(rng, f'"{author}", he said, null') for author in authors],
            "author": authors,
        }
    )
    zipped(raw / "train.zip", {"train.csv": csv(table)})
    zipped(raw / "test.zip", {"test.csv": csv(table[["id", "text"]])})
    sample = table[["id"]].assign(EAP=0.4, HPL=0.3, MWS=0.3)
    zipped(raw / "sample_submission.zip", {"sample_submission.csv": csv(sample)})


def image(
    size: tuple[int, int], rng: np.random.Generator, kind: str, mode: str = "RGB", light: int = 0
) -> bytes:
    """A picture of noise; ``light`` (0 to 100) is added to every pixel."""
    from PIL import Image

    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    pixels = rng.integers(0, 155, shape, dtype=np.uint8) + np.uint8(light)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()
