"""Values of every space survive JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from mle_gym.trajectories.space_json import from_json, to_json


def deep(levels: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "naïve 模型 \ud800 \u2028 \x00",
        {"tool": "write_file", "content": 'a\n"b"'},
        {"$float": "x", 3: [1, {"$array": None}]},
        math.inf,
        -math.inf,
        pytest.param(10**6000, id="huge"),
        [1, 2.5, True, {"a": []}],
        deep(40),
    ],
)
def test_plain_values_survive_json(value: Any) -> None:
    text = json.dumps(to_json(value), allow_nan=False)
    assert from_json(json.loads(text)) == value


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -np.inf], [3.0, 4.0]], dtype=np.float32),
        np.array([np.nan, 1.0]),
        np.array([], dtype=np.int64),
        np.array([True, False]),
        np.array(["a", "bc"]),
    ],
)
def test_arrays_survive_json_with_their_type(array: np.ndarray[Any, Any]) -> None:
    back = from_json(json.loads(json.dumps(to_json(array), allow_nan=False)))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.int64(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.array(1.25), 1.25)],
)
def test_numpy_scalars_become_plain_numbers(value: Any, plain: Any) -> None:
    assert to_json(value) == plain
    assert type(to_json(value)) is type(plain)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), deep(5000), [deep(5000)]])
def test_what_has_no_json_form_is_described(value: Any) -> None:
    assert "$repr" in json.dumps(to_json(value))
