"""A worse prediction never scores better, in metrics in which one prediction can be worse."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_gym.metrics import METRICS, get_metric
from tests.grading.strategies import examples
from tests.grading.worsening import WORSE

ROUNDING = 1e-9


def score(name: str, truth: list[Any], predicted: list[Any], params: dict[str, Any]) -> float:
    """The score, negated if lower is better."""
    metric = get_metric(name)
    value = metric(frame(truth), frame(predicted), **params)
    return value if metric.higher_is_better else -value


def frame(rows: list[Any]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    return table.astype(object) if isinstance(rows[0], str) else table


@pytest.mark.parametrize("name", WORSE)
@given(data=st.data())
@examples(12)
def test_a_worse_prediction_never_scores_better(name: str, data: st.DataObject) -> None:
    truth, predicted, worse, params = WORSE[name](data.draw)
    before, after = (score(name, truth, guess, params) for guess in (predicted, worse))
    assert after <= before + ROUNDING * max(1.0, abs(before))


COUNTEREXAMPLES: list[tuple[str, list[Any], list[Any], list[Any]]] = [
    # Chance agreement is subtracted, and a wrong label changes it.
    ("linear_kappa", [1, 2], [2, 1], [3, 1]),
    ("quadratic_kappa", [1, 2], [2, 1], [3, 1]),
    ("kappa", [0, 0, 2, 0], [2, 2, 0, 0], [2, 2, 0, 1]),  # more than two classes
    ("matthews", [2, 1, 2, 2, 2, 2], [0, 1, 0, 0, 0, 2], [0, 1, 0, 0, 0, 0]),  # as well
    # Rows with the same score share the precision at their end: leaving such a tie may raise it.
    ("average_precision", [1, 0, 1], [0.9, 0.9, 0.5], [0.5, 0.9, 0.5]),
    # Only the order, or the shape of the line, counts.
    ("pearson", [1.0, 2.0, 3.0], [1.0, 3.0, 3.0], [1.0, 3.0, 5.0]),
    ("spearman", [1.0, 2.0, 3.0], [1.0, 3.0, 3.0], [1.0, 3.0, 9.0]),
    ("qini", [1.0, 2.0, 3.0], [1.0, 3.0, 3.0], [1.0, 3.0, 9.0]),
]


@pytest.mark.parametrize(("name", "truth", "predicted", "further"), COUNTEREXAMPLES)
def test_elsewhere_a_prediction_further_from_the_truth_may_score_better(
    name: str, truth: list[Any], predicted: list[Any], further: list[Any]
) -> None:
    assert score(name, truth, further, {}) > score(name, truth, predicted, {})


def test_every_metric_is_on_one_side() -> None:
    assert set(METRICS) == {*WORSE, *(name for name, *_ in COUNTEREXAMPLES)}
