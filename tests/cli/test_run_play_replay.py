from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_gym.episode.arguments import ARGUMENTS
from mle_gym.trajectories.trajectory import Trajectory
from tests.cli.conftest import Command
from tests.sandbox.conftest import eventually, processes_with, sleepers

pytestmark = pytest.mark.usefixtures("sandbox")


def test_run_prints_the_score_and_the_trajectory(command: Command, coins: Path) -> None:
    result = command("run", coins, "--agent", "solution")
    assert result.code == 0
    assert "1 (higher is better)" in result.out
    (path,) = Path("runs").glob("coins-solution-*.jsonl")
    assert str(path) in result.out
    assert Trajectory.read(path).episode_return == 1.0
    assert "python solution.py" in result.err


def test_run_prints_json_and_nothing_else(command: Command, coins: Path) -> None:
    result = command("run", coins, "-a", "solution", "--seed", "5", "--out", "a.jsonl", "--json")
    assert result.code == 0
    told = result.json
    assert told["return"] == told["grade"]["score"] == 1.0
    assert told["terminated"]
    assert (told["seed"], told["steps"], told["trajectory"]) == (5, 2, "a.jsonl")


def test_an_episode_without_a_submission_exits_with_1(command: Command, coins: Path) -> None:
    result = command("run", coins, "--agent", "random", "--agent-arg", "seed=0", "--json")
    assert result.code == 1
    assert result.json["truncated"]
    assert result.json["grade"]["error_code"] == "missing_submission"


def test_a_failing_program_says_what_it_printed(command: Command, coins: Path) -> None:
    (coins / "solution.py").write_text("raise SystemExit('out of coins')\n")
    result = command("run", coins, "--agent", "solution")
    assert result.code == 1
    assert "out of coins" in result.out


def test_arguments_reach_the_environment(command: Command, coins: Path) -> None:
    words = ["--variant", "random", "--seed", "1", "--env", "max_steps=1", "--env", "train_rows=9"]
    result = command("run", coins, "--agent", "random", *words, "--json")
    assert result.json["variant"] > 0
    assert result.json["steps"] == 1
    header = Trajectory.read(result.json["trajectory"]).header
    assert header["env"]["kwargs"]["train_rows"] == 9


@pytest.mark.parametrize("name", ["run", "play"])
def test_help_lists_every_argument_of_the_environment(command: Command, name: str) -> None:
    lines = command(name, "--help").out.split("\n")
    listed = {word for line in lines for word in line.strip("│ ").split()[:1]}
    assert ARGUMENTS.keys() <= {word.removeprefix("--") for word in listed}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--agent", "solutoin"], "did you mean 'solution'?"),
        (["--agent", "nowhere.py"], "no agent file"),
        (["--agent", "random", "--agent-arg", "sead=1"], "its arguments: seed"),
        (["--agent", "random", "--agent-arg", "seed"], "expected NAME=VALUE"),
        (
            ["--agent", "random", "--variant", "one"],
            "--variant: variant must be an integer, 'train'",
        ),
        (["--agent", "random", "--env", "max_step=1"], "did you mean 'max_steps'?"),
        (["--agent", "random", "--env", "max_steps=0"], "--env: max_steps must be"),
        (["--agent", "random", "--env", "max_steps"], "error: --env: expected NAME=VALUE"),
        (["--agent", "random", "--env", "task=zoo"], "--env: no argument is called 'task'"),
        (["--agent", "random", "--sandbox", "bublewrap"], "did you mean 'bubblewrap'?"),
        (["--agent", "random", "--reward", "medals"], "did you mean 'medal'?"),
        (["--agent", "random", "--out", "coins/task.toml"], "there is a trajectory already"),
        (["--agent", "random", "--seed", "-3"], "'--seed'"),
        (["--agent", "baseline", "--out", "new.jsonl"], "has no baseline.py"),
    ],
)
def test_what_cannot_be_is_one_clear_message(
    command: Command, coins: Path, words: list[str], message: str
) -> None:
    (coins / "baseline.py").unlink(missing_ok=True)
    result = command("run", coins, *words, "--json")
    assert result.code == 2
    assert message in result.err
    assert "raised by the agent" not in result.err
    assert "coins/task.toml" not in result.err or "the steps so far" not in result.err
    error = result.json["error"]
    assert error["exit_code"] == 2
    assert message.removeprefix("error: ") in error["message"]
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


def test_an_exception_in_an_agent_is_a_bug_and_debug_shows_where(
    command: Command, coins: Path
) -> None:
    Path("broken.py").write_text(
        "class Broken:\n"
        "    def reset(self, observation, info): ...\n"
        "    def act(self, observation, info): return {}['key']\n"
    )
    result = command("run", coins, "--agent", "broken.py")
    assert result.code == 70
    assert "KeyError: 'key'" in result.err
    assert "Traceback" not in result.err
    assert "in act" in command("--debug", "run", coins, "--agent", "broken.py").err


def test_play_reads_a_persons_commands(command: Command, coins: Path) -> None:
    typed = "ls data\nsubmit data/sample_submission.csv\n"
    result = command("play", coins, "--out", "played.jsonl", stdin=typed)
    assert result.code == 0
    assert "train.csv" in result.out
    assert 0 < Trajectory.read("played.jsonl").episode_return < 1


def test_leaving_is_not_graded(command: Command, coins: Path) -> None:
    result = command("play", coins, stdin="ls\n")
    assert result.code == 1
    assert "not graded: you quit" in result.out


def test_a_replay_repeats_the_episode(command: Command, coins: Path) -> None:
    command("run", coins, "--agent", "solution", "--out", "a.jsonl")
    result = command("replay", "a.jsonl")
    assert result.code == 0
    assert "everything came out the same" in result.out
    assert "[2]" in result.err
    assert "recorded" not in result.err
    shown = command("replay", "a.jsonl", "--show", "--json")
    assert shown.json["return"] == 1.0
    assert "recorded steps, which are not executed" in shown.err


def test_a_replay_that_goes_another_way_exits_with_1(command: Command, coins: Path) -> None:
    command("run", coins, "--agent", "solution", "--out", "a.jsonl")
    lines = Path("a.jsonl").read_text().splitlines()
    step = json.loads(lines[1])
    step["observation"]["output"] = "something else"
    Path("b.jsonl").write_text("\n".join([lines[0], json.dumps(step), *lines[2:]]) + "\n")
    refused = command("replay", "b.jsonl").err
    assert "--broken" in refused
    assert "[1]" not in refused
    result = command("replay", "b.jsonl", "--json", "--broken")
    assert result.code == 1
    (difference,) = result.json["differences"]
    assert difference["where"] == "step 1.observation.output"
    assert difference["then"] == "something else"
    shown = command("replay", "b.jsonl", "--broken").out.splitlines()
    assert "differs at step 1  write_file solution.py" in shown[-4]
    assert shown[-2:] == ["    then: something else", f"    now:  {difference['now'].strip()}"]


@pytest.mark.parametrize("content", [None, "", "junk\n"])
def test_a_file_that_is_not_a_trajectory_is_a_usage_error(
    command: Command, content: str | None
) -> None:
    if content is not None:
        Path("x.jsonl").write_text(content)
    result = command("replay", "x.jsonl")
    assert result.code == 2
    assert result.err.startswith("error: ")


@pytest.mark.slow("it starts a program and interrupts it")
def test_ctrl_c_cleans_up_and_keeps_the_steps(coins: Path, tmp_path: Path) -> None:
    marker = str(1_000_000 + os.getpid())
    (tmp_path / "sleepy.py").write_text(
        "class Sleepy:\n"
        f"    actions = ['echo first', 'sleep {marker}']\n"
        "    def reset(self, observation, info): ...\n"
        "    def act(self, observation, info): return self.actions.pop(0)\n"
    )
    words = ["run", str(coins), "--agent", "sleepy.py", "--out", "cut.jsonl"]
    program = f"from mle_gym.cli import main; main({words!r})"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert eventually(lambda: bool(sleepers(marker)))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "interrupted" in err
    assert "the steps so far are in cut.jsonl" in err
    assert "Traceback" not in err
    assert [step.action for step in Trajectory.read(tmp_path / "cut.jsonl").steps] == ["echo first"]
    assert eventually(lambda: not processes_with(marker))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"env": {"kwargs": {"network": True}}}, "its network is True"),
        ({"env": {"kwargs": {"variant": "x"}}}, "variant"),
        ({"options": {"no_such": 1}}, "no_such"),
    ],
)
def test_what_a_record_asks_for_and_can_not_be_is_a_usage_error(
    command: Command, coins: Path, change: dict[str, Any], words: str
) -> None:
    command("run", coins, "--agent", "solution", "--out", "a.jsonl")
    header, *rest = Path("a.jsonl").read_text().splitlines(keepends=True)
    values = json.loads(header)
    values["env"]["kwargs"] |= change.get("env", {}).get("kwargs", {})
    values |= {name: value for name, value in change.items() if name != "env"}
    Path("a.jsonl").write_text(json.dumps(values) + "\n" + "".join(rest))
    result = command("replay", "a.jsonl", "--broken")
    assert (result.code, result.err.count("error: ")) == (2, 1)
    assert words in result.err
