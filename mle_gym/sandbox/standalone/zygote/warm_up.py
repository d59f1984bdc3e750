"""Uses the preloaded libraries once, so that not every program pays for a first use.

A first use imports modules, fills caches, builds docstrings and validators and specializes
bytecode, all of which the forks then share. Nothing here may leave a trace that a program can see:
random numbers have their own generators, warnings are ignored, no thread starts and no file is
touched.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

_ROWS = 60


def exercise() -> None:
    """Use the libraries that are imported. Failures are ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for needed, use in USES:
            if all(name in sys.modules for name in needed):
                with contextlib.suppress(Exception):
                    use(*map(import_module, needed))


def _tables(pandas: Any) -> None:
    table = pandas.read_csv(io.StringIO(_csv()))
    _look_at(table)
    table["filled"] = table["number"].fillna(table["number"].median())
    table["text"] = table["text"].fillna("").str.lower().str.strip()
    table["flag"] = table["group"] == "a"
    table["code"] = table["group"].map({"a": 0, "b": 1}).astype(int)
    table["kind"] = table["group"].astype("category").cat.codes
    table["day"] = pandas.to_datetime(table["day"]).dt.day_of_week
    table.loc[table["filled"] > 1, "code"] = 2
    means = table.groupby("group")[["filled", "whole"]].agg(["mean", "std", "count"])
    means.columns = ["_".join(names) for names in means.columns]
    merged = table.merge(means.reset_index(), on="group", how="left")
    dummies = pandas.get_dummies(merged[["group", "text"]], drop_first=True)
    joined = pandas.concat([merged[["id", "filled"]], dummies], axis=1).sort_values("id")
    joined = joined.drop(columns=["filled"]).reset_index(drop=True)
    joined[joined["id"] > 3].assign(new=1.5).to_csv(io.StringIO(), index=False)
    pandas.DataFrame({"id": table["id"], "label": table["flag"].to_numpy()}).to_csv(index=False)


def _look_at(table: Any) -> None:
    str(table.head())
    str(table.describe(include="all"))
    table.info(buf=io.StringIO())
    str(table.isna().sum())
    str(table["group"].value_counts(normalize=True))
    str(table.select_dtypes("number").corr())
    table.apply(lambda column: column.nunique())
    table["whole"].apply(lambda number: number + 1)


def _csv() -> str:
    lines = ["id,number,whole,group,text,day,empty"]
    for row in range(_ROWS):
        number = f"{row / 7:.3f}" if row % 9 else ""
        lines.append(f'{row},{number},{row % 5},{"ab"[row % 2]},"Some, text {row % 3}",2020-01-02,')
    return "\n".join(lines) + "\n"


def _data(numpy: Any) -> tuple[Any, Any]:
    random = numpy.random.RandomState(0)
    X = random.normal(size=(_ROWS, 4))
    return X, (X[:, 0] + random.normal(size=_ROWS) > 0).astype(int)


def _linear(numpy: Any, pandas: Any, models: Any) -> None:
    X, y = _data(numpy)
    frame = pandas.DataFrame(X, columns=list("abcd")).assign(e=y == 1)
    _fit(models.LogisticRegression(max_iter=50), frame, pandas.Series(y))
    _fit(models.LogisticRegression(), X, numpy.array(["no", "yes"])[y])
    _fit(models.LinearRegression(), frame, y)
    _fit(models.Ridge(), X, X[:, 1])


def _forests(numpy: Any, pandas: Any, models: Any) -> None:
    X, y = _data(numpy)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for name in ("RandomForest", "GradientBoosting", "HistGradientBoosting"):
        options: dict[str, Any] = {"random_state": 0}
        options["max_iter" if name.startswith("Hist") else "n_estimators"] = 3
        _fit(getattr(models, f"{name}Classifier")(**options), frame, y)
        _fit(getattr(models, f"{name}Regressor")(**options), X, X[:, 1])


def _trees(numpy: Any, models: Any) -> None:
    X, y = _data(numpy)
    _fit(models.DecisionTreeClassifier(max_depth=3, random_state=0), X, y)


def _neighbors(numpy: Any, models: Any) -> None:
    X, y = _data(numpy)
    _fit(models.KNeighborsClassifier(3), X, y)


def _machines(numpy: Any, models: Any) -> None:
    X, y = _data(numpy)
    _fit(models.SVC(random_state=0), X, y)


def _fit(model: Any, X: Any, y: Any) -> None:
    model.fit(X, y)
    model.predict(X)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X)
    model.score(X, y)


def _pipelines(
    pandas: Any,
    pipeline: Any,
    compose: Any,
    impute: Any,
    preprocessing: Any,
    selection: Any,
    models: Any,
) -> None:
    table = pandas.read_csv(io.StringIO(_csv()))
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    groups = preprocessing.OneHotEncoder(handle_unknown="ignore")
    columns = compose.ColumnTransformer(
        [("numbers", numbers, ["number", "whole"]), ("groups", groups, ["group"])]
    )
    preprocessing.LabelEncoder().fit_transform(table["group"])
    train, test = selection.train_test_split(table, test_size=0.25, random_state=0)
    whole = pipeline.make_pipeline(columns, models.Ridge())
    whole.fit(train, train["whole"]).predict(test)
    folds = selection.KFold(3, shuffle=True, random_state=0)
    selection.cross_val_score(whole, table, table["whole"], cv=folds)
    selection.StratifiedKFold(2).get_n_splits(table, table["group"])


def _metrics(numpy: Any, metrics: Any) -> None:
    truth, guess = numpy.array([0, 1, 1, 0]), numpy.array([0, 1, 0, 0])
    for name in ("accuracy_score", "f1_score", "roc_auc_score", "log_loss", "mean_squared_error"):
        getattr(metrics, name)(truth, guess)
    metrics.mean_absolute_error(truth, guess)


def _texts(numpy: Any, text: Any, models: Any) -> None:
    words = ["some words", "other words", "no more", "some more"]
    X = text.TfidfVectorizer(ngram_range=(1, 2)).fit_transform(words)
    text.CountVectorizer().fit(words).transform(words)
    _fit(models.LogisticRegression(), X, numpy.array([0, 1, 0, 1]))


USES: tuple[tuple[tuple[str, ...], Callable[..., None]], ...] = (
    (("pandas",), _tables),
    (("numpy", "pandas", "sklearn.linear_model"), _linear),
    (("numpy", "pandas", "sklearn.ensemble"), _forests),
    (("numpy", "sklearn.tree"), _trees),
    (("numpy", "sklearn.neighbors"), _neighbors),
    (("numpy", "sklearn.svm"), _machines),
    (
        (
            "pandas",
            "sklearn.pipeline",
            "sklearn.compose",
            "sklearn.impute",
            "sklearn.preprocessing",
            "sklearn.model_selection",
            "sklearn.linear_model",
        ),
        _pipelines,
    ),
    (("numpy", "sklearn.metrics"), _metrics),
    (("numpy", "sklearn.feature_extraction.text", "sklearn.linear_model"), _texts),
)
"""The modules that a use requires, and the function that uses them."""
