from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mle_gym.datasets.tables import canonical, digest, kind, read_csv, write_csv
from mle_gym.errors import DatasetError
from tests.tiers import example_count


def test_one_form_for_whatever_dtypes_a_loader_chose() -> None:
    first = pd.DataFrame(
        {
            "whole": [1.0, 2.0],
            "part": [1.0, np.nan],
            "flag": [True, False],
            "text": ["x", None],
            "label": pd.Categorical(["0", "1"]),
            "name": pd.Categorical(["a", "1"]),
        }
    )
    second = first.astype({"whole": "int8", "part": "Int64", "text": "string", "name": "object"})
    for frame in (first, second):
        table = canonical(frame)
        kinds = {name: kind(table[name]) for name in table}
        assert kinds == {
            "whole": "integer", "part": "number", "flag": "boolean", "text": "text",
            "label": "integer", "name": "text",
        }  # fmt: skip
        assert table["text"].tolist() == ["x", None]
    assert digest(canonical(first)) == digest(canonical(second))


def test_text_that_looks_like_a_number_stays_text() -> None:
    table = canonical(pd.DataFrame({"ticket": pd.Series(["007", "12"], dtype=object)}))
    assert table["ticket"].tolist() == ["007", "12"]
    padded = canonical(pd.DataFrame({"ticket": pd.Categorical(["007", "12"])}))
    assert padded["ticket"].tolist() == ["007", "12"]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.rename(columns={"a": "c"}),
        lambda t: t.assign(a=t["a"] + 1),
        lambda t: t.assign(a=t["a"].map(str)),
        lambda t: t.iloc[::-1],
        lambda t: t[["b", "a"]],
        lambda t: t.assign(b=t["b"].fillna("")),
    ],
)
def test_the_digest_notices_every_change(change: object) -> None:
    table = canonical(pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    assert callable(change)
    assert digest(canonical(change(table))) != digest(table)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DatasetError, match="found twice: a"):
        canonical(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_only_the_empty_field_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\nNA,1\n,2\nnull,3\n")
    assert read_csv(file)["a"].tolist() == ["NA", None, "null"]
    assert read_csv(file, text=["b"])["b"].tolist() == ["1", "2", "3"]


@pytest.mark.parametrize("content", [b"", b'a,b\n1,2,3\n4,"5', b"a\n\xff\n"])
def test_broken_csv_files_are_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.csv"
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.csv: expected a CSV file in UTF-8"):
        read_csv(file)


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)


@settings(
    max_examples=example_count(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    floats=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    texts=st.lists(TEXT.filter(lambda t: t.strip() == t), min_size=3, max_size=3),
)
def test_what_is_written_is_read_back(
    tmp_path: Path, floats: list[float], texts: list[str]
) -> None:
    table = canonical(pd.DataFrame({"f": floats, "t": pd.Series(texts, dtype=object)}))
    write_csv(table, tmp_path / "t.csv")
    back = read_csv(tmp_path / "t.csv", text=["t"])
    assert back["f"].tolist() == floats
    assert [text or "" for text in back["t"]] == texts


def test_names_of_many_columns_are_not_compared_pair_by_pair() -> None:
    compared = 0

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        def __str__(self) -> str:
            return self

    assert canonical(pd.DataFrame([[1] * 300], columns=list(map(Name, range(300))))).shape[1] == 300
    assert compared < 300 * 30
