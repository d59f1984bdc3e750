"""Episodes as MLE-bench keeps runs: what is handed in is what was graded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import mle_gym
from mle_gym.agents import LeaveEpisode
from mle_gym.env import MLEEnv
from mle_gym.errors import TaskError
from mle_gym.integrations.mle_bench.run_group import write_run_group
from mle_gym.integrations.mle_bench.submissions import Batch
from tests.report.made_run import write_record


def test_episodes_become_runs_whose_grades_are_theirs(
    tmp_path: Path, make: Callable[..., MLEEnv]
) -> None:
    env = make("zoo")
    agent = mle_gym.load_agent("baseline")
    records = [tmp_path / f"{name}.jsonl" for name in ("one", "two", "idle")]
    scores = [mle_gym.rollout(env, agent, seed=0, path=path).grade["score"] for path in records[:2]]
    mle_gym.rollout(env, _Idle(), seed=0, path=records[2])
    write_record(tmp_path / "unfinished.jsonl", "careful", done=False)
    group = write_run_group([*records, tmp_path / "unfinished.jsonl"], tmp_path / "group")
    assert (group.runs, group.submissions, group.left_out) == (3, 2, 1)
    batch = Batch()
    batch.grade_file(tmp_path / "group" / "submissions.jsonl")
    assert [report["score"] for report in batch.reports] == [*scores, None]
    assert [report["submission_exists"] for report in batch.reports] == [True, True, False]
    runs = json.loads((tmp_path / "group" / "metadata.json").read_text())["runs"]
    assert all(run.split("_")[0] == "zoo" for run in runs)
    lines = (tmp_path / "group" / "submissions.jsonl").read_text().splitlines()
    assert all(
        "baseline.py" in Path(json.loads(each)["logs_path"]).read_text() for each in lines[:2]
    )


class _Idle:
    """Leaves without a submission."""

    def reset(self, observation: object, info: object) -> None: ...

    def act(self, observation: object, info: object) -> str:
        raise LeaveEpisode("idle")


def test_a_group_that_exists_is_kept(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        write_run_group([], tmp_path)


def test_a_task_that_is_a_path_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    write_record(record, "careful")
    record.write_text(record.read_text().replace('"task": "titanic"', '"task": "../../etc"'))
    with pytest.raises(TaskError, match="expected the id of a task"):
        write_run_group([record], tmp_path / "group")
    assert not list(tmp_path.glob("**/submission"))
