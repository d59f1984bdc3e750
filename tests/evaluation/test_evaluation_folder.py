from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import PlanError
from mle_gym.evaluation.evaluation_folder import EvaluationFolder, read_run
from mle_gym.evaluation.exports import write_exports
from mle_gym.evaluation.plan import Episode, plan_of
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.summary import summarize


def test_a_result_is_read_back_whatever_an_agent_says(tmp_path: Path) -> None:
    folder, episode = EvaluationFolder(tmp_path), Episode("a", "x", "mle/x-v0", 0, 0)
    values = {"agent": "a", "task": "mle/x-v0", "variant": 0, "seed": 0}
    result = Result(**values, status="agent_failed", message="é \x1b[2J \x00 \u202e \ud800")
    folder.write_result(episode, result)
    found = folder.read_result(episode)
    assert found is not None
    assert found.message == "é \x1b[2J \x00 \u202e ?"


@pytest.mark.parametrize("failure", [{}, {"kind": 1, "message": "", "retryable": True}])
def test_a_result_whose_failure_is_none_is_refused(
    tmp_path: Path, failure: dict[str, object]
) -> None:
    folder, episode = EvaluationFolder(tmp_path), Episode("a", "x", "mle/x-v0", 0, 0)
    values: dict[str, Any] = {"agent": "a", "task": "mle/x-v0", "variant": 0, "seed": 0}
    folder.write_result(episode, Result.model_construct(**values, status="failed", failure=failure))
    with pytest.raises(PlanError, match="failure: kind"):
        folder.read_result(episode)


BAD_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "1e300", str(10**400)]


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize(
    "name", ["score", "anchored", "anchored_error", "public_score", "cost", "score_ci"]
)
def test_what_is_no_number_in_a_result_is_missing_in_every_table(
    tmp_path: Path, name: str, number: str
) -> None:
    folder = EvaluationFolder(tmp_path)
    plan = plan_of({"agents": ["solution", "baseline"], "tasks": ["titanic"], "seeds": 2}).check()
    folder.write_plan(plan)
    good = {"status": "graded", "valid": True, "score": 0.8, "anchored": 0.9, "public_score": 0.7}
    good |= {"anchored_error": 0.1, "score_ci": (0.7, 0.9)}
    for at, episode in enumerate(plan.episodes):
        who = {"agent": episode.agent, "task": episode.env_id}
        values = good | who | {"variant": episode.variant, "seed": episode.seed}
        folder.write_result(episode, Result.model_validate(values))
        if at % 2:
            path = folder.result_path(episode)
            fields = json.loads(path.read_text())
            fields[name] = ["HERE", 1] if name == "score_ci" else "HERE"
            path.write_text(json.dumps(fields).replace('"HERE"', number))
    run = read_run(tmp_path)
    assert [getattr(each, name) is None for each in run.results] == [False, True] * 2
    write_exports(run, summary := summarize(run), tmp_path)
    shown = (tmp_path / "summary.json").read_text() + (tmp_path / "results.csv").read_text()
    assert not re.search(r"\bnan\b|\binf", f"{shown} {summary}", re.IGNORECASE)


@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_a_number_that_must_be_there_makes_no_result(tmp_path: Path, number: str) -> None:
    folder, episode = EvaluationFolder(tmp_path), Episode("a", "x", "mle/x-v0", 0, 0)
    values = {"agent": "a", "task": "mle/x-v0", "variant": 0, "seed": 0}
    folder.write_result(episode, Result(**values, status="graded"))
    path = folder.result_path(episode)
    path.write_text(path.read_text().replace('"seconds": 0.0', f'"seconds": {number}'))
    with pytest.raises(PlanError, match="not a result"):
        folder.read_result(episode)


def test_what_is_written_into_a_folder_of_others_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = EvaluationFolder(tmp_path / "run")
    folder.write_plan(plan_of({"agents": ["solution"], "tasks": ["titanic"]}).check())
    names = ("summary.json", "results.csv", "results.parquet")
    for name in (*names, *(f".{name}.{os.getpid()}" for name in names)):
        (folder.path / name).symlink_to(precious)
    run = read_run(folder.path)
    written = write_exports(run, summarize(run), folder.path)
    assert len(written) >= 2
    assert not any(path.is_symlink() for path in written)
    assert precious.read_text() == "precious"
