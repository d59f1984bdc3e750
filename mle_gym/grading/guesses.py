"""The scores that need no knowledge: the best constants, and guesses luckier than most.

On many metrics a random guess scores above the sample submission, and on all of them some do: macro
F1 and balanced accuracy reward naming every class, and the average precision of few rows varies
widely. A reward that is cut off at 0 keeps the lucky guesses and drops the others, so its floor has
to be a score that luck rarely reaches, not the average guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mle_gym.errors import MleGymError
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.task_metric import CustomMetric, Table, TaskMetric

if TYPE_CHECKING:
    from mle_gym.tasks.spec import Column, SubmissionSpec

__all__ = ["FEWEST_ROWS", "best_guess"]

LUCK = 0.975
"""The share of guesses that the floor is no worse than: the upper end of their 95% interval.

On the smallest test sets (27 rows of glass) guesses above the 95th percentile would still be paid
0.01 on average, while the 99th is better than an honest baseline."""
FEWEST_ROWS = 10
"""With fewer rows to score, luck reaches any score: the floor is the sample's score."""
FEWEST_DRAWS, DRAWS = 5, 200
MOST_CELLS = 5 * 10**6
"""Draws times cells of the answers, beyond which there are fewer draws: luck is small there."""
COMMONEST = 20
"""The most classes or texts that are tried as constants."""
LEVELS = np.linspace(0, 1, 21)
"""The quantiles of numbers that are tried as constants."""
FAINT = 0.1
"""How far a guess close to the best constant goes from it towards a shuffle."""


def best_guess(
    metric: TaskMetric, spec: SubmissionSpec, answers: Table, rows: Values, rng: np.random.Generator
) -> float | None:
    """The best score of a constant, the rows' order, or a random guess, the luckiest left out.

    None where guesses aren't tried: too few rows, or a ``grade.py``, which is code in a sandbox and
    may refuse tables or be slow.

    Args:
        metric: What scores the guesses.
        spec: The columns, and what they may hold.
        answers: What is guessed.
        rows: The positions that count.
        rng: Draws the guesses; nobody should be able to compute it.
    """
    if isinstance(metric, CustomMetric) or len(rows) < FEWEST_ROWS:
        return None
    truth = {name: answers[name][rows] for name in spec.columns}
    sign = 1 if metric.higher_is_better else -1

    def score(guess: Table, *, exact: bool = True) -> float:
        return sign * _score(metric, guess, truth, exact)

    constants = [(score(guess), guess) for guess in _constants(spec, truth)]
    best, center = max(constants, key=lambda scored: scored[0])
    best = max([best, *(score(guess) for guess in _ordered(spec, truth, rows))])
    for draw in (_uniform, _shuffled, _faint):
        guesses = (draw(spec, truth, center, rng) for _ in range(_draws(spec, len(rows))))
        scores = [score(truth | guess, exact=False) for guess in guesses]
        # One of the scores themselves: a value between an infinity and a number makes no sense.
        best = max(best, float(np.quantile(scores, LUCK, method="lower")))
    return sign * best if np.isfinite(best) else None


def _score(metric: TaskMetric, guess: Table, truth: Table, exact: bool) -> float:
    """The score of a guess; infinitely bad for one that can't be scored.

    Those of random guesses need not be exact, but those of constants must be: nothing may be paid
    for the best of them.
    """
    rows = np.arange(len(next(iter(truth.values()))))
    worst = -np.inf if metric.higher_is_better else np.inf
    try:
        metric.check(guess)
        if exact:
            return metric.score(guess, truth, rows).value
        found = metric.quick_score(guess, truth, rows)
    except MleGymError:  # for instance a metric that needs more than one class
        return worst
    return found if np.isfinite(found) else worst


def _draws(spec: SubmissionSpec, rows: int) -> int:
    """How many guesses of a kind; few of free text, which is slow to score and rarely guessed."""
    if any(_is_text(spec.columns[name]) for name in spec.predicted):
        return FEWEST_DRAWS
    return int(np.clip(MOST_CELLS // (rows * len(spec.predicted)), FEWEST_DRAWS, DRAWS))


def _is_text(column: Column) -> bool:
    return column.type == "str" and column.values is None


def _is_number(column: Column) -> bool:
    """Whether it holds any number within its bounds, not only whole ones."""
    return column.type in ("float", "probability") and column.values is None


def _constants(spec: SubmissionSpec, truth: Table) -> Iterator[dict[str, Values]]:
    """Tables that predict the same for every row, among them the best constants."""
    options = {name: _levels(name, spec, truth[name]) for name in spec.predicted}
    for at in range(max(map(len, options.values()))):
        chosen = {name: values[min(at, len(values) - 1)] for name, values in options.items()}
        yield dict(truth) | {name: _repeat(value, truth[name]) for name, value in chosen.items()}


def _levels(name: str, spec: SubmissionSpec, truth: Values) -> Sequence[Any]:
    """The constants to try for one column."""
    column = spec.columns[name]
    if name in spec.sum_to_one:  # quantiles wouldn't sum to one
        return [truth.mean()]
    if _is_number(column):
        geometric = [np.expm1(np.log1p(truth).mean())] if truth.min() > -1 else []
        return [truth.mean(), *geometric, *np.quantile(truth, LEVELS)]
    values, counts = np.unique(truth, return_counts=True)
    commonest = list(values[np.argsort(-counts, kind="stable")[:COMMONEST]])
    if column.type == "int" and column.values is None:  # perhaps a count, not a class
        return [*commonest, *np.quantile(truth, LEVELS, method="nearest")]
    return commonest


def _repeat(value: Any, like: Values) -> Values:
    return np.full(len(like), value, dtype=like.dtype)


def _ordered(spec: SubmissionSpec, truth: Table, rows: Values) -> Iterator[dict[str, Values]]:
    """Predictions from the row's number alone, rising and falling: the first that come to mind."""
    columns = {name: spec.columns[name] for name in spec.predicted}
    if spec.sum_to_one or any(map(_is_text, columns.values())):
        return
    for place in (rows, rows.max() - rows):
        guess = {name: _by_place(column, truth[name], place) for name, column in columns.items()}
        yield dict(truth) | guess


def _by_place(column: Column, truth: Values, place: Values) -> Values:
    """One class after the other, or an even rise from the least to the most."""
    if column.values is not None:
        return np.asarray(np.array(column.values, dtype=truth.dtype)[place % len(column.values)])
    low, high = _ends(column, truth)
    rise = low + (high - low) * place / max(place.max(), 1)
    return np.rint(rise).astype(np.int64) if column.type == "int" else np.asarray(rise)


def _ends(column: Column, truth: Values) -> tuple[Any, Any]:
    return (0.0, 1.0) if column.type == "probability" else (truth.min(), truth.max())


def _uniform(
    spec: SubmissionSpec, truth: Table, center: Table, rng: np.random.Generator
) -> dict[str, Values]:
    """Every allowed value is equally likely, independently in every row."""
    drawn = {name: _any(spec.columns[name], truth[name], rng) for name in spec.predicted}
    if spec.sum_to_one:
        shares = rng.dirichlet(np.ones(len(spec.sum_to_one)), len(truth[spec.id]))
        drawn |= dict(zip(spec.sum_to_one, shares.T, strict=True))
    return drawn


def _any(column: Column, truth: Values, rng: np.random.Generator) -> Values:
    if column.values is not None:
        return np.asarray(rng.choice(np.array(column.values, dtype=truth.dtype), len(truth)))
    if _is_text(column):
        return np.asarray(rng.choice(truth, len(truth)))
    low, high = _ends(column, truth)
    if column.type == "int":
        return np.asarray(rng.integers(low, high, len(truth), endpoint=True))
    return np.asarray(rng.uniform(low, high, len(truth)))


def _shuffled(
    spec: SubmissionSpec, truth: Table, center: Table, rng: np.random.Generator
) -> dict[str, Values]:
    """The true answers in another order: how often each occurs is right, and nothing else."""
    order = rng.permutation(len(truth[spec.id]))
    return {name: truth[name][order] for name in spec.predicted}


def _faint(
    spec: SubmissionSpec, truth: Table, center: Table, rng: np.random.Generator
) -> dict[str, Values]:
    """Close to the best constant: a tenth of the way to a shuffle, or a shuffle's tenth row."""
    changed = rng.random(len(truth[spec.id])) < FAINT
    drawn = _shuffled(spec, truth, center, rng)
    for name, values in drawn.items():
        constant = center[name]
        if _is_number(spec.columns[name]):
            drawn[name] = constant + FAINT * (values - constant)
        else:
            drawn[name] = np.where(changed, values, constant)
    return drawn
