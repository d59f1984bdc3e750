"""The evaluation script, run as its users run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mle_gym.paths import bundled
from mle_gym.trajectories.trajectory import Trajectory

pytestmark = pytest.mark.bubblewrap

SCRIPT = bundled("agents") / "evaluate.py"
AGENTS = """
import time

class Quick:
    def __init__(self, seed):
        self.seed = seed
    def reset(self, observation, info): pass
    def act(self, observation, info):
        return "cp data/sample_submission.csv submission.csv && submit"

class Broken(Quick):
    def act(self, observation, info):
        raise RuntimeError("out of ideas")

class Exits(Quick):
    def reset(self, observation, info):
        raise SystemExit(3)

class Flaky(Quick):
    def act(self, observation, info):
        if self.seed:
            raise ConnectionError("reset by peer")
        return super().act(observation, info)

class Unmade(Quick):
    def __init__(self):
        import sys; sys.exit(0)

class Exhausted(Quick):
    def act(self, observation, info):
        if self.seed:
            raise KeyboardInterrupt
        return next(iter(()))

class Slow(Quick):
    def act(self, observation, info):
        print("thinking", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def agents(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(AGENTS)
    return str(file)


def command(folder: Path, *arguments: str) -> list[str]:
    fixed = ["--sandbox", "bubblewrap", "--tasks", "titanic", "--out", str(folder / "runs")]
    return [sys.executable, str(SCRIPT), *fixed, *arguments]


def evaluate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments),
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
        timeout=300,
    )


def cells(output: str, agent: str) -> list[str]:
    """The table's row of an agent."""
    row = next(line for line in output.splitlines() if "│" in line and agent in line)
    return [cell.strip() for cell in row.strip("│").split("│")]


@pytest.mark.slow("it plays an evaluation twice")
def test_every_cell_is_played_once_and_later_runs_resume(tmp_path: Path, agents: str) -> None:
    first = evaluate(tmp_path, "--agents", f"{agents}:Quick", "--seeds", "0", "1")
    assert first.returncode == 0, first.stderr
    task, _, episodes, failed, valid, score, value, error, medals = cells(first.stdout, "Quick")
    assert (task, episodes, failed, valid) == ("mle/titanic-v0", "2", "0", "2")
    assert (error, medals) == ("0.0000", "-")
    assert score == value
    assert re.fullmatch(r"0\.6\d{3}", score)  # all died

    files = sorted((tmp_path / "runs" / "titanic-v0").glob("*/*.jsonl"))
    assert [file.name for file in files] == ["variant0-seed0.jsonl", "variant0-seed1.jsonl"]
    files[1].write_bytes(files[1].read_bytes()[:-40])
    untouched = files[0].stat().st_mtime_ns

    second = evaluate(tmp_path, "--agents", f"{agents}:Quick", "--seeds", "0", "1")
    assert second.returncode == 0
    assert "1/1 " in second.stdout
    assert files[0].stat().st_mtime_ns == untouched
    assert Trajectory.read(files[1]).complete
    assert cells(second.stdout, "Quick") == cells(first.stdout, "Quick")


@pytest.mark.slow("it plays whole episodes")
def test_an_agent_that_fails_costs_only_its_own_episodes(tmp_path: Path, agents: str) -> None:
    names = [f"{agents}:{name}" for name in ("Broken", "Exits", "Unmade", "Quick")]
    done = evaluate(tmp_path, "--agents", *names)
    assert done.returncode == 1
    assert "failed: RuntimeError: out of ideas" in done.stdout
    assert f"raised by the agent at {agents}:13; the steps so far are in " in done.stdout
    assert "failed: RuntimeError: the agent called sys.exit(3)" in done.stdout
    assert f"raised by the agent at {agents}:27" in done.stdout
    for name in ("Broken", "Exits", "Unmade"):
        assert cells(done.stdout, name)[2:7] == ["1", "1", "0", "-", "0.0000"]
    assert cells(done.stdout, "Quick")[2:5] == ["1", "0", "1"]


@pytest.mark.slow("it plays whole episodes")
def test_failed_episodes_lower_the_mean_and_are_played_again(tmp_path: Path, agents: str) -> None:
    arguments = ("--agents", f"{agents}:Flaky", "--seeds", "0", "1", "2")
    for _ in range(2):
        done = evaluate(tmp_path, *arguments)
        *_, episodes, failed, valid, score, value, _, _ = cells(done.stdout, "Flaky")
        assert (episodes, failed, valid) == ("3", "2", "1")
        assert float(value) == pytest.approx(float(score) / 3, abs=1e-4)
    assert "1/2 " in done.stdout


def test_what_python_gives_a_meaning_of_its_own_is_the_agents_all_the_same(
    tmp_path: Path, agents: str
) -> None:
    done = evaluate(tmp_path, "--agents", f"{agents}:Exhausted", "--seeds", "0", "1")
    assert done.returncode == 1
    assert "failed: RuntimeError: the agent raised StopIteration" in done.stdout
    assert f"raised by the agent at {agents}:" in done.stdout
    assert cells(done.stdout, "Exhausted")[2:7] == ["2", "2", "0", "-", "0.0000"]
    assert "partial" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "solutoin"], "did you mean 'solution'?"),
        (["--agents", "solution", "--tasks", "titanik"], "titanic"),
        (["--agents", "solution", "--sandbox", "nosuch"], "'nosuch'"),
        (["--agents", "solution", "--seeds", "0", "-1"], "expected 0 or a positive number"),
    ],
)
def test_unknown_names_fail_before_anything_is_played(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = evaluate(tmp_path, *arguments)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "error: " in said
    assert message in said
    assert "Traceback" not in said
    assert "│" not in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow("it starts a program and interrupts it")
def test_ctrl_c_ends_the_sandbox_and_says_how_to_go_on(tmp_path: Path, agents: str) -> None:
    with subprocess.Popen(
        command(tmp_path, "--agents", f"{agents}:Slow"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        while "thinking" not in (line := run.stdout.readline()):
            assert line
        os.kill(run.pid, signal.SIGINT)
        output, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command continues" in output
    assert "partial: 1 of 1 episodes are missing" in output
    assert errors == ""
    deadline = time.monotonic() + 10
    while members(run.pid):
        assert time.monotonic() < deadline, f"left behind: {members(run.pid)}"
        time.sleep(0.05)


def members(session: int) -> list[str]:
    """Processes of a session that still run."""
    listing = subprocess.run(
        ["ps", "-eo", "sid=,pid=,args="], capture_output=True, text=True, check=True
    )
    rows = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return [rest for sid, rest in rows if int(sid) == session]


def test_help_teaches() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--agents baseline solution --tasks titanic penguins --seeds 0 1 2" in done.stdout
