"""Recorded episodes become conversations that trainers and other programs can read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.agents import LeaveEpisode, load_agent
from mle_gym.errors import TrajectoryError
from mle_gym.trajectories.training_data import expert_episodes as experts
from mle_gym.trajectories.training_data.atif_document import read_atif, to_atif
from mle_gym.trajectories.training_data.training_record import TrainingRecord, record_of

pytestmark = pytest.mark.bubblewrap

PREDICT = """python - <<'END'
import pandas as pd
test = pd.read_csv("data/test.csv")
test["survived"] = (test["sex"] == "female").astype(int)
test[["PassengerId", "survived"]].to_csv("submission.csv", index=False)
END"""
TURN = {"model": "m", "text": "I look first.", "tokens": 12, "cost": 0.5}


class Scripted:
    """Takes the actions that it is given, each with what a model said of it."""

    def __init__(self, *script: tuple[Any, dict[str, Any] | None]) -> None:
        self._script = iter(script)
        self.turn: dict[str, Any] | None = None

    def reset(self, observation: Any, info: dict[str, Any]) -> None: ...

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        action, self.turn = next(self._script, (None, {**TURN, "text": "I am done."}))
        if action is None:
            raise LeaveEpisode("the model stopped")
        return action


SCRIPTS = {
    "model": [
        ({"name": "execute_bash", "arguments": '{"cmd": "ls data"}'}, TURN),
        ({"name": "functions.bash", "arguments": {"command": PREDICT, "timeout": "60"}}, None),
        ({"name": "no_such_tool", "arguments": "{"}, TURN),
        ("", TURN),
        ("validate", {"model": "m", "text": "Is it right?\n```bash\nvalidate\n```"}),
        ({"tool": "submit"}, TURN),
    ],
    "left": [(PREDICT, TURN)],
    "sample": [("cp data/sample_submission.csv submission.csv && submit", None)],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four episodes of Titanic; in one of them the caller's reward function fails."""
    folder = tmp_path_factory.mktemp("runs")
    for name, script in SCRIPTS.items():
        with mle_gym.make("titanic") as env:
            mle_gym.rollout(env, Scripted(*script), seed=3, path=folder / f"{name}.jsonl")
    with mle_gym.make("titanic", reward="math:sqrt") as env:
        mle_gym.rollout(env, Scripted(*SCRIPTS["sample"]), path=folder / "failed.jsonl")
    return folder


def lines(path: Path) -> dict[str, dict[str, Any]]:
    """The records in a file of lines, by name."""
    return {each["name"]: each for each in map(json.loads, path.read_text().splitlines())}


@pytest.fixture
def exported(runs: Path, tmp_path: Path) -> Callable[..., dict[str, dict[str, Any]]]:
    """Export the runs with some arguments; the records by name."""

    def export(format: Any = "openai", **arguments: Any) -> dict[str, dict[str, Any]]:
        out = tmp_path / "out.jsonl"
        mle_gym.export_trajectories([runs], out, format, overwrite=True, **arguments)
        return lines(out)

    return export


def test_a_models_episode_is_a_conversation_with_our_tools(exported: Any) -> None:
    record = exported()["model"]
    messages = record["messages"]
    assert [each["role"] for each in messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant", "tool",
        "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert messages[1]["content"].startswith("# Titanic")
    first = messages[2]
    assert first["content"] == "I look first."
    calls = [call["function"] for call in first["tool_calls"]]
    assert [call["name"] for call in calls] == ["bash", "bash"]
    assert json.loads(calls[1]["arguments"]) == {"command": PREDICT, "timeout": 60}
    ids = [call["id"] for call in first["tool_calls"]]
    assert [each["tool_call_id"] for each in messages[3:5]] == ids
    assert "train.csv" in messages[3]["content"]
    assert messages[5]["tool_calls"][0]["function"]["name"] == "no_such_tool"
    assert messages[9]["content"] == "Is it right?"  # without the block, which is the call
    offered = [tool["function"]["name"] for tool in record["tools"]]
    assert {"bash", "validate", "submit"} <= set(offered)
    assert "score" not in offered  # the episode's settings did not allow it
    assert record["task"] == "titanic"
    assert (record["variant"], record["seed"], record["integrity"]) == (0, 3, "clean")
    assert 0.7 < record["reward"] < 0.8


def test_what_an_agent_that_left_did_not_call_is_no_call_of_its(exported: Any) -> None:
    record = exported()["left"]
    assert record["reward"] > 0.7  # its file was handed in for it
    assert [each["role"] for each in record["messages"]] == ["system", "user", "assistant"]


def test_failures_and_worse_episodes_are_left_out_and_a_failure_is_no_zero(
    exported: Any, runs: Path, tmp_path: Path
) -> None:
    assert exported().keys() == {"model", "left", "sample"}
    assert exported(least_reward=0.7).keys() == {"model", "left"}
    assert exported(worst_integrity="clean").keys() == {"model", "left"}
    everything = exported(with_failures=True)
    assert everything["failed"]["failure"] == "reward_failed"
    assert everything["failed"]["reward"] is None
    report = mle_gym.export_trajectories([runs], tmp_path / "x", least_reward=0.7)
    assert report.written == 2
    assert report.left_out == {"no valid reward (reward_failed)": 1, "reward below 0.7": 1}


def test_sharegpt_alternates_between_both_sides(exported: Any) -> None:
    record = exported("sharegpt")["model"]
    sides = [each["from"] for each in record["conversations"]]
    assert set(sides[::2]) <= {"human", "observation"}
    assert set(sides[1::2]) == {"function_call"}
    both = json.loads(record["conversations"][1]["value"])
    assert [call["name"] for call in both] == ["bash", "bash"]
    assert {tool["name"] for tool in json.loads(record["tools"])} >= {"bash", "submit"}


def records(runs: Path) -> Iterator[TrainingRecord]:
    yield from map(record_of, sorted(runs.glob("*.jsonl")))


def test_atif_keeps_everything_there_and_back(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "documents"
    mle_gym.export_trajectories([runs], out, "atif", with_failures=True)
    for record in records(runs):
        assert read_atif(out / f"{record.name}.json") == record
    again = mle_gym.export_trajectories([out], tmp_path / "again.jsonl")
    assert again.written == 3


def test_records_of_one_name_become_documents_of_their_own(runs: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):  # an evaluation calls all of them variant0-seed0
        (tmp_path / name).mkdir()
        shutil.copy(runs / "sample.jsonl", tmp_path / name / "same.jsonl")
    exported = mle_gym.export_trajectories([tmp_path], tmp_path / "out", "atif")
    found = sorted(path.name for path in exported.path.iterdir())
    assert found == ["same-2.json", "same-3.json", "same.json"]
    assert exported.written == 3


def test_an_atif_document_keeps_to_the_format(runs: Path) -> None:
    document = to_atif(record_of(runs / "model.jsonl"))
    assert document["schema_version"] == "ATIF-v1.8"
    steps = document["steps"]
    assert [step["step_id"] for step in steps] == list(range(1, len(steps) + 1))
    assert document["final_metrics"] == {"total_steps": len(steps), "total_cost_usd": 2.0}
    for step in steps:
        assert step.keys() <= {"step_id", "source", "message"} or step["source"] == "agent"
        results = step.get("observation", {}).get("results", [])
        ids = [call["tool_call_id"] for call in step.get("tool_calls", ())]
        assert [result["source_call_id"] for result in results] == ids
        assert all(isinstance(call["arguments"], dict) for call in step.get("tool_calls", ()))
    by_program = to_atif(record_of(runs / "sample.jsonl"))["steps"][-1]
    assert by_program["llm_call_count"] == 0
    assert "metrics" not in by_program


def test_another_programs_atif_document_is_read(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    picture = {"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}
    steps = [
        {"step_id": 1, "source": "user", "message": [{"type": "text", "text": "Go."}, picture]},
        {
            "step_id": 2,
            "source": "agent",
            "message": "ls",
            "reasoning_content": "What is there?",
            "metrics": {"prompt_tokens": 3, "completion_tokens": 4},
            "observation": {"results": [{"content": "train.csv"}]},
        },
    ]
    agent = {"name": "terminus", "version": "2"}
    path.write_text(json.dumps({"schema_version": "ATIF-v1.4", "agent": agent, "steps": steps}))
    record = read_atif(path)
    assert record.chat.messages == (
        {"role": "user", "content": "Go.\n[image left out]"},
        {"role": "assistant", "content": "ls", "reasoning_content": "What is there?"},
        {"role": "user", "content": "train.csv"},
    )
    assert record.chat.turns == ({"tokens": 7},)
    assert (record.agent, record.integrity, record.reward) == ("terminus", "unknown", None)
    path.write_text('{"schema_version": "ATIF-v1.4", "steps": [{"source": "nobody"}]}')
    with pytest.raises(TrajectoryError, match=r"other\.json: not an ATIF document"):
        read_atif(path)


def atif(path: Path, **fields: Any) -> Path:
    document = {"schema_version": "ATIF-v1.8", "agent": {"name": "x"}, "steps": []} | fields
    path.write_text(json.dumps(document))
    return path


def test_a_documents_name_is_its_files_and_leads_nowhere(tmp_path: Path) -> None:
    extra = {"mle_gym": {"name": "../elsewhere", "integrity": "clean"}}
    out = tmp_path / "out"
    mle_gym.export_trajectories([atif(tmp_path / "a.json", extra=extra)], out, "atif")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.json", "out"]
    assert [each.name for each in out.iterdir()] == ["a.json"]


WRONG_FACTS: tuple[dict[str, Any], ...] = (
    {"integrity": []}, {"integrity": "great"}, {"reward": "1"}, {"reward": True},
    {"reward": float("nan")}, {"reward": 10**400}, {"anchored": []}, {"task": 1}, {"agent": {}},
    {"failure": 1}, {"variant": 1.5},
)  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        *({"extra": {"mle_gym": {"integrity": "clean", **wrong}}} for wrong in WRONG_FACTS),
        {"agent": {"name": "x", "tool_definitions": "abc"}},
        {"steps": [{"source": "agent", "message": "", "metrics": {"cost_usd": "1"}}]},
        {"steps": [{"source": "agent", "message": "", "timestamp": {}}]},
        {"steps": [[]] * 5_000_000},
    ],
)
def test_a_hostile_document_is_refused_in_one_line(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = atif(tmp_path / "a.json", **fields)
    with pytest.raises(TrajectoryError, match=r"a\.json: not an ATIF document"):
        mle_gym.export_trajectories([path], tmp_path / "out.jsonl", least_reward=0.5)


def test_nothing_is_overwritten_and_nothing_half_written_stays(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl").write_text("junk\n")
    out = tmp_path / "out.jsonl"
    with pytest.raises(TrajectoryError, match=r"broken\.jsonl:1"):
        mle_gym.export_trajectories([runs, tmp_path / "broken.jsonl"], out)
    assert [each.name for each in tmp_path.iterdir()] == ["broken.jsonl"]
    out.touch()
    with pytest.raises(FileExistsError, match="overwrite"):
        mle_gym.export_trajectories([runs], out)


def test_datasets_reads_the_rows_of_a_parquet_file(
    runs: Path, tmp_path: Path, exported: Any
) -> None:
    datasets = pytest.importorskip("datasets", reason="scripts/test-training has what it requires")
    out = tmp_path / "train.parquet"
    mle_gym.export_trajectories([runs], out, "parquet", with_failures=True)
    rows = datasets.Dataset.from_parquet(str(out), cache_dir=str(tmp_path / "cache"))
    expected = exported(with_failures=True)
    for row in rows:
        row["tools"] = json.loads(row["tools"])
        row["messages"] = [
            {name: value for name, value in message.items() if value is not None}
            for message in row["messages"]
        ]
        assert row == expected.pop(row["name"])
    assert not expected


def test_an_expert_looks_writes_runs_validates_and_submits(tmp_path: Path) -> None:
    path = tmp_path / "expert.jsonl"
    with mle_gym.make("cpu-performance") as env:
        trajectory = mle_gym.rollout(env, load_agent("expert"), path=path)
    assert [step.observation["exit_code"] for step in trajectory.steps] == [0, 0, 0, 0, 0]
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    record = record_of(path)
    assert record.integrity == "clean"
    called = [
        message["tool_calls"][0]["function"]["name"]
        for message in record.chat.messages
        if message["role"] == "assistant"
    ]
    assert called == ["bash", "str_replace_based_edit_tool", "bash", "validate", "submit"]
    assert "train.csv" in record.chat.messages[3]["content"]


@pytest.mark.slow("it plays two solutions twice, once for their ceilings")
def test_experts_of_a_suite_play_training_variants_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [mle_gym.load_task(name) for name in ("fit-in-memory", "glass")]
    monkeypatch.setattr(experts, "tasks_of", lambda suite, training: tasks)
    episode, real = experts.expert_episodes("micro", tmp_path)
    assert not real.problem
    assert record_of(real.path).anchored == 1.0
    record = record_of(episode.path)
    assert not episode.problem
    assert record.variant is not None
    assert record.variant > 0
    assert record.anchored == record.reward == 1.0
    played = episode.path.stat().st_mtime_ns
    assert [*experts.expert_episodes("micro", tmp_path)] == [episode, real]
    assert episode.path.stat().st_mtime_ns == played
