"""The benchmarks of grading work, on small data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import grading_speed, parity_mle_bench
from mle_gym.errors import SubmissionError
from mle_gym.grading.parity import RULES, parity_score, read_like_mle_bench
from tests.integrations.conftest import write
from tests.tiers import few_quick

CLASSES = 'CLASSES = ["ash", "elm", "oak"]\n'


def test_grading_is_measured_beside_pandas(capsys: pytest.CaptureFixture[str]) -> None:
    assert grading_speed.main(["--rows", "500", "--turns", "1"]) in (0, 1)
    shown = capsys.readouterr().out
    assert "pandas.read_csv" in shown
    assert "strict grading, shuffled rows" in shown


@pytest.mark.parametrize("competition", few_quick(RULES, list(RULES)[:4], "each is graded"))
def test_submissions_of_every_kind_are_made_up(competition: str, tmp_path: Path) -> None:
    write(tmp_path / "mlebench" / "competitions" / competition / "classes.py", CLASSES)
    rule, rng = RULES[competition], np.random.default_rng(0)
    problem = parity_mle_bench.make_problem(competition, rule, rng, tmp_path)
    made = dict(parity_mle_bench.submissions(problem, rng))
    truth = read_like_mle_bench(problem.answers.to_csv(index=False).encode())
    scores = {}
    for name, content in made.items():
        try:
            scores[name] = parity_score(rule, content, truth)
        except SubmissionError:
            continue
    assert {"perfect", "sample", "noisy", "permuted rows"} <= scores.keys()
    assert len(set(scores.values())) > 2
    assert len(made) - len(scores) >= 5


GRADE = """
def grade(submission, answers):
    raise ValueError("no")
"""


def test_a_disagreement_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    competition = "dogs-vs-cats-redux-kernels-edition"
    monkeypatch.setattr(parity_mle_bench, "RULES", {competition: RULES[competition]})
    write(tmp_path / "mlebench" / "competitions" / competition / "grade.py", GRADE)
    write(tmp_path / "mlebench" / "utils.py", "def read_csv(path): ...\nload_answers = read_csv\n")
    assert parity_mle_bench.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "perfect: ours 0.0, MLE-bench's None" in shown
    assert "wrong columns" not in shown
