"""The number that is graded is the number that was written, by every reader and in every size.

``scripts/pandas-versions`` runs this file with each version of pandas that the package supports.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.tables import read_csv, write_csv
from mle_gym.datasets.toolkit.competition_files import read_table, write_table
from mle_gym.grading.csv.checked_table import parse_submission
from mle_gym.grading.csv.hidden_answers import load_answers
from mle_gym.grading.csv.read_plain_numbers import WORTHWHILE
from mle_gym.grading.parity import read_like_mle_bench
from mle_gym.tasks.spec import SubmissionSpec

SHAPE = SubmissionSpec.model_validate({"id": "id", "columns": {"id": "int", "y": "float"}})
NOTATIONS = ["{!r}", "{:.17g}", "{:.20f}", "{:.17e}", "{:.25E}", "{:+.17g}", "{:.60g}"]


def doubles(count: int) -> Iterator[float]:
    """Half of them are random patterns of bits, with any exponent. The others are like scores."""
    draw = random.Random(0)
    while count:
        value = struct.unpack("d", draw.randbytes(8))[0] if count % 2 else draw.random()
        if math.isfinite(value):
            count -= 1
            yield value


def halfway(value: float) -> str:
    """All digits of the number in the middle between a float and the next one."""
    middle = (Fraction(value) + Fraction(math.nextafter(value, math.inf))) / 2
    with localcontext(prec=1200):
        return str(Decimal(middle.numerator) / Decimal(middle.denominator))


def decimals() -> list[str]:
    """Thousands of numbers in the notations that programs use."""
    values = list(doubles(9000))
    written = [NOTATIONS[at % len(NOTATIONS)].format(value) for at, value in enumerate(values)]
    middles = [halfway(value) for value in values[:200]]
    barely = [f"{text}{'0' * 30}1" for text in middles if "." in text and "E" not in text]
    tiny = [repr(value * 5e-324) for value in range(1, 20)]
    whole = [str(random.Random(at).getrandbits(90)) for at in range(200)]
    return [*written, *middles, *barely, *tiny, *whole, "1e-400", ".5", "5.", "-0.0", "007.50"]


WRITTEN = decimals()
EXACT = [float(text) for text in WRITTEN]


def table(cells: list[str]) -> bytes:
    return "".join(["id,y\n", *(f"{row},{cell}\n" for row, cell in enumerate(cells))]).encode()


def same(found: object, expected: list[float]) -> bool:
    """Equal to the last bit, the sign of zero included."""
    return np.asarray(found, dtype=np.float64).tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize(
    ("count", "spaces"), [(len(WRITTEN), ""), (len(WRITTEN), " "), (100, "")],
    ids=["large", "large, with spaces", "small"],
)  # fmt: skip
def test_a_submission_is_graded_by_the_numbers_written(count: int, spaces: str) -> None:
    content = table([f"{spaces}{cell}{spaces}" for cell in WRITTEN[-count:]])
    assert (len(content) > WORTHWHILE) == (count > 100)
    assert same(parse_submission(content, SHAPE, range(count))["y"], EXACT[-count:])


@pytest.mark.parametrize("count", [len(WRITTEN), 100], ids=["large", "small"])
def test_answers_are_the_numbers_written(tmp_path: Path, count: int) -> None:
    (tmp_path / "answers.csv").write_bytes(table(WRITTEN[:count]))
    assert same(load_answers(tmp_path / "answers.csv", SHAPE).values["y"], EXACT[:count])


def test_tables_are_the_numbers_written(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(table(WRITTEN))
    assert same(read_csv(tmp_path / "table.csv")["y"], EXACT)
    assert same(read_table(tmp_path / "table.csv")["y"], EXACT)
    assert same(read_like_mle_bench(table(WRITTEN))["y"], EXACT)


def test_what_is_written_is_graded_as_it_was(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(len(EXACT)), "y": EXACT})
    for write in (write_csv, write_table):
        write(frame, tmp_path / "table.csv")
        content = (tmp_path / "table.csv").read_bytes()
        assert same(parse_submission(content, SHAPE, range(len(EXACT)))["y"], EXACT)
        assert same(read_csv(tmp_path / "table.csv")["y"], EXACT)
