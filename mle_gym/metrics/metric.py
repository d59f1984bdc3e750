"""What a metric is: a function with a declared direction, range, columns and parameters."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mle_gym.errors import SubmissionError, TaskError
from mle_gym.text import IN_BRACKETS, did_you_mean, show

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LARGEST",
    "REQUIRED",
    "Array",
    "Metric",
    "MetricKind",
    "Param",
    "UnscorablePrediction",
    "refuse",
]

Array = npt.NDArray[Any]
"""A column (rows,) or a table (rows, columns) of int64 or float64 numbers, or of objects (text)."""

MetricKind = Literal["label", "probability", "number", "text", "ranking", "mask", "points"]

ACCEPTED: Mapping[MetricKind, frozenset[str]] = {
    "label": frozenset({"int", "str"}),
    "probability": frozenset({"probability", "float"}),
    "number": frozenset({"int", "float", "probability"}),
    "text": frozenset({"str"}),
    "ranking": frozenset({"str"}),
    "mask": frozenset({"str"}),
    "points": frozenset({"int", "float"}),
}
"""The declared types of a submission's columns that each kind of metric accepts."""

LARGEST = sys.float_info.max
"""Larger numbers are infinite, or integers that no float can hold."""

REQUIRED: Any = object()
"""The default of a parameter that the task must set."""


class UnscorablePrediction(SubmissionError):
    """A prediction that a metric can't score, and its place.

    Args:
        code: As for every :class:`~mle_gym.errors.SubmissionError`.
        found: What was found, in words.
        expected: What was expected, in words.
        row: Its row in the array that was checked; None if no single row is wrong.
        column: Its column there, if there are several.
    """

    def __init__(
        self, code: str, found: str, expected: str, row: int | None = None, column: int = 0
    ) -> None:
        where = "" if row is None else f" in row {row + 1:,}"
        super().__init__(code, f"found {found}{where}; expected {expected}")
        self.found, self.expected, self.row, self.column = found, expected, row, column


@dataclass(frozen=True)
class Param:
    """One parameter of a metric, as ``[grade.params]`` may set it."""

    expected: str
    """What a legal value is, in words, for error messages."""
    accepts: Callable[[Any], bool]
    default: Any = REQUIRED


@dataclass(frozen=True)
class Metric:
    """A metric, with everything that a task, a brief and a grader must know about it.

    Calling it with two aligned tables of the same columns (answers and predictions, without ids)
    returns one finite number.
    """

    name: str
    title: str
    """For people: ``"Area under the ROC curve"``."""
    higher_is_better: bool
    best: float
    """The best possible value. The description says whether a perfect submission reaches it."""
    worst: float
    """The worst possible value, infinite if there is no bound."""
    kind: MetricKind
    """What the predicted columns contain."""
    function: Callable[..., float]
    """Computes the score from truth and prediction, (rows,) or (rows, columns), and parameters."""
    columns: tuple[int, float] = (1, 1)
    """The fewest and the most predicted columns. With at most one, the function gets 1-d arrays."""
    params: Mapping[str, Param] = field(default_factory=dict)
    check_predicted: Callable[..., None] | None = None
    """Raises :class:`UnscorablePrediction` for predictions that this metric can't score."""

    @property
    def description(self) -> str:
        """Formula, source and behaviour at the edges: the function's docstring."""
        return (self.function.__doc__ or "").strip()

    def __call__(self, truth: pd.DataFrame, predicted: pd.DataFrame, **params: Any) -> float:
        """Score predictions.

        Args:
            truth: Answers, one row each, without the id.
            predicted: Predictions in the same rows; columns are matched by name.
            **params: The parameters of ``[grade.params]``.

        Raises:
            TaskError: The parameters or the truth are not valid for this metric.
            SubmissionError: The predictions can't be scored, or the score is not finite.
        """
        names = list(truth.columns)
        answers = self.array([truth[name].to_numpy() for name in names])
        guesses = self.array([predicted[name].to_numpy() for name in names])
        self.check(guesses, **params)
        return self.score(answers, guesses, **params)

    def array(self, columns: Sequence[Array]) -> Array:
        """Columns in the form that the function expects.

        Numbers become float64, since the squares of 64-bit integers would wrap around.
        """
        values = columns[0] if self.columns[1] == 1 else np.stack(columns, axis=1)
        numeric = self.kind in ("probability", "number", "points")
        return values.astype(np.float64) if numeric else values

    def score(self, truth: Array, predicted: Array, **params: Any) -> float:
        """Score predictions that passed :meth:`check`, both in the form of :meth:`array`.

        Raises:
            TaskError: The parameters or the truth are not valid for this metric.
            SubmissionError: The predictions can't be scored, or the score is not finite.
        """
        if len(truth) == 0 or len(truth) != len(predicted):
            raise TaskError(
                f"metric {self.name}: expected as many answers as predictions and at least one, "
                f"found {len(truth)} and {len(predicted)}"
            )
        with np.errstate(all="ignore"):
            score = float(self.function(truth, predicted, **self.complete(params)))
        if not math.isfinite(score):
            raise SubmissionError(
                "score_not_finite",
                f"the {self.name} of these predictions is {score}: they are too large to score",
            )
        return score

    def check(self, predicted: Array, **params: Any) -> None:
        """Look for predictions that this metric can't score, without answers or scikit-learn.

        Raises:
            UnscorablePrediction: A prediction can't be scored, such as a malformed mask.
        """
        if self.check_predicted is not None:
            self.check_predicted(predicted, **self.complete(params))

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check parameters and fill in the defaults.

        Raises:
            TaskError: A parameter is unknown, missing or illegal; the message names the legal ones.
        """
        for name in params:
            if name not in self.params:
                allowed = ", ".join(self.params) or "none"
                raise TaskError(
                    f"metric {self.name}: unknown parameter {show(name)}"
                    f"{did_you_mean(name, self.params, IN_BRACKETS)}; allowed: {allowed}"
                )
        return {name: self._value(name, params) for name in self.params}

    def check_columns(self, types: Sequence[str]) -> None:
        """Check the declared types of the predicted columns, in any order.

        Raises:
            TaskError: Their number is wrong, or this metric can't score their type.
        """
        fewest, most = self.columns
        if not fewest <= len(types) <= most:
            number = str(fewest) if fewest == most else f"at least {fewest}"
            raise TaskError(
                f"metric {self.name}: expected {number} predicted column"
                f"{'' if number == '1' else 's'}, found {len(types)}"
            )
        for found in types:
            if found not in ACCEPTED[self.kind]:
                expected = " or ".join(sorted(ACCEPTED[self.kind]))
                raise TaskError(
                    f"metric {self.name}: expected predicted columns of type {expected}, "
                    f"found {found!r}"
                )

    def _value(self, name: str, params: Mapping[str, Any]) -> Any:
        param = self.params[name]
        value = params.get(name, param.default)
        if value is REQUIRED:
            raise TaskError(
                f"metric {self.name}: requires the parameter {name!r}: {param.expected}"
            )
        if name in params and not param.accepts(value):
            raise TaskError(
                f"metric {self.name}: parameter {name!r}: expected {param.expected}, "
                f"found {show(value)}"
            )
        return value


def refuse(wrong: Array, predicted: Array, code: str, expected: str) -> None:
    """Raise :class:`UnscorablePrediction` for the first wrong prediction, if there is one."""
    places = np.argwhere(wrong.reshape(len(wrong), -1))
    if len(places):
        row, column = map(int, places[0])
        found = show(predicted.reshape(len(predicted), -1)[row, column])
        raise UnscorablePrediction(code, found, expected, row, column)
