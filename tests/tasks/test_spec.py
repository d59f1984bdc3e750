from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mle_gym.errors import TaskError
from mle_gym.paths import bundled
from mle_gym.tasks.load import load_folder
from mle_gym.tasks.spec import Column, SubmissionSpec
from tests.task_folders import PLAIN, MakeTask, merged, toml
from tests.tiers import example_count


def test_plain_task_loads_with_the_documented_defaults(make_task: MakeTask) -> None:
    folder = make_task()
    task = load_folder(folder)
    assert task.env_id == "mle/fruit-v0"
    assert (task.folder, task.description) == (folder, "Say which fruit are ripe.")
    assert task.data.target == ("ripe",)
    assert task.data.id == task.submission.id == "id"
    assert (task.limits.steps, task.limits.seconds, task.limits.memory_mb) == (50, 1800, 2048)
    assert task.grade.public_fraction == 0.3
    assert task.submission.filename == "submission.csv"
    assert task.reference is None


@pytest.mark.parametrize("folder", sorted(bundled("envs").iterdir()), ids=lambda path: path.name)
def test_every_built_in_task_loads(folder: Path) -> None:
    task = load_folder(folder)
    assert task.id == folder.name


def test_a_spec_is_frozen_and_pickles(make_task: MakeTask) -> None:
    task = load_folder(make_task({"medals": {"gold": 0.9, "silver": 0.8, "bronze": 0.7}}))
    with pytest.raises(ValueError, match="frozen"):
        setattr(task, "title", "x")  # noqa: B010
    assert pickle.loads(pickle.dumps(task)) == task


@pytest.mark.parametrize(
    ("changes", "field", "rest"),
    [
        ({"titel": "x"}, "titel", "unknown field; did you mean 'title'?"),
        ({"data": {"targets": "x"}}, "data.targets", "unknown field; did you mean 'target'"),
        (
            {"submission": {"columns": {"ripe": {"type": "int", "vals": [1]}}}},
            "submission.columns.ripe.vals",
            "unknown field; did you mean 'values'?",
        ),
        ({"folder": "/etc"}, "folder", "unknown field"),
        ({"title": None}, "title", "missing; expected a short name for people"),
        ({"grade": {"metric": None}}, "grade.metric", "missing; expected the name of a metric"),
        ({"grade": None}, "grade", "missing; expected a table [grade]"),
        ({"data": {"loader": "sql"}}, "data.loader", "expected 'sklearn', 'openml'"),
        ({"data": {"loader": "sql"}}, "data.loader", "found 'sql'"),
        ({"data": {"loader": "kaggle"}}, "data.files", "expected a competition's files"),
        ({"data": {"files": ["a.csv"]}}, "data.files", "expected none for this loader"),
        (
            {"data": {"loader": "kaggle", "ref": "../titanic", "files": ["a.csv"]}},
            "data.ref",
            "expected a competition as in its address",
        ),
        ({"version": "1"}, "version", "expected a valid integer, found '1'"),
        ({"version": True}, "version", "expected a valid integer, found True"),
        ({"id": "Not an id"}, "id", "found 'Not an id'"),
        ({"submission": {"max_bytes": 2**28}}, "submission.max_bytes", "equal to 267386880"),
        ({"limits": {"steps": 0}}, "limits.steps", "expected greater than 0, found 0"),
        ({"data": 7}, "data", "found 7"),
        ({"data": {"test_size": 1.5}}, "data.test_size", "found 1.5"),
        ({"data": {"test_size": 0}}, "data.test_size", "expected a number of rows"),
        ({"data": {"test_size": None}}, "data.test_size", "or a prepare.py, found None"),
        ({"data": {"group": "tree"}}, "data.group", "at most one of stratify, group and time"),
        ({"data": {"drop": ["ripe"]}}, "data.drop", "a list without the target, found 'ripe'"),
        ({"data": {"ref": "../x.csv"}}, "data.ref", "inside the task's folder, found '../x.csv'"),
        ({"data": {"ref": "no.csv"}}, "data.ref", "found 'no.csv'"),
        ({"data": {"digest": "ab"}}, "data.digest", "found 'ab'"),
        ({"data": {"loader": "openml"}}, "data.digest", "expected the sha256"),
        ({"data": {"loader": "generate"}}, "data.loader", "expected a generate.py"),
        ({"grade": {"metric": "acuracy"}}, "grade.metric", "did you mean 'accuracy'"),
        ({"grade": {"params": {"k": 3}}}, "grade.params", "unknown parameter 'k'"),
        ({"grade": {"best": -1.0}}, "grade.best", "expected a score above worst (0.0)"),
        ({"grade": {"worst": 1.0}}, "grade.worst", "expected a score other than best"),
        ({"grade": {"public_fraction": 1.0}}, "grade.public_fraction", "less than 1, found 1.0"),
        ({"medals": {"gold": 0.9}}, "medals.gold", "gold, silver and bronze together"),
        (
            {"medals": {"gold": 0.7, "silver": 0.8, "bronze": 0.6}},
            "medals.gold",
            "at least as good as silver (0.8), found 0.7",
        ),
        ({"medals": {"leaderboard": "no.csv"}}, "medals.leaderboard", "found 'no.csv'"),
        ({"submission": {"id": "key"}}, "submission.columns", "expected the id column 'key'"),
        ({"submission": {"columns": {"colour": "int"}}}, "submission.columns", "only targets"),
        (
            {"submission": {"columns": {"ripe": "number"}}},
            "submission.columns.ripe",
            "expected one of 'int', 'float', 'str', 'probability'",
        ),
        ({"submission": {"sum_to_one": ["ripe"]}}, "submission.sum_to_one", "found 'ripe'"),
        (
            {"submission": {"columns": {"ripe": {"values": [0, 1], "sample": 2}}}},
            "submission.columns.ripe.sample",
            "expected one of values [0, 1], found 2",
        ),
        (
            {"submission": {"columns": {"ripe": {"type": "float", "min": 2.0, "max": 1.0}}}},
            "submission.columns.ripe.min",
            "expected at most max (1.0), found 2.0",
        ),
        (
            {"submission": {"columns": {"ripe": {"values": [0, "1"]}}}},
            "submission.columns.ripe.values",
            "found '1'",
        ),
    ],
)
def test_a_problem_names_file_field_expected_and_found(
    make_task: MakeTask, changes: dict[str, Any], field: str, rest: str
) -> None:
    folder = make_task(changes)
    with pytest.raises(TaskError) as caught:
        load_folder(folder)
    lines = str(caught.value).splitlines()
    assert any(
        line.startswith(f"{folder / 'task.toml'}: {field}: ") and rest in line for line in lines
    ), lines


def test_every_problem_gets_its_own_line(make_task: MakeTask) -> None:
    folder = make_task({"version": -1, "titel": "x", "grade": {"metric": 3}})
    with pytest.raises(TaskError) as caught:
        load_folder(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{folder / 'task.toml'}: ") for line in lines)


def test_missing_and_unreadable_files_are_named(make_task: MakeTask, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"nothing/task\.toml: expected a readable file, found: No"):
        load_folder(tmp_path / "nothing")
    folder = make_task()
    (folder / "description.md").write_bytes(b"caf\xe9")
    with pytest.raises(TaskError, match=r"description\.md: expected UTF-8"):
        load_folder(folder)
    (folder / "description.md").write_text(" \n")
    with pytest.raises(TaskError, match="found an empty file"):
        load_folder(folder)
    (folder / "task.toml").write_text("id = \n")
    with pytest.raises(TaskError, match="expected TOML in UTF-8"):
        load_folder(folder)


def test_column_forms_mean_what_they_look_like() -> None:
    columns = SubmissionSpec.model_validate(
        {
            "id": "k",
            "columns": {
                "k": "str",
                "a": {"values": [3, 4]},
                "b": {"min": 2, "max": 9},
                "c": {"type": "float", "min": 0, "sample": 3.1},
                "d": "probability",
                "e": "probability",
                "f": "probability",
                "g": "str",
                "h": {"values": ["x", "y"]},
                "i": {"type": "int", "max": -5},
                "j": {"values": [0.5, 1]},
            },
            "sum_to_one": ["e", "f"],
        }
    )
    kinds = {name: column.type for name, column in columns.columns.items()}
    assert (kinds["a"], kinds["b"], kinds["h"], kinds["j"]) == ("int", "float", "str", "float")
    samples = {name: columns.sample_value(name) for name in columns.predicted}
    assert samples == {
        "a": 3, "b": 2.0, "c": 3.1, "d": 0.5, "e": 0.5, "f": 0.5, "g": "", "h": "x",
        "i": -5, "j": 0.5,
    }  # fmt: skip
    assert list(columns.columns) == ["k", *columns.predicted]


def test_a_column_is_a_value() -> None:
    assert Column.model_validate("int") == Column(type="int")


WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
FIELDS = [
    *PLAIN, "version", "tags", "medals", "limits", "reference", "data.rename", "data.labels",
    "data.drop", "data.target", "data.test_size", "data.time", "submission.columns",
    "submission.sum_to_one", "submission.max_bytes", "grade.params", "grade.worst", "grade.metric",
    "submission.filename", "data.ref", "data.loader", "submission.columns.ripe",
]  # fmt: skip


@settings(
    max_examples=example_count(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(field=st.sampled_from(FIELDS), value=WILD, extra=st.dictionaries(st.text(max_size=8), WILD))
def test_wild_values_load_or_are_told_line_by_line(
    make_task: MakeTask, field: str, value: Any, extra: dict[str, Any]
) -> None:
    folder = make_task()
    changes: Any = value
    for part in reversed(field.split(".")):
        changes = {part: changes}
    content = merged(_without_null(merged(PLAIN, changes)), _without_null(extra))
    (folder / "task.toml").write_text(toml(content), encoding="utf-8")
    try:
        task = load_folder(folder)
    except TaskError as error:
        for line in str(error).split("\n"):
            assert line.startswith(f"{folder / 'task.toml'}: ")
            assert len(line) < 2000
    else:
        assert task.data.target


@settings(
    max_examples=example_count(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_as_task_toml_are_a_task_error(make_task: MakeTask, content: bytes) -> None:
    folder = make_task()
    (folder / "task.toml").write_bytes(content)
    with pytest.raises(TaskError, match=r"task\.toml"):
        load_folder(folder)


def _without_null(value: Any) -> Any:
    """TOML has no null, and its strings no lone surrogates."""
    if isinstance(value, dict):
        return {k: _without_null(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value if item is not None]
    return value
