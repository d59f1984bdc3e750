"""Learning labels from what an agent may see: messages, scores, other variants of the same data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.hidden_answers import Answers, load_answers
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.tasks.catalog import load_task, task_folders
from tests.security.bait import TASK

SPECS = {name: load_task(name) for name in task_folders()}
REAL = [
    name
    for name, spec in SPECS.items()
    if spec.data.loader in ("openml", "sklearn") and spec.submission.kind == "csv"
]
TABLES = [name for name in REAL if not (SPECS[name].folder / "prepare.py").exists()]


def hostile(dataset: Dataset) -> list[bytes]:
    """Submissions whose error messages might reveal something."""
    sample = (dataset.public / "sample_submission.csv").read_bytes()
    header, *rows = sample.splitlines()
    first = rows[0].split(b",")[0]
    return [
        sample,
        b"",
        header,
        b"\n".join([header, *rows[:-1]]),
        b"\n".join([header, *rows, rows[0]]),
        b"\n".join([header, *rows[::-1]]),
        b"\n".join([header, *(row.split(b",")[0] + b"," for row in rows)]),
        b"\n".join([header, *(row.split(b",")[0] + b",nonsense" for row in rows)]),
        b"\n".join([header, *(row.split(b",")[0] + b",nan" for row in rows)]),
        b"\n".join([header, *(row.split(b",")[0] + b",1e999" for row in rows)]),
        b"\n".join([b"id,Usage", *(row.split(b",")[0] + b",Public" for row in rows)]),
        sample.replace(first + b",", b"999999,", 1),
        b"\xff\xfe" + sample,
    ]


def with_other_answers(dataset: Dataset, which: str) -> Answers:
    """The answers with the labels of one part in another order."""
    answers = load_answers(dataset.private / "answers.csv", dataset.task.submission)
    rows = np.asarray(getattr(answers, which))
    values = dict(answers.values)
    for name in values:
        if name != dataset.task.submission.id:
            changed = np.array(values[name], copy=True)
            changed[rows] = changed[np.roll(rows, 1)]
            values[name] = changed
    assert any(not np.array_equal(values[name], answers.values[name]) for name in values)
    return replace(answers, values=values)


def said(grader: PredictionsGrader, content: bytes) -> str:
    """All that a caller of ``validate`` and ``score`` sees."""
    validation = grader.validate(content)
    try:
        score = f"{grader.public_score(content):.5f}"
    except SubmissionError as error:
        score = f"{error.code} {error}"
    return f"{validation} {score}"


@pytest.mark.parametrize("task", REAL)
def test_validating_needs_no_answers(task: str, tmp_path: Path) -> None:
    dataset = prepare(task)
    judge, blind = (
        PredictionsGrader(dataset),
        PredictionsGrader(replace(dataset, private=tmp_path / "nowhere")),
    )
    for content in hostile(dataset):
        assert blind.validate(content) == judge.validate(content)


@pytest.mark.parametrize("task", REAL)
def test_nothing_that_is_said_depends_on_private_labels(task: str) -> None:
    dataset = prepare(task)
    truth, other = (
        PredictionsGrader(dataset),
        PredictionsGrader(dataset, with_other_answers(dataset, "private")),
    )
    for content in hostile(dataset):
        assert said(truth, content) == said(other, content)


@pytest.mark.parametrize("task", REAL)
def test_verdicts_on_the_format_depend_on_no_label(task: str) -> None:
    dataset = prepare(task)
    truth, other = (
        PredictionsGrader(dataset),
        PredictionsGrader(dataset, with_other_answers(dataset, "public")),
    )
    for content in hostile(dataset):
        assert truth.validate(content) == other.validate(content)


def test_scores_do_depend_on_public_labels() -> None:
    """Otherwise the tests above would show nothing."""
    dataset = prepare(TASK)
    perfect = pd.read_csv(dataset.private / "answers.csv").drop(columns="Usage")
    content = perfect.to_csv(index=False).encode()
    for which in ("public", "private"):
        other = PredictionsGrader(dataset, with_other_answers(dataset, which))
        changed = said(PredictionsGrader(dataset), content) != said(other, content)
        assert changed == (which == "public")


ASK = """
cp data/sample_submission.csv s.csv
for i in $(seq 12); do score s.csv & done 2>&1
wait
for i in $(seq 3); do score s.csv; done
"""


def answered(env: gym.Env[Any, Any]) -> int:
    env.reset()
    count = env.step(ASK)[0]["output"].count("public score:")
    count += env.step("score s.csv")[0]["output"].count("public score:")
    count += env.step({"tool": "score", "path": "s.csv"})[0]["output"].count("public score:")
    env.close()
    return int(count)


def test_the_number_of_scores_is_bounded_however_they_are_asked_for(isolating_backend: str) -> None:
    options = {"sandbox": isolating_backend, "feedback": "score"}
    assert answered(gym.make(f"mle/{TASK}-v0", score_calls=4, **options)) == 4


def test_a_larger_budget_answers_more() -> None:
    options = {"sandbox": "bubblewrap", "feedback": "score"}
    assert answered(gym.make(f"mle/{TASK}-v0", score_calls=100, **options)) == 17


@pytest.mark.parametrize("feedback", ["none", "validate"])
def test_without_score_there_are_none(isolating_backend: str, feedback: str) -> None:
    env = gym.make(f"mle/{TASK}-v0", sandbox=isolating_backend, feedback=feedback)
    assert answered(env) == 0


def rows(dataset: Dataset, *parts: str) -> Counter[tuple[Any, ...]]:
    """What is known of each row but its label and its number."""
    task = dataset.task
    unknown = {task.submission.id, *task.submission.columns}
    unknown |= (
        {task.data.target} if isinstance(task.data.target, str) else set(task.data.target or ())
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for part in parts:
        table = pd.read_csv(dataset.public / f"{part}.csv", dtype=str, keep_default_na=False)
        columns = [name for name in sorted(table) if name not in unknown]
        found.update(table[columns].itertuples(index=False, name=None))
    return found


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.slow("it prepares many tasks")
def test_variants_show_no_row_of_the_canonical_test(task: str) -> None:
    """Their rows, labels included, are some of those that the canonical training data show."""
    canonical = rows(prepare(task), "train")
    for variant in (1, 2, -3):
        dataset = prepare(task, DatasetOptions(variant))
        assert not rows(dataset, "train", "test") - canonical


@pytest.mark.parametrize("task", TABLES)
def test_rows_of_the_canonical_test_would_be_noticed(task: str) -> None:
    dataset = prepare(task)
    assert rows(dataset, "test") - rows(dataset, "train")
