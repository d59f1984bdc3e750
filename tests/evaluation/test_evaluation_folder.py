from __future__ import annotations

import os
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
