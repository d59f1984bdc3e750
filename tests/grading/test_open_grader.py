from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mle_gym.datasets.dataset import Dataset
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.grade import Grade, Validation
from mle_gym.grading.graders.grade_maker import GradeMaker, Measured
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.open_grader import grade
from mle_gym.tasks.spec import TaskSpec
from tests.tiers import example_count

MakeTask = Callable[..., TaskSpec]
MakeDataset = Callable[[TaskSpec, str], Dataset]

ANSWERS = "id,y,Usage\n1,1,Public\n2,0,Public\n3,1,Private\n4,1,Private\n5,0,Private\n6,0,Private\n"
PERFECT = b"id,y\n1,1\n2,0\n3,1\n4,1\n5,0\n6,0\n"
MIXED = b"id,y\n1,1\n2,1\n3,1\n4,1\n5,0\n6,1\n"
"""A submission that is right in 1 of 2 public and 3 of 4 private rows."""

MEDALS = "[medals]\ngold = 0.9\nsilver = 0.75\nbronze = 0.75\nmedian = 0.75"


@pytest.fixture
def toy(make_task: MakeTask, make_dataset: MakeDataset) -> PredictionsGrader:
    return PredictionsGrader(make_dataset(make_task(tables=MEDALS), ANSWERS))


def test_the_result_is_the_score_on_the_private_part(toy: PredictionsGrader) -> None:
    result = toy.grade(MIXED)
    assert result.valid
    assert (result.score, result.public_score, result.normalized) == (0.75, 0.5, 0.75)
    assert (result.medal, result.beats_median, result.beats_floor) == ("silver", False, True)
    assert (result.rank, result.percentile) == (None, None)
    assert (result.rows, result.dataset, result.task, result.variant) == (6, "d1gest", "toy", 0)
    assert result.thresholds == {"gold": 0.9, "silver": 0.75, "bronze": 0.75, "median": 0.75}
    assert set(result.versions) == {"mle_gym", "scikit-learn", "numpy", "pandas"}
    assert result.versions["pandas"] == pd.__version__
    assert len(result.sha256) == 64
    assert (result.error_code, result.error_message) == ("", "")


def test_a_perfect_submission_gets_the_best(toy: PredictionsGrader) -> None:
    result = toy.grade(PERFECT)
    assert (result.score, result.public_score, result.normalized) == (1.0, 1.0, 1.0)
    assert (result.medal, result.beats_median, result.beats_floor) == ("gold", True, True)


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "missing_submission"), (b"", "empty_file"), (b"id,y\n1,1\n", "missing_ids")],
)
def test_what_cannot_be_graded_is_graded_zero(
    toy: PredictionsGrader, content: bytes | None, code: str
) -> None:
    result = toy.grade(content)
    assert not result.valid
    assert result.error_code == code
    assert result.error_message
    assert (result.score, result.public_score, result.normalized) == (None, None, 0.0)
    assert (result.medal, result.beats_median, result.beats_floor) == ("", False, False)
    assert result.rows == 0
    assert bool(result.sha256) == (content is not None)
    assert result.thresholds["gold"] == 0.9


def test_what_is_too_large_for_its_shape_is_refused_unread(toy: PredictionsGrader) -> None:
    content = PERFECT + b"7,1\n" * 2**19
    result = toy.grade(content)
    assert result.error_code == "too_large"
    assert f"found {len(content):,} bytes" in result.error_message
    assert "a submission of 6 rows and 2 columns" in result.error_message
    assert toy.validate(content).message == result.error_message
    assert not toy.promising(content)
    with pytest.raises(SubmissionError, match="too large"):
        toy.public_score(content)


def test_the_longest_values_that_are_right_are_read(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    task = make_task(columns='id = "str", y = "str"', metric="levenshtein", worst=9.0, best=0.0)
    answers = "id,y,Usage\n" + "".join(f"{'é' * 40}{row},a,Private\n" for row in range(40))
    content = "id,y\n" + "".join(f"{'é' * 40}{row},{'é' * 20_000}\n" for row in range(40))
    grade = PredictionsGrader(make_dataset(task, answers)).grade(content.encode())
    assert grade.valid, grade.error_message


def test_without_standards_nothing_is_claimed(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    result = PredictionsGrader(make_dataset(make_task(), ANSWERS)).grade(PERFECT)
    assert (result.medal, result.thresholds) == ("", {})
    assert result.beats_median is result.percentile is None


def test_medals_from_a_leaderboard(make_task: MakeTask, make_dataset: MakeDataset) -> None:
    board = "score\n" + "".join(f"{place / 10}\n" for place in range(1, 11))
    task = make_task(tables='[medals]\nleaderboard = "leaderboard.csv"', leaderboard=board)
    result = PredictionsGrader(make_dataset(task, ANSWERS)).grade(MIXED)
    assert (result.rank, result.percentile, result.medal) == (4, 0.7, "bronze")
    assert result.thresholds == {"gold": 1.0, "silver": 0.9, "bronze": 0.7, "median": 0.55}
    assert result.beats_median is True


def test_equalling_a_team_of_our_own_board_is_enough(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    """Its scores are floats to the last bit, and one of a third is rounded down."""
    board = "score\n0.3333333333333333\n0.1\n"
    task = make_task(tables='[medals]\nleaderboard = "leaderboard.csv"', leaderboard=board)
    grades = GradeMaker(
        make_dataset(task, ANSWERS), higher_is_better=True, score=lambda content: 0.0
    )
    assert grades.accept(Measured(1 / 3, rows=3)).medal == "gold"


@pytest.mark.parametrize(
    ("prediction", "normalized", "beats"), [(0.0, 1.0, True), (5.0, 0.5, True), (99.0, 0.0, False)]
)
def test_losses_are_normalized_and_clipped(
    make_task: MakeTask,
    make_dataset: MakeDataset,
    prediction: float,
    normalized: float,
    beats: bool,
) -> None:
    task = make_task('id = "int", y = { type = "float", sample = 9.0 }', "rmse", 10.0, 0.0)
    grader = PredictionsGrader(make_dataset(task, "id,y,Usage\n1,0,Private\n2,0,Public\n"))
    result = grader.grade(f"id,y\n1,{prediction}\n2,0\n".encode())
    assert (result.score, result.normalized) == (prediction, normalized)
    assert result.higher_is_better is False
    assert result.beats_floor is beats


@settings(
    max_examples=example_count(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.permutations(range(6)), st.booleans())
def test_the_order_of_rows_and_columns_never_changes_the_score(
    toy: PredictionsGrader, order: list[int], swapped: bool
) -> None:
    ids, labels = range(1, 7), [1, 1, 1, 1, 0, 1]
    table = pd.DataFrame({"id": ids, "y": labels}).iloc[order]
    columns = ["y", "id"] if swapped else ["id", "y"]
    result = toy.grade(table[columns].to_csv(index=False).encode())
    assert (result.score, result.public_score) == (0.75, 0.5)


@settings(
    max_examples=example_count(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=200) | st.text(alphabet="id,y01236\n", max_size=60).map(str.encode))
def test_no_content_makes_the_grader_raise_or_scores_by_luck(
    toy: PredictionsGrader, content: bytes
) -> None:
    result = toy.grade(content)
    assert not result.valid
    assert result.normalized == 0.0
    assert result.error_code
    assert toy.validate(content) == Validation(False, result.error_code, result.error_message)
    json.dumps(result.to_dict(), allow_nan=False)


def test_messages_never_quote_an_answer(make_task: MakeTask, make_dataset: MakeDataset) -> None:
    task = make_task('id = "int", y = "str"', "map_at_k", params="k = 3")
    grader = PredictionsGrader(make_dataset(task, "id,y\n1,s3cret\n2,h1dden\n"))
    for content in (b"", b"id\n1\n", b"id,y\n1,a\n", b"id,y\n1,a\n3,b\n", b"id,y,z\n1,a,b\n"):
        message = grader.grade(content).error_message
        assert message
        assert "s3cret" not in message
        assert "h1dden" not in message


def test_validation_checks_what_a_metric_cannot_score(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    task = make_task('id = "int", mask = "str"', "dice", targets='"mask"')
    grader = PredictionsGrader(make_dataset(task, "id,mask\n1,1 5\n2,\n"))
    assert grader.validate(b"id,mask\n1,3 4\n2,\n") == Validation(True)
    assert grader.validate(b"id,mask\n1,3\n2,\n").code == "malformed_mask"
    assert grader.grade(b"id,mask\n1,3\n2,\n").error_code == "malformed_mask"


def test_public_scores_are_feedback(toy: PredictionsGrader) -> None:
    assert toy.public_score(MIXED) == 0.5
    with pytest.raises(SubmissionError, match="the file is empty"):
        toy.public_score(b"")


def test_without_a_usage_column_all_is_private(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    grader = PredictionsGrader(make_dataset(make_task(), "id,y\n1,1\n2,0\n"))
    result = grader.grade(b"id,y\n1,1\n2,1\n")
    assert (result.score, result.public_score) == (0.5, None)
    with pytest.raises(SubmissionError, match="no public part"):
        grader.public_score(b"id,y\n1,1\n2,1\n")


def test_ignored_rows_must_be_handed_in_and_count_nowhere(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    grader = PredictionsGrader(
        make_dataset(make_task(), "id,y,Usage\n1,1,Private\n2,0,Ignored\n3,1,Public\n")
    )
    result = grader.grade(b"id,y\n1,1\n2,1\n3,0\n")
    assert (result.score, result.public_score) == (1.0, 0.0)
    assert grader.grade(b"id,y\n1,1\n3,0\n").error_code == "missing_ids"


def test_scores_that_are_not_finite_are_refused(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    task = make_task('id = "int", y = "float"', "rmse", 10.0, 0.0)
    grader = PredictionsGrader(make_dataset(task, "id,y,Usage\n1,0,Private\n2,0,Public\n"))
    assert grader.grade(b"id,y\n1,1e300\n2,0\n").error_code == "score_not_finite"
    public_only = grader.grade(b"id,y\n1,1\n2,1e300\n")
    assert public_only.valid
    assert public_only.public_score is None


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("id,y\n1,1\n1,0\n", "several rows with the same 'id'"),
        ("id,y\n1,2\n2,0\n", "not a perfect submission: column 'y': found 2"),
        ("id,y,Usage\n1,1,Public\n2,0,Public\n", "at least one row whose Usage is 'Private'"),
        ("id,y,Usage\n1,1,Secret\n2,0,Public\n", "column 'Usage': found 'Secret'"),
        ("id,label\n1,1\n", "the column 'y' is missing"),
        ("", "the file is empty"),
    ],
)
def test_broken_answers_are_the_datasets_fault(
    make_task: MakeTask, make_dataset: MakeDataset, answers: str, message: str
) -> None:
    grader = PredictionsGrader(make_dataset(make_task(), answers))
    with pytest.raises(DatasetError, match=message):
        grader.grade(PERFECT)


def test_missing_answers_are_named(make_task: MakeTask, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(make_task(), ANSWERS)
    (dataset.private / "answers.csv").unlink()
    with pytest.raises(DatasetError, match=r"answers\.csv: expected a readable file"):
        PredictionsGrader(dataset).grade(PERFECT)


def test_answers_are_read_once_until_they_change(
    make_task: MakeTask, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task()
    dataset = make_dataset(task, ANSWERS)
    assert PredictionsGrader(dataset).grade(PERFECT).score == 1.0
    with monkeypatch.context() as patch:
        patch.setattr("mle_gym.grading.csv.hidden_answers.parse_answers", None)
        assert PredictionsGrader(dataset).grade(PERFECT).score == 1.0
    make_dataset(task, ANSWERS.replace("6,0", "6,1"))
    os.utime(dataset.private / "answers.csv", ns=(1, 1))
    assert PredictionsGrader(dataset).grade(PERFECT).score == 0.75


def test_grades_survive_json(toy: PredictionsGrader) -> None:
    for content in (MIXED, PERFECT, b"id,y\n", None):
        result = toy.grade(content)
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert Grade.from_dict(json.loads(text)) == result


def test_a_grade_with_infinities_is_still_json() -> None:
    odd = Grade("t", 0, True, "m", True, score=math.inf)
    assert json.loads(json.dumps(odd.to_dict(), allow_nan=False))["score"] is None
    with pytest.raises(ValueError, match="unknown fields extra"):
        Grade.from_dict({**odd.to_dict(), "extra": 1})
    with pytest.raises(ValueError, match="missing fields metric, task"):
        Grade.from_dict({k: v for k, v in odd.to_dict().items() if k not in ("task", "metric")})


def test_a_titanic_sized_submission_is_graded_in_milliseconds(
    make_task: MakeTask, make_dataset: MakeDataset
) -> None:
    rng = random.Random(0)
    lines = [f"{i},{rng.randint(0, 1)}" for i in range(892, 892 + 418)]
    answers = "\n".join(
        ["id,y,Usage", *(f"{line},{rng.choice(['Public', 'Private'])}" for line in lines)]
    )
    grader = PredictionsGrader(make_dataset(make_task(), answers))
    content = "\n".join(["id,y", *reversed(lines)]).encode()
    assert grader.grade(content).score == 1.0
    times = []
    for _ in range(20):
        start = time.process_time()
        grader.grade(content)
        times.append(time.process_time() - start)
    assert sorted(times)[5] < 0.005


def test_validating_does_not_import_scikit_learn(tmp_path: Path, make_task: MakeTask) -> None:
    task = make_task('id = "int", y = "probability"', "roc_auc")
    (tmp_path / "answers.csv").write_text("id,y\n1,1\n2,0\n")
    program = f"""
import sys
from pathlib import Path
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.tasks.load import load_folder
here = Path({str(tmp_path)!r})
task = load_folder(Path({str(task.folder)!r}))
grader = PredictionsGrader(Dataset(task, DatasetOptions(), here, here, ""))
print(grader.validate(b"id,y\\n1,0.5\\n2,0.5\\n").valid, "sklearn" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "True False\n"


# The one function for scripts


def toy_grade(task: TaskSpec, submission: Any, tmp_path: Path) -> Grade:
    answers = tmp_path / "solution.csv"
    answers.write_text(ANSWERS)
    return grade(task, submission, answers)


def test_a_prediction_that_does_not_suit_the_metric_is_named_by_column_and_id(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task = make_task('id = "int", y = "float"', metric="rmsle", worst=1.0, best=0.0)
    answers = pd.DataFrame({"id": [5, 6, 7], "y": [1.0, 2.0, 3.0]})
    result = grade(task, b"id,y\n7,1\n6,-2.5\n5,1\n", answers)
    wanted = "column 'y': found -2.5 in the row with id 6; expected no value below 0"
    assert (result.error_code, result.error_message) == ("out_of_range", wanted)


def test_bytes_paths_and_tables_get_the_same_grade(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task()
    path = tmp_path / "mine.csv"
    path.write_bytes(MIXED)
    results = [toy_grade(task, s, tmp_path) for s in (MIXED, path, str(path), pd.read_csv(path))]
    assert [result.score for result in results] == [0.75] * 4
    assert len({result.sha256 for result in results}) == 1
    assert grade(task.folder, MIXED, pd.read_csv(tmp_path / "solution.csv")) == results[0]
    assert grade(task, MIXED, tmp_path / "solution.csv", variant=7).variant == 7


def test_submissions_that_cannot_be_read_are_not_valid(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task()
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "none.csv": "missing_submission",
        tmp_path: "not_a_file",
        tmp_path / "pipe": "not_a_file",
        "x" * 10_000: "unreadable",
        "nul\0byte": "unreadable",
        None: "missing_submission",
    }
    for submission, code in cases.items():
        result = toy_grade(task, submission, tmp_path)
        assert (result.valid, result.error_code) == (False, code)


def test_tables_are_judged_as_the_file_they_would_be(make_task: MakeTask, tmp_path: Path) -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError("no")

    task = make_task()
    cases: list[tuple[pd.DataFrame, str]] = [
        (pd.DataFrame(), "empty_file"),
        (pd.DataFrame({"id": [1, 2], "y": [1.0, None]}), "missing_value"),
        (pd.DataFrame({"y": [1]}, index=pd.Index([1], name="id")), "missing_column"),
        (pd.DataFrame({"id": [1], "y": [Rude()]}), "unreadable"),
        (pd.DataFrame({"id": [1], "y": ["\0"]}), "nul_byte"),
    ]
    for table, code in cases:
        assert toy_grade(task, table, tmp_path).error_code == code


def test_broken_answers_that_are_handed_in_are_raised(make_task: MakeTask, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"the given answers: .*'y' is missing"):
        grade(make_task(), MIXED, pd.DataFrame({"id": [1]}))
    with pytest.raises(DatasetError, match="expected a readable file"):
        grade(make_task(), MIXED, tmp_path / "none.csv")


def test_parity_is_refused_where_there_is_no_parity_grader(make_task: MakeTask) -> None:
    with pytest.raises(TaskError, match="'toy' has no parity grader"):
        grade(make_task(), MIXED, parity=True)


def test_an_unknown_task_is_raised() -> None:
    with pytest.raises(TaskError, match="no-such-task"):
        grade("no-such-task", MIXED)
