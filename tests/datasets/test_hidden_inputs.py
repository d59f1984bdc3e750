"""Datasets of tasks whose submissions are programs: the rows to predict stay hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_gym.authoring.validate_task import validate_task
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.brief.whole_brief import brief
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.catalog import load_task
from tests.task_folders import MakeTask

CODE: dict[str, Any] = {"submission": {"kind": "code", "filename": "predict.py", "code": {}}}
FILES = {
    "prepare.py": "def prepare(raw, public, private, rng):\n"
    "    (public / 'notes.txt').write_text('hello')\n"
    "    (public / 'test').mkdir()\n"
    "    (public / 'test' / 'one.txt').write_text('of a row to predict')\n"
}


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.name: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}


def made(folder: Path, **options: Any) -> Dataset:
    return prepare(load_task(folder), DatasetOptions(**options))


@pytest.mark.parametrize("options", [{}, {"variant": 3}, {"train_rows": 9}, {"obfuscate": True}])
def test_the_public_folder_has_examples_in_place_of_the_rows_to_predict(
    make_task: MakeTask, own_cache: Path, options: dict[str, Any]
) -> None:
    dataset = made(make_task(CODE, files=FILES), **options)
    shown, hidden = tables(dataset.public), tables(dataset.inputs)
    spec = dataset.task.submission
    target = spec.predicted[0]
    train, examples = shown["train.csv"], shown["test.csv"]
    pd.testing.assert_frame_equal(examples, train.drop(columns=target).head(20))
    assert list(shown["sample_submission.csv"][spec.id]) == list(examples[spec.id])
    pd.testing.assert_frame_equal(train, hidden["train.csv"])
    assert list(hidden["test.csv"].columns) == list(examples.columns)
    assert not set(hidden["test.csv"][spec.id]) & set(train[spec.id])
    assert (dataset.public / "notes.txt").exists() == (dataset.inputs / "notes.txt").exists()
    assert not (dataset.public / "test").exists()
    assert (dataset.inputs / "test" / "one.txt").exists()
    sample = (dataset.inputs / "sample_submission.csv").read_bytes()
    assert PredictionsGrader(dataset).grade(sample).valid
    assert (
        not PredictionsGrader(dataset)
        .grade((dataset.public / "sample_submission.csv").read_bytes())
        .valid
    )


def test_other_tasks_hide_no_inputs(make_task: MakeTask, own_cache: Path) -> None:
    dataset = made(make_task())
    assert dataset.inputs == dataset.public
    assert not (dataset.public.parent / "hidden").exists()


def test_the_brief_tells_what_is_run_where(make_task: MakeTask, own_cache: Path) -> None:
    dataset = made(make_task(CODE))
    text = brief(
        dataset,
        feedback="score",
        max_steps=5,
        time_limit=60,
        clock="wall",
        limits=Limits(),
        score_calls=3,
    )
    assert "You hand in a program: `predict.py`" in text
    assert "they have 20 rows that you never see" in text
    assert "`data/test.csv`: 20 rows as examples" in text
    assert "It must write a CSV file `submission.csv`" in text
    assert "`submit predict.py`: hands the program in" in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"submission": {"kind": "code", "filename": "p.py"}}, "submission.code"),
        ({"submission": {"filename": "p.py", "code": {}}}, "submission.kind"),
        ({"submission": {"kind": "code", "code": {}}}, "submission.filename"),
        ({"submission": {**CODE["submission"], "code": {"entry": "../x.py"}}}, "code.entry"),
        ({"submission": {**CODE["submission"], "code": {"seconds": 0}}}, "code.seconds"),
        ({**CODE, "data": {"test_size": None, "stratify": None}}, "data.test_size"),
    ],
)
def test_what_can_t_be_is_an_error_of_its_field(
    make_task: MakeTask, changes: dict[str, Any], field: str
) -> None:
    files = {"prepare.py": "def prepare(raw, public, private, rng): ...\n"}
    with pytest.raises(TaskError, match=field.replace(".", r"\.")):
        load_task(make_task(changes, files=files))


def test_test_columns_that_training_rows_lack_are_refused(
    make_task: MakeTask, own_cache: Path
) -> None:
    hook = (
        "import pandas as pd\n"
        "def prepare(raw, public, private, rng):\n"
        "    test = pd.read_csv(public / 'test.csv').assign(late=1)\n"
        "    test.to_csv(public / 'test.csv', index=False)\n"
    )
    with pytest.raises(DatasetError, match=r"expected columns of train\.csv.* found 'late'"):
        made(make_task(CODE, files={"prepare.py": hook}))


@pytest.mark.slow("it runs all checks of a task")
def test_validate_task_notices_hidden_rows_that_are_shown(
    make_task: MakeTask, own_cache: Path
) -> None:
    hook = (
        "import shutil\n"
        "def prepare(raw, public, private, rng):\n"
        "    shutil.copy(public / 'test.csv', public / 'copy.csv')\n"
    )
    leaky = make_task(CODE, files={"prepare.py": hook}, folder="leaky")
    name = "nothing private is public"
    sound = validate_task(make_task(CODE), run_programs=False)
    assert {check.name: check.passed for check in sound}[name]
    found = validate_task(leaky, run_programs=False)
    details = {check.name: check.detail for check in found if not check.passed}
    assert details[name] == "copy.csv shows 20 of the hidden rows"
