"""MLE-bench's quirks, one by one. Every expected value comes from its own graders.

``python -m benchmarks.parity_mle_bench`` compares with a checkout, for all competitions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.grade import Grade
from mle_gym.grading.graders.parity import ParityGrader
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.open_grader import grade
from mle_gym.grading.parity import RULES, parity_score, read_like_mle_bench
from mle_gym.tasks.spec import TaskSpec

MakeTask = Callable[..., TaskSpec]

CACTUS = "aerial-cactus-identification"
APTOS = "aptos2019-blindness-detection"
DOCUMENTS = "denoising-dirty-documents"
DOGS = "dogs-vs-cats-redux-kernels-edition"
INSULTS = "detecting-insults-in-social-commentary"
JIGSAW = "jigsaw-toxic-comment-classification-challenge"
TAXI = "new-york-city-taxi-fare-prediction"
NOMAD = "nomad2018-predict-transparent-conductors"
PLANTS = "plant-pathology-2020-fgvc7"
RANZCR = "ranzcr-clip-catheter-line-classification"
SPOOKY = "spooky-author-identification"
TPS = "tabular-playground-series-dec-2021"
TEXT = "text-normalization-challenge-english-language"

ANSWERS = {
    CACTUS: "id,has_cactus\na.jpg,0\nb.jpg,1\nc.jpg,1\nd.jpg,0\n",
    APTOS: "id_code,diagnosis\na,0\nb,1\nc,4\n",
    DOCUMENTS: "id,value\n1_1_1,0.5\n1_1_2,1.0\n",
    DOGS: "id,label\n1,0\n2,1\n3,1\n",
    JIGSAW: "id,toxic,severe_toxic,obscene,threat,insult,identity_hate\n"
    "a,0,0,0,0,0,1\nb,1,1,1,1,1,0\nc,-1,-1,-1,-1,-1,-1\nd,1,0,0,0,0,1\n",
    TAXI: "key,fare_amount,passenger_count\nk1,10.0,1\nk2,20.0,2\n",
    NOMAD: "id,formation_energy_ev_natom,bandgap_energy_ev\n1,0.1,1.0\n2,0.3,2.0\n",
    PLANTS: "image_id,healthy,multiple_diseases,rust,scab\nt0,1,0,0,0\nt1,0,1,0,0\nt2,0,0,1,0\n"
    "t3,0,0,0,1\n",
    SPOOKY: "id,EAP,HPL,MWS\nx,1,0,0\ny,0,1,0\nz,0,0,1\n",
    TPS: "Id,Cover_Type\n1,2\n2,3\n",
    TEXT: "id,after\n0_0,null\n0_1,two\n0_2,\n0_3,1990\n",
}


def score(competition: str, submission: str) -> float:
    truth = read_like_mle_bench(ANSWERS[competition].encode())
    return parity_score(RULES[competition], submission.encode(), truth)


def test_there_is_a_rule_for_every_competition_of_the_lite_split() -> None:
    assert len(RULES) == 22
    assert all(rule.key and callable(rule.score) for rule in RULES.values())


VALID = [
    ("rows in any order", CACTUS,
     "id,has_cactus\nd.jpg,0.1\nc.jpg,1\nb.jpg,0.4\na.jpg,0.5\n", 0.75),
    ("extra columns are not looked at", CACTUS,
     "junk,has_cactus,id\n9,0.1,a.jpg\n9,0.9,b.jpg\n9,0.8,c.jpg\n9,0,d.jpg\n", 1.0),
    ("floats that are labels", APTOS, "id_code,diagnosis\na,0.0\nb,1.0\nc,4.0\n", 1.0),
    ("no range", DOCUMENTS, "id,value\n1_1_1,7.5\n1_1_2,-6.0\n", 7.0),
    ("certain and wrong is 36.04", DOGS, "id,label\n1,1\n2,1\n3,1\n", 12.01455),
    ("keys are never compared", TAXI, "key,fare_amount\nzzz,20\naaa,10\n", 0.0),
    ("one key for all", TAXI, "key,fare_amount\nx,10\nx,20\n", 0.0),
    ("rows by position, without an id", NOMAD,
     "bandgap_energy_ev,formation_energy_ev_natom\n1.0,0.1\n2.0,0.3\n", 0.0),
    ("wrong ids at the right place", NOMAD,
     "id,formation_energy_ev_natom,bandgap_energy_ev\n2,0.1,1.0\n1,0.3,2.0\n", 0.0),
    ("negative above -1", NOMAD,
     "id,formation_energy_ev_natom,bandgap_energy_ev\n1,-0.5,1.0\n2,0.3,2.0\n", 0.27876),
    ("any numbers", PLANTS, "image_id,healthy,multiple_diseases,rust,scab\nt0,9,-1,0,0\n"
     "t1,0,5,0,0\nt2,0,0,99,0\nt3,0,0,0,7\n", 1.0),
    ("classes in any order", SPOOKY, "id,MWS,HPL,EAP\nx,0,0,1\ny,0,1,0\nz,1,0,0\n", 0.0),
    ("sums within 1.1e-5", SPOOKY, "id,EAP,HPL,MWS\nx,0.50001,0.25,0.25\ny,0,1,0\nz,0,0,1\n",
     0.23104),
    ("blanks and null are one text", TEXT, "id,after\n0_0,\n0_1,two\n0_2,NA\n0_3,1990\n", 1.0),
    ("and so is a word for it", TEXT, "id,after\n0_0,nan\n0_1,Two\n0_2,None\n0_3,1990\n", 0.75),
    ("an id twice is not noticed", TAXI, "key,fare_amount\nk1,10\nk1,20\n", 0.0),
    ("rows without labels are left out", JIGSAW,
     "id,toxic,severe_toxic,obscene,threat,insult,identity_hate\n"
     "a,0,0,0,0,0,1\nb,1,1,1,1,1,0\nc,0,9,0,0,0,0\nd,1,0,0,0,0,1\n", 1.0),
    ("columns by position", JIGSAW, "identity_hate,insult,threat,obscene,severe_toxic,toxic,id\n"
     "1,0,0,0,0,0,a\n0,1,1,1,1,1,b\n0,0,0,0,0,0,c\n1,0,0,0,0,1,d\n", 0.75),
]  # fmt: skip


@pytest.mark.parametrize(
    ("competition", "submission", "expected"),
    [pytest.param(*case, id=name) for name, *case in VALID],
)
def test_what_mle_bench_takes(competition: str, submission: str, expected: float) -> None:
    assert score(competition, submission) == expected


INVALID = [
    ("above 1", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,1.1\nc.jpg,1\nd.jpg,0\n"),
    ("a missing value", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,\nc.jpg,1\nd.jpg,0\n"),
    ("text", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,yes\nc.jpg,1\nd.jpg,0\n"),
    ("a row too few", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,1\nc.jpg,1\n"),
    ("another id", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,1\nc.jpg,1\nx.jpg,0\n"),
    ("an empty file", CACTUS, ""),
    ("fractions", APTOS, "id_code,diagnosis\na,0.5\nb,1\nc,4\n"),
    ("a row twice", APTOS, "id_code,diagnosis\na,0\nb,1\nc,4\nc,4\n"),
    ("no id", APTOS, "diagnosis\n0\n1\n4\n"),
    ("below -1", NOMAD, "formation_energy_ev_natom,bandgap_energy_ev\n-1,1.0\n0.3,2.0\n"),
    ("an extra column", PLANTS, "image_id,healthy,multiple_diseases,rust,scab,x\n"
     "t0,1,0,0,0,0\nt1,0,1,0,0,0\nt2,0,0,1,0,0\nt3,0,0,0,1,0\n"),
    ("the id elsewhere", SPOOKY, "EAP,HPL,MWS,id\n1,0,0,x\n0,1,0,y\n0,0,1,z\n"),
    ("sums", SPOOKY, "id,EAP,HPL,MWS\nx,0.51,0.25,0.25\ny,0,1,0\nz,0,0,1\n"),
    ("a missing value that sums to 1", SPOOKY, "id,EAP,HPL,MWS\nx,1,,0\ny,0,1,0\nz,0,0,1\n"),
    ("an extra column of scores", JIGSAW,
     "id,toxic,severe_toxic,obscene,threat,insult,identity_hate,x\n"
     "a,0,0,0,0,0,1,1\nb,1,1,1,1,1,0,1\nc,0,9,0,0,0,0,1\nd,1,0,0,0,0,1,1\n"),
    ("a class too few", RANZCR, "StudyInstanceUID,ETT - Normal\nx,1\n"),
    ("rows that pandas can't read", CACTUS, "id,has_cactus\na.jpg,0\nb.jpg,1,2,3\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("competition", "submission"), [pytest.param(*case, id=name) for name, *case in INVALID]
)
def test_what_mle_bench_refuses(
    monkeypatch: pytest.MonkeyPatch, competition: str, submission: str
) -> None:
    monkeypatch.setitem(ANSWERS, RANZCR, "StudyInstanceUID,ETT - Normal\nx,1\n")
    with pytest.raises(SubmissionError) as caught:
        score(competition, submission)
    assert caught.value.code
    assert caught.value.message


def test_a_constant_that_is_right_is_valid_and_not_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ANSWERS, APTOS, "id_code,diagnosis\na,2\nb,2\n")
    assert math.isnan(score(APTOS, "id_code,diagnosis\na,2\nb,2\n"))


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"id,y\n1,0\x00\n2,1\x005\n", {"id": [1, 2], "y": [0, 1]}),
        (b'id,y\r\n"a\x00,""b",1\r\nab,"0\x00\n"\r\n', {"id": ["a", "ab"], "y": [1, 0]}),
        (b"id\x00entity,y\n1,2\n", {"id": [1], "y": [2]}),
    ],
)
def test_a_cell_ends_at_a_nul_byte_as_in_pandas_2(content: bytes, cells: dict[str, object]) -> None:
    assert read_like_mle_bench(content).to_dict("list") == cells
    assert read_like_mle_bench(b"id,y\n1,\x00x\n2,0\n")["y"].isna().tolist() == [True, False]


def test_comments_are_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    comments = 'Insult,Date,Comment,Usage\n1,,"a, ""b""",PublicTest\n0,,NA,PrivateTest\n'
    monkeypatch.setitem(ANSWERS, INSULTS, comments)
    with pytest.raises(SubmissionError):  # NA is a missing value, which equals nothing
        score(INSULTS, comments)


@pytest.fixture
def dogs(make_task: MakeTask) -> TaskSpec:
    task = make_task(
        'id = "int", label = "probability"',
        "log_loss",
        36.0,
        0.0,
        targets='"label"',
        tables="[medals]\ngold = 0.038821\nsilver = 0.05\nbronze = 0.06\nmedian = 0.2",
    )
    return task.model_copy(update={"id": DOGS})


ROWS = "id,label,Usage\n1,0,Public\n2,1,Private\n3,1,Private\n4,1,Ignored\n"


@pytest.fixture
def dataset(dogs: TaskSpec) -> Dataset:
    private = dogs.folder / "private"
    private.mkdir()
    (private / "answers.csv").write_text(ROWS)
    return Dataset(dogs, DatasetOptions(), dogs.folder, private, "digest")


def guess(probability: float) -> bytes:
    return f"id,label\n1,0\n2,1\n3,1\n4,{probability}\n".encode()


def test_every_row_counts_and_the_grade_says_who_graded(dataset: Dataset) -> None:
    result = ParityGrader(dataset).grade(guess(0.5))
    assert (result.grader, result.score, result.rows) == ("parity", 0.17329, 4)
    assert (result.public_score, result.beats_median, result.medal) == (None, True, "")
    assert result.normalized == pytest.approx(1 - 0.17329 / 36)
    assert Grade.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    assert PredictionsGrader(dataset).grade(guess(0.5)).grader == "strict"


def test_answers_of_mle_bench_come_before_ours(dataset: Dataset) -> None:
    (dataset.private / "mle_bench.csv").write_text("id,label\n1,0\n2,1\n")
    result = ParityGrader(dataset).grade(b"id,label\n1,0\n2,1\n")
    assert (result.score, result.rows) == (0.0, 2)
    assert ParityGrader(dataset, dataset.private / "answers.csv").grade(guess(0.5)).rows == 4


def test_thresholds_are_not_rounded(dataset: Dataset) -> None:
    at_gold = math.exp(-4 * 0.03882)
    assert ParityGrader(dataset).grade(guess(at_gold)).score == 0.03882
    assert ParityGrader(dataset).grade(guess(at_gold)).medal == "gold"
    just_above = math.exp(-4 * 0.03883)
    assert ParityGrader(dataset).grade(guess(just_above)).medal == "silver"


def test_refusals_are_grades(dataset: Dataset) -> None:
    grader = ParityGrader(dataset)
    assert grader.grade(None).error_code == "missing_submission"
    assert grader.grade(b"id\n1\n").error_code == "missing_column"
    assert grader.grade(b"x" * (dataset.task.submission.max_bytes + 1)).error_code == "too_large"
    assert grader.grade(b"id,label\n1,x\n2,1\n3,1\n4,1\n").error_code == "refused"


def test_what_mle_bench_would_not_score_is_not_valid(dataset: Dataset) -> None:
    grader = ParityGrader(dataset)
    assert grader.validate(guess(0.5)).valid
    assert grader.validate(b"id\n1\n").code == "missing_column"
    (dataset.public / "sample_submission.csv").write_bytes(guess(0.5))
    assert grader.promising(guess(0.6))
    assert not grader.promising(guess(0.5))
    with pytest.raises(SubmissionError, match="all rows together"):
        grader.public_score(guess(0.5))


def test_the_public_function_grades_so_too(dogs: TaskSpec) -> None:
    answers = dogs.folder / "theirs.csv"
    answers.write_text("id,label\n1,0\n2,1\n3,1\n4,1\n")
    assert grade(dogs, guess(0.5), answers, parity=True).score == 0.17329
    with pytest.raises(DatasetError, match="expected answers in a file"):
        grade(dogs, guess(0.5), pd.read_csv(answers), parity=True)
    with pytest.raises(DatasetError, match="expected a readable CSV file, found: No such file"):
        grade(dogs, guess(0.5), dogs.folder / "nowhere.csv", parity=True)


def test_parity_needs_the_real_names(dataset: Dataset, dogs: TaskSpec) -> None:
    hidden = Dataset(dogs, DatasetOptions(obfuscate=True), dogs.folder, dogs.folder, "")
    with pytest.raises(DatasetError, match="not for an obfuscated dataset"):
        ParityGrader(hidden)
    other = dogs.model_copy(update={"id": "toy"})
    with pytest.raises(TaskError, match="has no parity grader"):
        ParityGrader(Dataset(other, DatasetOptions(), dogs.folder, dogs.folder, ""))
