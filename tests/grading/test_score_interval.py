"""Intervals of scores over resampled rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.open_grader import grade
from mle_gym.grading.score_interval import RESAMPLERS, quick_score, score_interval
from mle_gym.metrics import METRICS

ROWS = 60


def example(name: str, rng: np.random.Generator) -> tuple[Any, Any, dict[str, Any]]:
    metric = METRICS[name]
    many = metric.columns[1] > 1
    width = 3 if many else 1
    if metric.kind == "label":
        truth = rng.integers(0, 4, ROWS)
        return truth, np.where(rng.random(ROWS) < 0.5, truth, rng.integers(0, 4, ROWS)), {}
    if metric.kind == "probability":
        guesses = np.round(0.9 * rng.random((ROWS, width)), 1) + 0.01
        if name in ("log_loss", "roc_auc_macro"):
            truth = np.eye(3)[rng.integers(0, 3, ROWS)]
            return truth, guesses / guesses.sum(axis=1, keepdims=True), {}
        truth = (rng.random((ROWS, width)) < 0.3).astype(float)
        return (truth, guesses, {}) if many else (truth[:, 0], guesses[:, 0], {})
    if metric.kind in ("ranking", "text"):
        lists = [
            " ".join(rng.permutation(list("abcdef"))[: rng.integers(5)]) for _ in range(2 * ROWS)
        ]
        params = {"k": 3} if metric.kind == "ranking" else {}
        return np.array(lists[:ROWS], dtype=object), np.array(lists[ROWS:], dtype=object), params
    if metric.kind == "mask":
        runs = rng.integers(1, 9, (2 * ROWS, 2))
        masks = [f"{start} {length}" if length > 2 else "" for start, length in runs]
        return np.array(masks[:ROWS], dtype=object), np.array(masks[ROWS:], dtype=object), {}
    truth, guesses = rng.gamma(2.0, 1.0, (2, ROWS, width))
    params = {"alpha": 0.9} if name == "pinball" else {}
    return (truth, guesses, params) if many else (truth[:, 0], guesses[:, 0], params)


@pytest.mark.parametrize("name", RESAMPLERS)
def test_a_draw_scores_what_the_metric_gives_its_rows(name: str) -> None:
    rng = np.random.default_rng(0)
    truth, predicted, params = example(name, rng)
    counts = rng.multinomial(ROWS, np.full(ROWS, 1 / ROWS), size=5)
    counts = np.concatenate([np.ones((1, ROWS), dtype=int), counts])
    found = RESAMPLERS[name](truth, predicted, counts, **METRICS[name].complete(params))
    for count, score in zip(counts, found, strict=True):
        rows = np.repeat(np.arange(ROWS), count)
        assert score == pytest.approx(METRICS[name].score(truth[rows], predicted[rows], **params))
    assert quick_score(METRICS[name], truth, predicted, params) == pytest.approx(found[0])


def test_a_binary_loss_too() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((ROWS, 1)) < 0.5).astype(float)
    predicted = np.concatenate([np.zeros((5, 1)), np.ones((5, 1)), rng.random((ROWS - 10, 1))])
    (found,) = RESAMPLERS["log_loss"](truth, predicted, np.ones((1, ROWS), dtype=int))
    assert found == pytest.approx(METRICS["log_loss"].score(truth, predicted))


@pytest.mark.parametrize("labels", [[0, 2], ["b", "z"]])
def test_labels_that_count_or_that_a_draw_lacks_too(labels: list[Any]) -> None:
    rng = np.random.default_rng(0)
    named = np.array([0, 1, 2, 3]) if labels[0] == 0 else np.array(["a", "b", "c", "z"])
    truth, predicted = named[rng.integers(0, 4, (2, ROWS))]
    few = np.zeros((1, ROWS), dtype=int)
    few[0, :3] = 1
    counts = np.concatenate([few, np.ones((1, ROWS), dtype=int)])
    for name, params in (("f1_macro", {"labels": labels}), ("f1", {"positive": labels[1]})):
        found = RESAMPLERS[name](truth, predicted, counts, **params)
        for count, score in zip(counts, found, strict=True):
            rows = np.repeat(np.arange(ROWS), count)
            wanted = METRICS[name].score(truth[rows], predicted[rows], **params)
            assert score == pytest.approx(wanted)


def test_a_draw_without_a_positive_has_no_precision() -> None:
    truth, predicted = np.array([0.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.9])
    counts = np.array([[3, 0, 0], [1, 1, 1]])
    assert RESAMPLERS["average_precision"](truth, predicted, counts).tolist() == [0.0, 0.5]


def test_a_draw_of_one_class_is_chance() -> None:
    truth, predicted = np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.5, 0.9])
    counts = np.array([[3, 0, 0], [1, 1, 1]])
    assert RESAMPLERS["roc_auc"](truth, predicted, counts).tolist() == [0.5, 1.0]


def test_the_interval_is_that_of_the_binomial() -> None:
    truth = np.zeros(400, dtype=int)
    predicted = (np.arange(400) < 80).astype(int)
    interval = score_interval(METRICS["accuracy"], truth, predicted, {})
    assert interval is not None
    margin = 1.96 * (0.8 * 0.2 / 400) ** 0.5
    assert interval == pytest.approx((0.8 - margin, 0.8 + margin), abs=0.006)
    assert interval == score_interval(METRICS["accuracy"], truth, predicted, {})
    assert interval != score_interval(METRICS["accuracy"], truth, predicted, {}, seed=1)


def test_metrics_without_a_quick_way_have_intervals_too() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    interval = score_interval(METRICS["spearman"], truth, truth + rng.normal(size=50), {})
    assert interval is not None
    assert 0.3 < interval[0] < interval[1] < 0.9
    assert quick_score(METRICS["spearman"], truth, truth, {}) is None


def test_many_rows_get_fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mle_gym.grading.score_interval.MOST_CELLS", 10_000)
    monkeypatch.setattr("mle_gym.grading.score_interval.CHUNK_CELLS", 1_000)
    truth = np.zeros(100, dtype=int)
    interval = score_interval(METRICS["accuracy"], truth, truth, {})
    assert interval == (1.0, 1.0)


def test_a_grade_tells_it_when_asked(make_task: Any, make_dataset: Any) -> None:
    answers = "id,y,Usage\n" + "".join(f"{at},{at % 2},Private\n" for at in range(40))
    content = b"id,y\n" + b"".join(b"%d,%d\n" % (at, at % 4 == 1) for at in range(40))
    dataset = make_dataset(make_task(), answers)
    assert PredictionsGrader(dataset).grade(content).score_ci is None
    asked = PredictionsGrader(dataset, score_ci=True).grade(content)
    assert asked.score_ci is not None
    assert asked.score_ci[0] < asked.score < asked.score_ci[1]
    assert grade(make_task(), content, dataset.private / "answers.csv", score_ci=True).score_ci == (
        asked.score_ci
    )
    custom = make_task(grade="def grade(submission, answers):\n    return 0.5\n")
    assert (
        PredictionsGrader(make_dataset(custom, answers), score_ci=True).grade(content).score_ci
        is None
    )
