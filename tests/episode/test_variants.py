from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mle_gym.episode.variants import check_variant, draw_variant

RANGES = {
    "train": (1, 2**63 - 1),
    "random": (1, 2**63 - 1),
    "heldout": (-(2**63), -1),
    "1-100": (1, 100),
    "7-7": (7, 7),
    "-100--1": (-100, -1),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_range_gives_numbers_inside_it_by_the_seed(name: str) -> None:
    first, last = RANGES[name]
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    drawn = [draw_variant(check_variant(name), rng) for _ in range(200)]
    assert [draw_variant(name, again) for _ in range(200)] == drawn
    assert all(first <= number <= last for number in drawn)
    assert len(set(drawn)) >= min(80, last - first + 1)


def test_what_is_trained_on_and_what_is_held_out_never_meet() -> None:
    (first, last), (other_first, other_last) = RANGES["train"], RANGES["heldout"]
    assert other_first < other_last < 0 < first < last
    assert last.bit_length() == (other_first + 1).bit_length() == 63


@pytest.mark.parametrize("number", [0, 5, -5, 2**70, np.int64(4)])
def test_a_number_is_itself(number: Any) -> None:
    checked = check_variant(number)
    assert type(checked) is int
    assert draw_variant(checked, np.random.default_rng(0)) == number


@pytest.mark.parametrize(
    "value",
    [
        *("rnd", "", "1", "1-", "-", "1..5", "heldout ", "Train"),
        *("0-5", "-5-5", "5-1", "-1--5", "1-9223372036854775808"),
        *(True, 1.0, None, [1, 5], (1, 5)),
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^variant(:| must be)"):
        check_variant(value)
