"""What MLE-bench's graders look at in each competition, and what they compute of it.

A rule gets both tables whole, as pandas read them. In MLE-bench any exception, deliberate or
accidental, means an invalid submission. So only the scores of valid ones have to be reproduced; the
order of the checks and their wording is ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from mle_gym.errors import SubmissionError
from mle_gym.grading.parity.mle_bench_csv import read_like_mle_bench
from mle_gym.metrics.scikit_learn import sklearn_metrics

__all__ = ["RULES", "Rule", "parity_score"]

DECIMALS = 5
SUM_TOLERANCE = 1e-6
"""Absolute; ``numpy.isclose`` adds its relative 1e-5, so rows may sum to 1 ± 1.1e-5."""
IGNORED = "Ignored"
USAGE = "Usage"
"""Our own column of the answers: here all rows count except the ignored ones."""

Score = Callable[["pd.DataFrame", "pd.DataFrame", "Rule"], Any]


@dataclass(frozen=True)
class Rule:
    """How one competition is graded."""

    score: Score
    key: str
    """The column that names the rows."""
    targets: tuple[str, ...] = ()
    """The columns that are scored; empty for all the other columns of the answers."""
    exact: bool = False
    """Whether other columns make a submission invalid."""


def parity_score(rule: Rule, submission: bytes, truth: pd.DataFrame) -> float:
    """The score that MLE-bench gives, rounded as it rounds; perhaps NaN or infinite.

    Args:
        rule: The competition's.
        submission: The bytes of a CSV file.
        truth: A perfect submission, or MLE-bench's own answers, as
            :func:`~mle_gym.grading.parity.mle_bench_csv.read_like_mle_bench` reads them.

    Raises:
        SubmissionError: MLE-bench calls the submission invalid.
    """
    found = read_like_mle_bench(submission)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            score = rule.score(found, truth, rule)
    except SubmissionError:
        raise
    except Exception as error:  # there, any exception is an invalid submission
        kind = type(error).__name__
        raise SubmissionError("refused", f"MLE-bench's grader would fail here ({kind})") from error
    return float(round(score, DECIMALS))  # in its own type: NumPy's floats round differently


def area_by_column(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Mean area under the ROC curve of probability columns; other columns are not looked at."""
    _require(found, rule.key, *rule.targets)
    _require_length(found, truth)
    for target in rule.targets:
        pd.to_numeric(found[target])
        if found[target].min() < 0 or found[target].max() > 1:  # a missing value is neither
            raise SubmissionError("out_of_range", f"{target!r}: expected values from 0 to 1")
    found, truth = _aligned(found, truth, rule.key)
    areas = [
        sklearn_metrics().roc_auc_score(truth[name].to_numpy(), found[name].to_numpy())
        for name in rule.targets
    ]
    return areas[0] if len(areas) == 1 else np.average(areas)


def area_by_name(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Mean column-wise area of any numbers; exactly these columns."""
    _require_length(found, truth)
    if set(found.columns) != {rule.key, *rule.targets}:
        raise SubmissionError("wrong_columns", f"expected exactly {rule.key!r} and the targets")
    found, truth = _aligned(found, truth, rule.key)
    return np.mean(
        [sklearn_metrics().roc_auc_score(truth[name], found[name]) for name in rule.targets]
    )


def area_by_position(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Mean area of the columns in their order; their names are ignored.

    Rows whose labels sum to less than 0, or that we ignore, are left out.
    """
    _require(found, rule.key, *rule.targets)
    _require_length(found, truth)
    labels = truth.set_index(rule.key).sort_index()
    scores = found.set_index(rule.key).sort_index()
    counted = labels[list(rule.targets)].sum(axis=1) >= 0
    if USAGE in labels:
        counted &= labels.pop(USAGE) != IGNORED
    labels, scores = labels[counted], scores[counted]  # by index: other ids fail here
    return sklearn_metrics().roc_auc_score(labels.to_numpy(), scores.to_numpy(), average="macro")


def one_hot_loss(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Logarithmic loss of one probability column a class, aligned by id and name."""
    classes = list(rule.targets) or [n for n in truth.columns if n not in (rule.key, USAGE)]
    _require(found, rule.key, *classes)
    _require_length(found, truth)
    if rule.exact and set(found.columns) != {rule.key, *classes}:
        raise SubmissionError("wrong_columns", f"expected {rule.key!r} and a column a class")
    _check_probabilities(found[classes])
    order = [name for name in truth.columns if name in (rule.key, *classes)]
    found, truth = (table[order].sort_values(rule.key) for table in (found, truth))
    if found[rule.key].tolist() != truth[rule.key].tolist():
        raise SubmissionError("wrong_ids", f"expected the {rule.key!r} values of the test set")
    return sklearn_metrics().log_loss(truth[classes].to_numpy(), found[classes].to_numpy())


def one_hot_loss_after_first_column(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """The same, but all columns after the first must be the probabilities."""
    if found.shape != (len(truth), len(rule.targets) + 1):
        raise SubmissionError("wrong_columns", f"expected {rule.key!r} and a column a class")
    _check_probabilities(found.iloc[:, 1:])
    return one_hot_loss(found, truth, rule)


def binary_loss(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Logarithmic loss of one probability column."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    _require_length(found, truth)
    if set(found[rule.key]) != set(truth[rule.key]):
        raise SubmissionError("wrong_ids", f"expected the {rule.key!r} values of the test set")
    _check_range(found[[target]])
    found, truth = found.sort_values(rule.key), truth.sort_values(rule.key)
    return sklearn_metrics().log_loss(truth[target], found[target])


def root_mean_square(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Root mean squared error of one column, aligned by id."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    found[target].astype(float)
    _require_length(found, truth)
    found, truth = _aligned(found, truth, rule.key)
    return sklearn_metrics().root_mean_squared_error(truth[target], found[target])


def root_mean_square_in_key_order(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """The same, but both tables are sorted by their keys and the keys are never compared."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    found, truth = found.sort_values(rule.key), truth.sort_values(rule.key)
    return sklearn_metrics().root_mean_squared_error(truth[target], found[target])


def root_mean_square_log_in_file_order(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Mean of the columns' RMSLE, row by row as they stand; ids may be anything or missing."""
    _require(found, *rule.targets)
    _require_length(found, truth)
    first, second = (
        sklearn_metrics().root_mean_squared_log_error(truth[name], found[name])
        for name in rule.targets
    )
    return (first + second) / 2


def share_right(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Accuracy of one column, aligned by id."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    _require_length(found, truth)
    found, truth = _aligned(found, truth, rule.key)
    return sklearn_metrics().accuracy_score(truth[target].to_numpy(), found[target].to_numpy())


def share_right_as_text(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """The same after ``str``: every missing value is the text ``nan`` and so equals every other."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    _require_length(found, truth)
    found, truth = _matched(found, truth, rule.key)
    # As scikit-learn's accuracy of text, which first sorts all labels.
    return float(np.mean(_texts(truth[target]) == _texts(found[target])))


def quadratic_kappa(found: pd.DataFrame, truth: pd.DataFrame, rule: Rule) -> Any:
    """Quadratically weighted kappa; NaN, which counts as valid, where both are one constant."""
    (target,) = rule.targets
    _require(found, rule.key, target)
    if set(found[rule.key]) != set(truth[rule.key]):
        raise SubmissionError("wrong_ids", f"expected the {rule.key!r} values of the test set")
    found, truth = found.sort_values(rule.key), truth.sort_values(rule.key)
    return sklearn_metrics().cohen_kappa_score(
        found[target].values, truth[target].values, weights="quadratic"
    )


def _require(found: pd.DataFrame, *names: str) -> None:
    for name in names:
        if name not in found.columns:
            raise SubmissionError("missing_column", f"the column {name!r} is missing")


def _require_length(found: pd.DataFrame, truth: pd.DataFrame) -> None:
    if len(found) != len(truth):
        raise SubmissionError(
            "wrong_row_count", f"found {len(found):,} rows, expected {len(truth):,}"
        )


def _check_probabilities(columns: pd.DataFrame) -> None:
    if not np.isclose(columns.sum(axis=1), 1, atol=SUM_TOLERANCE).all():
        raise SubmissionError("sum_not_one", "expected probabilities that sum to 1 in every row")
    _check_range(columns)


def _check_range(columns: pd.DataFrame) -> None:
    if not ((columns >= 0) & (columns <= 1)).to_numpy().all():
        raise SubmissionError("out_of_range", "expected probabilities from 0 to 1")


def _aligned(
    found: pd.DataFrame, truth: pd.DataFrame, key: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables in the order of their keys, which must be the same ones."""
    found, truth = found.sort_values(key), truth.sort_values(key)
    if (found[key].to_numpy() != truth[key].to_numpy()).any():
        raise SubmissionError("wrong_ids", f"expected the {key!r} values of the test set")
    return found, truth


def _matched(
    found: pd.DataFrame, truth: pd.DataFrame, key: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Like :func:`_aligned`, but without sorting where possible: some tables are too large."""
    given, wanted = pd.Index(found[key]), pd.Index(truth[key])
    if given.equals(wanted):
        return found, truth
    if given.dtype == wanted.dtype and given.is_unique and wanted.is_unique:
        places = given.get_indexer(wanted)
        if (places >= 0).all():
            return found.iloc[places], truth
    return _aligned(found, truth, key)


def _texts(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    return column.map(str).to_numpy(dtype=object)


def _area(key: str, *targets: str) -> Rule:
    return Rule(area_by_column, key, targets)


TOXICITY = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
LEAVES = ("healthy", "multiple_diseases", "rust", "scab")
CATHETERS = (
    "ETT - Abnormal", "ETT - Borderline", "ETT - Normal", "NGT - Abnormal", "NGT - Borderline",
    "NGT - Incompletely Imaged", "NGT - Normal", "CVC - Abnormal", "CVC - Borderline",
)  # fmt: skip
ENERGIES = ("formation_energy_ev_natom", "bandgap_energy_ev")

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "aerial-cactus-identification": _area("id", "has_cactus"),
        "aptos2019-blindness-detection": Rule(quadratic_kappa, "id_code", ("diagnosis",)),
        "denoising-dirty-documents": Rule(root_mean_square, "id", ("value",)),
        "detecting-insults-in-social-commentary": _area("Comment", "Insult"),
        "dog-breed-identification": Rule(one_hot_loss, "id"),
        "dogs-vs-cats-redux-kernels-edition": Rule(binary_loss, "id", ("label",)),
        "histopathologic-cancer-detection": _area("id", "label"),
        "jigsaw-toxic-comment-classification-challenge": Rule(area_by_position, "id", TOXICITY),
        "leaf-classification": Rule(one_hot_loss, "id", exact=True),
        "mlsp-2013-birds": _area("Id", "Probability"),
        "new-york-city-taxi-fare-prediction": Rule(
            root_mean_square_in_key_order, "key", ("fare_amount",)
        ),
        "nomad2018-predict-transparent-conductors": Rule(
            root_mean_square_log_in_file_order, "id", ENERGIES
        ),
        "plant-pathology-2020-fgvc7": Rule(area_by_name, "image_id", LEAVES),
        "random-acts-of-pizza": _area("request_id", "requester_received_pizza"),
        "ranzcr-clip-catheter-line-classification": _area("StudyInstanceUID", *CATHETERS),
        "siim-isic-melanoma-classification": _area("image_name", "target"),
        "spooky-author-identification": Rule(
            one_hot_loss_after_first_column, "id", ("EAP", "HPL", "MWS")
        ),
        "tabular-playground-series-dec-2021": Rule(share_right, "Id", ("Cover_Type",)),
        "tabular-playground-series-may-2022": _area("id", "target"),
        "text-normalization-challenge-english-language": Rule(
            share_right_as_text, "id", ("after",)
        ),
        "text-normalization-challenge-russian-language": Rule(
            share_right_as_text, "id", ("after",)
        ),
        "the-icml-2013-whale-challenge-right-whale-redux": _area("clip", "probability"),
    }
)
"""Every competition that has parity grading, by its id on Kaggle, which is the task's id too."""
