"""The entrants of :mod:`reference_field`: which preprocessing, which model, which settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import ParameterGrid
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["Entrant", "entrants"]

MOST_CATEGORIES = 30
"""A text column with more distinct values than this counts as prose, not as a category."""

Settings = dict[str, list[Any]]
Grid = list[tuple[BaseEstimator, Settings, tuple[str, ...]]]


@dataclass(frozen=True)
class Entrant:
    """One team of the field."""

    team: str
    pipeline: Pipeline


@dataclass(frozen=True)
class Columns:
    """The columns of a table, by what an entrant can do with them."""

    numbers: list[str]
    categories: list[str]
    prose: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Columns:
        """Sort the columns of ``table``."""
        numbers = list(table.select_dtypes(["number", "bool"]).columns)
        others = [name for name in table.columns if name not in numbers]
        prose = [name for name in others if table[name].nunique() > MOST_CATEGORIES]
        return cls(numbers, [name for name in others if name not in prose], prose)


def _join(table: pd.DataFrame) -> pd.Series:
    return table.fillna("").astype(str).agg(" ".join, axis=1)


class Prose(BaseEstimator):
    """Frequent words of all prose columns together, weighted by rarity."""

    def fit(self, table: pd.DataFrame, target: Any = None) -> Prose:
        """Learn the vocabulary."""
        self.words_ = TfidfVectorizer(min_df=4).fit(_join(table))
        return self

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """One column per word."""
        return np.asarray(self.words_.transform(_join(table)).toarray())


def _raw(columns: Columns) -> Any:
    """Unscaled numbers and numbered categories, which are enough for trees."""
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_column_transformer(
        (SimpleImputer(strategy="median"), columns.numbers),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), encode), columns.categories),
    )


def _scaled(columns: Columns) -> Any:
    """Standardised numbers, categories as indicators."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), columns.numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.categories),
    )


def _normal(columns: Columns) -> Any:
    """Numbers transformed to a normal distribution by rank, categories as indicators."""
    ranks = QuantileTransformer(n_quantiles=50, output_distribution="normal")
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), ranks), columns.numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.categories),
    )


def _numbers(columns: Columns) -> Any:
    """Only standardised numbers."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), columns.numbers)
    )


def _words(columns: Columns) -> Any:
    """Everything: numbers, categories and prose."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), columns.numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.categories),
        (Prose(), columns.prose),
    )


def _components(columns: Columns) -> Any:
    """The principal components with nine tenths of the variance."""
    return make_pipeline(_scaled(columns), PCA(0.9, svd_solver="full"))


PREPARATIONS: dict[str, Callable[[Columns], Any]] = {
    "raw": _raw,
    "scaled": _scaled,
    "normal": _normal,
    "numbers": _numbers,
    "words": _words,
    "components": _components,
}

TREES = ("raw",)
LINEAR = ("scaled", "numbers", "words")
SEEDS = [0, 1, 2]

CLASSIFIERS: Grid = [
    (DummyClassifier(), {"strategy": ["most_frequent", "prior"]}, TREES),
    (DummyClassifier(strategy="stratified"), {"random_state": SEEDS}, TREES),
    (DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 5, None]}, TREES),
    (DecisionTreeClassifier(splitter="random", max_depth=4), {"random_state": SEEDS}, TREES),
    (GaussianNB(), {"var_smoothing": [1e-9, 0.1]}, ("raw", "scaled", "numbers", "components")),
    (KNeighborsClassifier(), {"n_neighbors": [1, 3, 5, 15]}, ("raw", "scaled", "normal")),
    (LogisticRegression(max_iter=500), {"C": [0.01, 0.1, 1, 10, 100]}, LINEAR),
    (LogisticRegression(max_iter=500), {"C": [1, 100]}, ("normal", "components")),
    (LogisticRegression(max_iter=500, class_weight="balanced"), {"C": [0.1, 1]}, ("scaled",)),
    (RidgeClassifier(), {"alpha": [1, 30]}, ("scaled",)),
    (Perceptron(), {"random_state": SEEDS}, ("scaled",)),
    (LinearSVC(random_state=0), {"C": [0.05, 0.5]}, ("scaled", "words")),
    (LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [None, "auto", 0.5]}, ("scaled",)),
    (QuadraticDiscriminantAnalysis(), {"reg_param": [0.1, 0.5]}, ("scaled",)),
    (SVC(), {"C": [0.1, 1, 10]}, ("scaled", "normal", "words")),
    (SVC(kernel="poly", coef0=1), {"C": [0.1, 1]}, ("scaled",)),
    (RandomForestClassifier(), {"n_estimators": [10, 150], "random_state": SEEDS}, TREES),
    (RandomForestClassifier(150, max_depth=4), {"random_state": [0]}, ("raw", "words")),
    (ExtraTreesClassifier(150), {"random_state": SEEDS}, ("raw",)),
    (ExtraTreesClassifier(150, min_samples_leaf=4), {"random_state": [0]}, ("raw", "words")),
    (BaggingClassifier(random_state=0), {"n_estimators": [10, 50]}, TREES),
    (AdaBoostClassifier(random_state=0), {"n_estimators": [50, 150]}, TREES),
    (GradientBoostingClassifier(random_state=0), {"max_depth": [1, 3]}, TREES),
    (
        GradientBoostingClassifier(subsample=0.6, max_features=0.5, learning_rate=0.05),
        {"random_state": SEEDS},
        TREES,
    ),
    (HistGradientBoostingClassifier(max_iter=60), {"max_leaf_nodes": [4, 31]}, TREES),
    (MLPClassifier((8,), max_iter=200), {"random_state": [0]}, ("scaled",)),
    (MLPClassifier((64,), max_iter=200), {"alpha": [1e-4, 1], "random_state": SEEDS}, ("scaled",)),
]

REGRESSORS: Grid = [
    (DummyRegressor(), {"strategy": ["mean", "median"]}, TREES),
    (DummyRegressor(strategy="quantile"), {"quantile": [0.25, 0.75]}, TREES),
    (DecisionTreeRegressor(random_state=0), {"max_depth": [1, 2, 3, 5, None]}, TREES),
    (LinearRegression(), {}, ("scaled", "numbers", "normal", "components")),
    (Ridge(), {"alpha": [1, 10, 100]}, ("scaled", "numbers")),
    (Lasso(), {"alpha": [0.01, 0.3]}, ("scaled",)),
    (ElasticNet(l1_ratio=0.5), {"alpha": [0.03, 0.3]}, ("scaled",)),
    (BayesianRidge(), {}, ("scaled", "normal")),
    (HuberRegressor(max_iter=1000), {}, ("scaled",)),
    (PLSRegression(), {"n_components": [1, 2]}, ("scaled",)),
    (KNeighborsRegressor(), {"n_neighbors": [1, 5, 15]}, ("raw", "scaled", "normal")),
    (SVR(), {"C": [1, 10, 100]}, ("scaled",)),
    (KernelRidge(kernel="rbf", gamma=0.03), {"alpha": [0.1, 1]}, ("scaled",)),
    (
        GaussianProcessRegressor(DotProduct() + RBF(3.0) + WhiteKernel(0.3), normalize_y=True),
        {"random_state": [0]},
        ("scaled", "normal"),
    ),
    (RandomForestRegressor(), {"n_estimators": [10, 150], "random_state": [0, 1]}, TREES),
    (RandomForestRegressor(150, min_samples_leaf=5), {"random_state": [0]}, TREES),
    (ExtraTreesRegressor(150), {"random_state": [0, 1]}, TREES),
    (AdaBoostRegressor(), {"random_state": [0]}, TREES),
    (GradientBoostingRegressor(random_state=0), {"max_depth": [1, 3]}, TREES),
    (
        GradientBoostingRegressor(subsample=0.6, max_features=0.5, learning_rate=0.05),
        {"random_state": [0]},
        TREES,
    ),
    (HistGradientBoostingRegressor(max_iter=60), {"max_leaf_nodes": [4, 31]}, TREES),
]


def entrants(table: pd.DataFrame, *, classification: bool) -> Iterator[Entrant]:
    """Every entrant that the columns of ``table`` allow, unfitted, in a fixed order.

    Regression entrants come twice: for the target, and for its logarithm (``log``).
    """
    columns = Columns.of(table)
    allowed = [name for name in PREPARATIONS if _makes_sense(name, columns)]
    for model, settings, preparations in CLASSIFIERS if classification else REGRESSORS:
        for chosen in ParameterGrid(settings):
            for name in (name for name in preparations if name in allowed):
                ready = clone(model).set_params(**chosen)
                team = " ".join([type(model).__name__, *_words_for(model, chosen), name])
                yield Entrant(team, make_pipeline(PREPARATIONS[name](columns), ready))
                if not classification and not isinstance(model, DummyRegressor):
                    logarithmic = TransformedTargetRegressor(
                        clone(ready), func=np.log1p, inverse_func=np.expm1
                    )
                    steps = make_pipeline(PREPARATIONS[name](columns), logarithmic)
                    yield Entrant(f"{team} log", steps)


def _makes_sense(preparation: str, columns: Columns) -> bool:
    if preparation == "words":
        return bool(columns.prose)
    if preparation == "numbers":
        return bool(columns.numbers and columns.categories)
    return True


def _words_for(model: BaseEstimator, chosen: dict[str, Any]) -> list[str]:
    """The settings in which the entrant differs from the model's defaults, as ``name=value``."""
    usual = type(model)().get_params(deep=False)
    settings = {**model.get_params(deep=False), **chosen}
    return [
        f"{name}={_short(value)}"
        for name, value in settings.items()
        if name in chosen or repr(value) != repr(usual[name])
    ]


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value) if value is None or np.isscalar(value) else type(value).__name__
