"""MLE-bench's formats: its reports, its file of submissions, its averages over seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import SandboxCrashed, TaskError, TrajectoryError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.integrations.mle_bench.experiments import reports_of_experiment
from mle_gym.integrations.mle_bench.published import SPLITS, competitions, split
from mle_gym.integrations.mle_bench.report import aggregate_report
from mle_gym.integrations.mle_bench.seeds import read_reports, summarize
from mle_gym.integrations.mle_bench.submissions import Batch, find_competition

FIELDS = [
    "competition_id", "score", "gold_threshold", "silver_threshold", "bronze_threshold",
    "median_threshold", "any_medal", "gold_medal", "silver_medal", "bronze_medal", "above_median",
    "submission_exists", "valid_submission", "is_lower_better", "created_at", "submission_path",
]  # fmt: skip


def report(name: str, medal: str = "", **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(FIELDS)
    medals = {f"{kind}_medal": kind == medal for kind in ("gold", "silver", "bronze")}
    flags = {"above_median": bool(medal), "submission_exists": True, "valid_submission": True}
    return {**values, **medals, **flags, "competition_id": name, "any_medal": bool(medal), **more}


def test_the_splits_are_those_of_the_paper() -> None:
    assert {name: len(split(name)) for name in SPLITS} == {
        "low": 22, "medium": 38, "high": 15, "split75": 75, "all": 75,
        "systemcard": 30, "dev": 7, "spaceship-titanic": 1,
    }  # fmt: skip
    assert set(split("low")) < set(split("all"))
    assert not set(split("dev")) & set(split("all"))
    loss = competitions()["spooky-author-identification"]
    assert (loss.higher_is_better, loss.thresholds.gold) == (False, 0.16506)


def test_a_split_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("b\na\n\n")
    assert split(str(file)) == ["b", "a"]
    with pytest.raises(TaskError, match="expected low, medium"):
        split("lite")


def test_directions_fit_thresholds() -> None:
    for entry in competitions().values():
        ordered = [entry.thresholds.gold, entry.thresholds.bronze, entry.thresholds.median]
        assert ordered == sorted(ordered, reverse=entry.higher_is_better), entry.id  # type: ignore[type-var]


def test_the_aggregate_counts_runs() -> None:
    reports = [report("a", "gold"), report("b", "bronze"), report("a", valid_submission=False)]
    found = aggregate_report(reports)
    assert found.pop("competition_reports") == reports
    assert found == {
        "total_runs": 3,
        "total_runs_with_submissions": 3,
        "total_valid_submissions": 2,
        "total_medals": 2,
        "total_gold_medals": 1,
        "total_silver_medals": 0,
        "total_bronze_medals": 1,
        "total_above_median": 2,
    }


def test_seeds_are_averaged_with_their_error() -> None:
    reports = [report("a", "gold"), report("b"), report("a"), report("b"), report("a", "gold"),
               report("b", "silver")]  # fmt: skip
    found = summarize(reports, ["a", "b"])
    assert (found["num_seeds_averaged"], found["num_competitions_per_seed"]) == (3, 2)
    medals = found["metrics"]["any_medal_percentage"]
    assert medals["mean"] == pytest.approx(50.0)
    assert medals["standard_error"] == pytest.approx(50 / 3**0.5)
    assert medals["ci_lower"] == pytest.approx(50 - 1.96 * 50 / 3**0.5)
    assert medals["ci_upper"] == pytest.approx(50 + 1.96 * 50 / 3**0.5)
    assert found["metrics"]["gold_medal_percentage"]["mean"] == pytest.approx(100 / 3)
    assert found["metrics"]["valid_submissions_percentage"]["standard_error"] == 0.0
    assert found["metrics"]["total_competitions"]["mean"] == 2
    assert [each["gold_medal_percentage"] for each in found["seeds"]] == [50, 0, 50]
    one = summarize(reports, ["a", "b"], seeds=1)["metrics"]["any_medal_percentage"]
    assert (one["mean"], one["standard_error"]) == (50.0, 0.0)


def test_incomplete_seeds_are_left_out_or_padded() -> None:
    reports = [report("a", "gold"), report("a", "gold"), report("b", "gold"), report("other")]
    assert summarize(reports, ["a", "b"])["num_seeds_averaged"] == 1
    padded = summarize(reports, ["a", "b"], pad=True)
    assert padded["num_seeds_averaged"] == 2
    assert padded["metrics"]["any_medal_percentage"]["mean"] == 75.0
    assert padded["metrics"]["submission_exists_percentage"]["mean"] == 75.0
    with pytest.raises(ValueError, match="no report of c; pad"):
        summarize(reports, ["a", "b", "c"])
    with pytest.raises(ValueError, match="expected 2 seeds, found 1 complete"):
        summarize(reports, ["a", "b"], seeds=2)
    with pytest.raises(ValueError, match="no report of any competition"):
        summarize([], ["a"], pad=True)


def test_reports_of_a_run_are_read_back(tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps(aggregate_report([report("b"), report("a", "gold")])))
    theirs = report("a", "silver")
    del theirs["any_medal"]  # MLE-bench's own averages don't look at it
    second.write_text(json.dumps(aggregate_report([theirs])))
    found = read_reports([second, first])
    assert [(r["competition_id"], r["any_medal"]) for r in found] == [
        ("a", True), ("b", False), ("a", True),
    ]  # fmt: skip
    for content in ("{}", "[]", '{"competition_reports": [{}]}', "junk", "\xff"):
        first.write_text(content)
        with pytest.raises(TrajectoryError, match=r"1\.json: expected a report"):
            read_reports([first])


def test_an_unknown_competition_says_how_to_get_it() -> None:
    with pytest.raises(TaskError, match="mle-gym import mle-bench PATH"):
        find_competition("no-such-competition")


def test_a_grader_that_can_not_be_run_is_a_problem_and_no_invalid_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise SandboxCrashed("the launcher is gone")

    monkeypatch.setattr(PredictionsGrader, "grade", crash)
    (tmp_path / "submission.csv").write_text("PassengerId,survived\n")
    entry = {"competition_id": "titanic", "submission_path": str(tmp_path / "submission.csv")}
    (tmp_path / "batch.jsonl").write_text(json.dumps(entry))
    batch = Batch()
    batch.grade_file(tmp_path / "batch.jsonl")
    assert (batch.reports, len(batch.problems)) == ([], 1)
    assert "the launcher is gone" in batch.problems[0].message


def test_the_reports_of_an_experiment_are_found(tmp_path: Path) -> None:
    table = "experiment_id,run_group\nmine,b_group\nmine,a_group\nother,c_group\nmine,gone\n"
    (tmp_path / "run_group_experiments.csv").write_text(table)
    for group in ("a_group", "b_group", "c_group"):
        (tmp_path / group).mkdir()
        (tmp_path / group / "2026_grading_report.json").write_text("{}")
    found = reports_of_experiment("mine", tmp_path)
    assert [path.parent.name for path in found] == ["a_group", "b_group"]
    with pytest.raises(TaskError, match=r"no experiment 'yours'.*known: mine, other"):
        reports_of_experiment("yours", tmp_path)
    (tmp_path / "c_group" / "second_grading_report.json").write_text("{}")
    with pytest.raises(TaskError, match="expected one grading report"):
        reports_of_experiment("other", tmp_path)
    with pytest.raises(TaskError, match=r"run_group_experiments\.csv"):
        reports_of_experiment("mine", tmp_path / "a_group")
