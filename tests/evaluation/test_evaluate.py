"""Evaluations on this machine: every end of an episode, and of the evaluation itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mle_gym.errors import PlanError
from mle_gym.evaluation import Episode, Result, Run, evaluate, read_run
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.local_engine import Capacity, LocalEngine
from mle_gym.evaluation.run_evaluation import Unwatched
from mle_gym.evaluation.summary import summarize
from mle_gym.trajectories.trajectory import Trajectory

from .conftest import MakePlan

pytestmark = pytest.mark.bubblewrap
TWO = Capacity(2, 10_000)


def by_agent(run: Run) -> dict[str, Result]:
    return {each.agent: each for each in run.results}


def test_whatever_an_agent_does_the_others_are_played(plan: MakePlan, tmp_path: Path) -> None:
    names = ("Raises", "Exits", "Dies", "Leaves", "CannotStart", "Talks", "Sample")
    budgets = {"Talks": {"tokens": 150}}
    run = evaluate(plan(*names, budgets=budgets), tmp_path, engine=LocalEngine(capacity=TWO))
    found = by_agent(run)
    assert run.missing == ()
    assert {name: found[name].status for name in names[:5]} == dict.fromkeys(
        names[:5], "agent_failed"
    )
    assert found["Raises"].reason == "ValueError"
    assert "no idea" in found["Raises"].message
    assert "agents_that_fail.py:" in found["Raises"].message
    assert found["Exits"].reason == "SystemExit"
    assert "signal 9 during thinking" in found["Dies"].message
    assert "exit code 0" in found["Leaves"].message
    assert found["CannotStart"].reason == "OSError"
    assert all(found[name].value == 0 for name in names[:5])
    assert found["Talks"].status == "graded"
    assert not found["Talks"].valid
    assert "budget of 150 tokens" in str(found["Talks"].left)
    assert found["Talks"].tokens == 200
    assert found["Sample"].valid
    assert found["Sample"].integrity == "clean"
    assert found["Sample"].anchored_error is not None
    log = EvaluationFolder(tmp_path).log_path(next(iter(plan("Sample").episodes))).read_text()
    assert "I begin with seed 0" in log


def test_what_an_agent_says_of_itself_lifts_no_budget(plan: MakePlan, tmp_path: Path) -> None:
    budgets = {"Boasts": {"tokens": 100, "steps": 30}}
    (result,) = evaluate(plan("Boasts", budgets=budgets), tmp_path).results
    assert "budget of 100 tokens" in str(result.left)
    assert result.tokens == 120  # two turns that said 60.5
    assert result.cost is None
    summarize(read_run(tmp_path))


def test_an_agent_that_hangs_is_ended(plan: MakePlan, tmp_path: Path) -> None:
    budgets = {"Hangs": {"steps": 4, "seconds": 1.5}}
    engine = LocalEngine(capacity=TWO, grace=0.5)
    run = evaluate(plan("Hangs", "Sample", budgets=budgets), tmp_path, engine=engine)
    hung = by_agent(run)["Hangs"]
    assert (hung.status, hung.reason, hung.value) == ("agent_failed", "hung", 0)
    assert hung.steps == 2  # what it did before stays known
    assert by_agent(run)["Sample"].valid


def test_a_machine_that_fails_is_no_score(plan: MakePlan, tmp_path: Path) -> None:
    asked = plan("Sample", tries=2)
    folder = Path(asked.tasks[0])
    asked.check()

    class Breaks(Unwatched):
        def began(self, episode: Episode) -> None:
            (folder / "data.csv").unlink(missing_ok=True)

    run = evaluate(asked, tmp_path, watch=Breaks())
    result = run.results[0]
    assert result.status == "failed"
    assert result.value is None
    assert result.failure is not None
    assert result.failure["kind"] in result.reason
    row = summarize(run).agents[0]
    assert row.mean is None
    assert row.worst_case == 0
    assert row.counts.failed == 1


@pytest.mark.slow("it plays two evaluations")
def test_seeds_reach_the_agent_and_equal_plans_give_equal_tables(
    plan: MakePlan, tmp_path: Path
) -> None:
    asked = plan("Sample", seeds=2, variants="0,-1")
    one, two = [summarize(evaluate(asked, tmp_path / name)).to_dict() for name in ("a", "b")]
    for summary in (one, two):
        summary.pop("name")
        for row in (*summary["agents"], *summary["cells"]):
            row.pop("seconds", None)
            row.pop("first_valid_seconds", None)
    assert one == two


def test_a_folder_is_not_used_twice_by_accident(plan: MakePlan, tmp_path: Path) -> None:
    evaluate(plan("Sample"), tmp_path)
    with pytest.raises(PlanError, match="--resume"):
        evaluate(plan("Sample"), tmp_path)
    with pytest.raises(PlanError, match="also has 0"):
        evaluate(plan("Sample", variants="-1"), tmp_path, resume=True)
    with pytest.raises(PlanError, match="environment"):
        evaluate(plan("Sample", environment={"feedback": "none"}), tmp_path, resume=True)
    larger = evaluate(plan("Sample", "Leaves", seeds=2), tmp_path, resume=True)
    assert len(larger.results) == 4
    before = (
        EvaluationFolder(tmp_path)
        .result_path(next(iter(plan("Sample").episodes)))
        .stat()
        .st_mtime_ns
    )
    evaluate(None, tmp_path)
    again = (
        EvaluationFolder(tmp_path)
        .result_path(next(iter(plan("Sample").episodes)))
        .stat()
        .st_mtime_ns
    )
    assert again == before  # what counts is not played again


@pytest.mark.slow("it plays 12 episodes")
def test_an_engine_never_gives_out_more_than_there_is(plan: MakePlan, tmp_path: Path) -> None:
    """Sandboxes may use 1 processor and 2 GiB each; one is played even where it doesn't fit."""
    seen: list[int] = []

    class Watched(Unwatched):
        running = 0

        def began(self, episode: Episode) -> None:
            self.running += 1
            seen.append(self.running)

        def ended(self, episode: Episode, result: Result) -> None:
            self.running -= 1

    for number, (capacity, most) in enumerate(
        [(Capacity(3, 4500), 2), (Capacity(0.5, 100), 1), (Capacity(2, 1e6), 2)]
    ):
        seen.clear()
        engine = LocalEngine(capacity=capacity)
        evaluate(plan("Sample", seeds=4), tmp_path / str(number), engine=engine, watch=Watched())
        assert max(seen) == most


PROGRAM = """
import sys
from mle_gym.evaluation import evaluate
from mle_gym.evaluation.plan import Plan
if __name__ == "__main__":
    evaluate(Plan.model_validate_json(open(sys.argv[1]).read()), sys.argv[2], resume=True)
"""


@pytest.mark.slow("it kills and resumes an evaluation several times")
def test_killed_at_any_moment_it_goes_on_and_nothing_is_lost_or_counted_twice(
    plan: MakePlan, tmp_path: Path
) -> None:
    asked = plan("Slow", "Sample", seeds=4)
    (tmp_path / "plan.json").write_text(asked.model_dump_json())
    (tmp_path / "program.py").write_text(PROGRAM)
    whole = summarize(evaluate(asked, tmp_path / "whole")).to_dict()
    command = [sys.executable, tmp_path / "program.py", tmp_path / "plan.json", tmp_path / "killed"]
    for seconds in (2.0, 3.0, 3.7, 4.4):
        process = subprocess.Popen(command, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    first = read_run(tmp_path / "killed")
    killed = evaluate(None, tmp_path / "killed")
    assert killed.missing == ()
    assert len(killed.results) == len(asked)
    kept = {each.trajectory: each for each in first.results}
    assert all(kept.get(each.trajectory, each) == each for each in killed.results)
    found = summarize(killed).to_dict()
    for summary in (whole, found):
        summary.pop("name")
        for row in (*summary["agents"], *summary["cells"]):
            row.pop("seconds", None)
            row.pop("first_valid_seconds", None)
    assert found == whole
    for result in killed.results:
        assert Trajectory.read(killed.folder / str(result.trajectory)).complete


def test_a_damaged_result_is_named_and_never_guessed(plan: MakePlan, tmp_path: Path) -> None:
    run = evaluate(plan("Sample", seeds=2), tmp_path)
    first, second = (EvaluationFolder(tmp_path).result_path(each) for each in run.plan.episodes)
    shutil.copy(first, second)
    with pytest.raises(PlanError, match="another episode"):
        read_run(tmp_path)
    second.write_text(json.dumps({"agent": "Sample"}))
    with pytest.raises(PlanError, match="delete it"):
        read_run(tmp_path)
    second.unlink()
    assert len(read_run(tmp_path).missing) == 1
