"""What of a family is measured on the host, without an episode."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.datasets.build import build
from mle_gym.datasets.dataset import DatasetOptions, Size
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.reference_programs import measure_ceiling
from mle_gym.errors import DatasetError
from mle_gym.grading.csv.hidden_answers import load_answers
from mle_gym.grading.floor_and_ceiling import SAMPLE
from mle_gym.grading.guesses import best_guess
from mle_gym.grading.open_grader import open_grader
from mle_gym.grading.task_metric import load_task_metric

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["blind_scores", "prepare_seconds", "why_no_levels"]

REPEATS = 3


def prepare_seconds(task: TaskSpec, size: Size) -> float:
    """The CPU time that a variant of this size takes to prepare, the median of a few."""
    found = []
    for variant in range(-1, -1 - REPEATS, -1):
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            build(task, DatasetOptions(variant, size=size), Path(folder), None)
            found.append(time.process_time() - started)
    return median(found)


def why_no_levels(task: TaskSpec, size: Size) -> str:
    """Why the family has no levels of difficulty; empty if it has."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            build(task, DatasetOptions(-1, size=size, difficulty=0.0), Path(folder), None)
    except DatasetError as error:
        return str(error)
    return ""


def blind_scores(task: TaskSpec, datasets: list[DatasetOptions], sandbox: str) -> list[float]:
    """By dataset the anchored score of what needs no look at the data.

    That is the better of the sample submission and the best constant or guess. A grade counts
    constants as 0, so their scores are placed between the anchors here.
    """
    found = []
    for options in datasets:
        dataset = prepare(task, options)
        anchors = measure_ceiling(dataset, sandbox)
        known = [_sample(dataset, sandbox), _guess(dataset)]
        places = [anchors.place(score) for score in known if score is not None]
        found.append(max((place for place in places if place is not None), default=0.0))
    return found


def _sample(dataset: Dataset, sandbox: str) -> float | None:
    file = dataset.inputs / SAMPLE
    if not file.is_file():
        return None
    return open_grader(dataset, sandbox=sandbox).grade(file.read_bytes()).score


def _guess(dataset: Dataset) -> float | None:
    """What constants and guesses reach; None where only whole files can be scored."""
    spec, file = dataset.task.submission, dataset.private / "answers.csv"
    if spec.kind != "csv" or not file.is_file():
        return None
    answers = load_answers(file, spec)
    metric = load_task_metric(dataset.task)
    rng = np.random.default_rng(abs(dataset.options.variant))
    return best_guess(metric, spec, answers.values, answers.private, rng)
