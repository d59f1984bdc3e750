"""Tasks whose submissions are programs, played in real sandboxes on iris-pipeline."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_gym import sandbox
from mle_gym.agents import load_agent
from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxCrashed, SandboxEnded
from mle_gym.grading.graders import program_run
from mle_gym.grading.graders.program import ProgramGrader
from mle_gym.trajectories.replay import replay
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.sandbox.docker_daemon import docker_host  # noqa: F401
from tests.tiers import few_quick
from tests.trajectories.verify.conftest import Scripted, failures

pytestmark = pytest.mark.bubblewrap
MakeEnv = Callable[..., MLEEnv]
Step = tuple[str, float, bool, dict[str, Any]]

SAMPLE = "import shutil; shutil.copy('data/sample_submission.csv', 'submission.csv')"


@pytest.fixture
def make() -> Iterator[MakeEnv]:
    """Makes environments, and closes them after the test."""
    made: list[MLEEnv] = []

    def make_one(**arguments: Any) -> MLEEnv:
        arguments = {"sandbox": "bubblewrap", "feedback": "score", **arguments}
        made.append(MLEEnv("iris-pipeline", **arguments))
        made[-1].reset(seed=0)
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def write(env: MLEEnv, content: str, path: str = "pipeline.py") -> None:
    env.step({"tool": "write_file", "path": path, "content": content})


def step(env: MLEEnv, action: Any) -> Step:
    observation, reward, terminated, _, info = env.step(action)
    return observation["output"], float(reward), terminated, info


def hidden_rows(env: MLEEnv) -> list[str]:
    """The rows that only submitted programs see, without their ids."""
    assert env.record is not None
    dataset = env.record.dataset
    rows = [
        line.partition(",")[2]
        for line in (dataset.inputs / "test.csv").read_text().splitlines()[1:]
    ]
    shown = (dataset.public / "train.csv").read_text()
    return [row for row in rows if row not in shown]


def test_agents_see_examples_and_programs_see_the_rows_to_predict(make: MakeEnv) -> None:
    env = make()
    output = step(env, "wc -l < data/test.csv; grep -c . data/sample_submission.csv")[0]
    assert output == "21\n21\n"
    everything = step(env, "cat data/*; grep -rh , . /tmp /home /root /var/tmp 2>/dev/null")
    assert not [row for row in hidden_rows(env) if row in everything[0]]
    write(env, f"{SAMPLE}\nprint(len(open('data/test.csv').readlines())); raise SystemExit(3)")
    assert "it printed:\n21\n" in step(env, "validate")[0]
    _, _, terminated, info = step(env, "submit")
    assert terminated
    assert "exit code 3; it printed:\n61" in info["grade"]["error_message"]


@pytest.mark.slow("it trains a model, and once more to verify it")
def test_the_solution_is_run_graded_and_recorded(tmp_path: Path, make: MakeEnv) -> None:
    path = tmp_path / "solved.jsonl"
    trajectory = rollout(make(), load_agent("solution"), seed=0, path=path)
    assert trajectory.grade is not None
    assert trajectory.grade["medal"] == "gold"
    assert trajectory.footer is not None
    assert trajectory.footer["program"]["zlib"]
    result = verify_trajectory(path)
    assert (result.verdict, failures(result)) == ("confirmed", "")


@pytest.mark.docker
@pytest.mark.usefixtures("docker_host")
def test_programs_are_run_in_containers_too(make: MakeEnv) -> None:
    env = make(sandbox="docker")
    write(env, f"{SAMPLE}\nassert len(open('data/test.csv').readlines()) == 61", "p/pipeline.py")
    assert "AssertionError" in step(env, "validate p")[0]
    assert "public score: 1.09861" in step(env, "score p")[0]
    assert step(env, "submit p")[3]["grade"]["valid"]


def test_a_folder_is_handed_in_whole(make: MakeEnv) -> None:
    env = make()
    write(env, "from lib import work", "handed/pipeline.py")
    write(env, SAMPLE, "handed/lib/work.py")
    assert step(env, "validate handed")[0] == "/workspace/handed is a valid submission\n"
    assert step(env, {"tool": "validate", "path": "handed"})[3]["validation"]["valid"]
    assert "public score: 1.09861" in step(env, {"tool": "score", "path": "handed"})[0]
    info = step(env, "submit handed/")[3]
    assert info["grade"]["score"] == pytest.approx(1.0986, abs=1e-3)


def test_nothing_of_one_run_is_left_for_another(make: MakeEnv) -> None:
    env = make()
    write(env, f"{SAMPLE}\nimport os; assert not os.path.exists('/tmp/x'); open('/tmp/x', 'w')")
    for _ in range(2):
        assert "public score" in step(env, "score")[0]
    assert step(env, "ls /tmp/x submission.csv")[0].count("No such file") == 2


@pytest.mark.parametrize(
    ("source", "code", "message"),
    few_quick([
        ("print('\\x1b[31mbad\\x07'); 1/0", "program_failed",
         "ended with exit code 1; it printed:\nbad␇\nTraceback"),
        ("x = 1", "no_output", "pipeline.py left no predictions: submission.csv: no such file"),
        ("import os; os.mkfifo('submission.csv')", "no_output", "is not a regular file"),
        ("open('submission.csv', 'w').write('id,setosa\\n1,1')", "missing_column", "versicolor"),
    ], lambda case: case[1] in ("program_failed", "missing_column"), "each plays an episode"),
)  # fmt: skip
def test_a_program_that_fails_is_told_why_by_validate_and_by_the_grade(
    make: MakeEnv, source: str, code: str, message: str
) -> None:
    env = make()
    write(env, source)
    validation = step(env, "validate")[3]["validation"]
    assert (validation["valid"], validation["code"]) == (False, code)
    assert message in validation["message"]
    grade = step(env, "submit")[3]["grade"]
    assert (grade["valid"], grade["error_code"], grade["score"]) == (False, code, None)
    assert message in grade["error_message"]


def test_a_program_that_takes_too_long_is_killed(make: MakeEnv) -> None:
    env = make()
    assert env._episode is not None
    runner = env._episode._submit_commands.runner
    assert runner is not None
    runner.code = runner.code.model_copy(update={"seconds": 1.0})
    write(env, "import time; time.sleep(600)")
    assert step(env, "validate")[3]["validation"]["code"] == "program_timeout"
    grade = step(env, "submit")[3]["grade"]
    assert grade["error_code"] == "program_timeout"
    assert grade["error_message"].startswith("pipeline.py ran longer than 1 s")


def test_a_program_has_the_time_of_who_asks_until_it_is_graded(make: MakeEnv) -> None:
    env = make(command_timeout=1)
    write(env, f"import time; time.sleep(3)\n{SAMPLE}")
    output, _, _, info = step(env, "validate")
    assert "ran longer than 1 s" in output
    for _ in range(2):
        assert info["validation"]["code"] == "program_timeout"
        assert "when no time was left (the task allows 120 s)" in info["validation"]["message"]
        output, _, _, info = step(env, {"tool": "validate"})
    assert env._episode is not None
    budget = env._episode.budget
    budget.started -= budget.seconds_left - 0.5
    observation, *_, truncated, info = env.step({"tool": "score"})
    assert truncated
    assert info["validation"]["code"] == "no_score"
    assert "the time is up; pipeline.py was graded as it is" in observation["output"]
    assert info["grade"]["valid"]


def test_a_program_ends_with_the_call_that_it_runs_for(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def on_examples(*given: Any) -> bytes:
        try:
            return real(*given)
        except SandboxCrashed as error:
            ended.append(error.kind)
            raise

    real = program_run.ProgramRunner.on_examples
    monkeypatch.setattr(program_run.ProgramRunner, "on_examples", on_examples)
    env = make()
    write(env, f"import time; time.sleep(60)\n{SAMPLE}")
    write(env, SAMPLE, "quick.py")
    output, _, _, info = step(env, "timeout 1 validate; echo on; validate quick.py")
    assert (output, ended) == ("on\n/workspace/quick.py is a valid submission\n", ["interrupted"])
    output, _, _, info = step(env, "timeout 1 validate")
    assert ended == ["interrupted"] * 2
    assert "validation" not in info
    later = threading.Timer(1, env.interrupt)
    later.start()
    assert "[interrupted]" in step(env, "validate; echo on")[0]
    assert ended == ["interrupted"] * 3
    assert step(env, "validate quick.py")[0] == "/workspace/quick.py is a valid submission\n"


def test_a_program_that_is_interrupted_before_its_sandbox_is_there_does_not_run(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make()
    write(env, f"import time; time.sleep(60)\n{SAMPLE}")
    write(env, SAMPLE, "quick.py")
    real = sandbox.create

    def create(*given: Any) -> Any:
        env.interrupt()
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "create", create)
        output, _, _, info = step(env, {"tool": "validate"})
    assert output == "validate: it was interrupted\n"
    assert "validation" not in info
    assert step(env, "validate quick.py")[0] == "/workspace/quick.py is a valid submission\n"


def test_a_program_that_had_too_little_time_is_run_again_with_more(make: MakeEnv) -> None:
    env = make(command_timeout=1)
    write(env, f"import time; time.sleep(3)\n{SAMPLE}")
    assert not step(env, {"tool": "validate"})[3]["validation"]["valid"]
    assert env._episode is not None
    env._episode._actions._timeout = None
    assert step(env, {"tool": "validate"})[3]["validation"]["valid"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("mkdir p; touch p/other.py p/more.py", "expected a file pipeline.py in the folder, found"),
        ("mkdir p", "expected a file pipeline.py in the folder, found no file"),
        ("mkdir -p p/data; echo 1 > p/pipeline.py; echo 1 > p/data/train.csv", "data/train.csv: "),
    ],
)
def test_a_folder_that_can_t_be_run_is_not_valid(make: MakeEnv, prepare: str, message: str) -> None:
    env = make()
    assert message in step(env, f"{prepare}; validate p")[0]


def test_what_can_t_be_taken_out_does_not_end_the_episode(make: MakeEnv) -> None:
    env = make()
    for action in ("submit", {"tool": "submit"}, "mkfifo pipe; submit pipe", "submit /dev/zero"):
        output, _, terminated, _ = step(env, action)
        assert output.startswith("submit: ")
        assert not terminated
    output = step(env, "head -c 11000000 /dev/zero > large; submit large")[0]
    assert "large: has 11000000 bytes, at most 10485760 are allowed" in output


SPIES = {
    "print": "print(rows); raise SystemExit(rows)",
    "message": "raise ValueError(rows)",
    "predictions": "open('submission.csv', 'w').write('id,setosa,versicolor,virginica\\n' + rows)",
    "header": "open('submission.csv', 'w').write(rows)",
    "name": "import os; os.mkdir('submission.csv'); open('submission.csv/' + rows[-200:-150], 'w')",
}


@pytest.mark.parametrize(
    "spy", few_quick(SPIES, ("message", "predictions"), "each plays an episode")
)
def test_score_carries_no_hidden_input_back(make: MakeEnv, spy: str) -> None:
    env = make()
    hidden = hidden_rows(env)
    assert len(hidden) > 20
    write(env, f"rows = open('data/test.csv').read().split(chr(10), 1)[1]\n{SPIES[spy]}")
    for action in ("score", {"tool": "score"}):
        observation, *_, info = env.step(action)
        told = json.dumps([observation["output"], info])
        assert not [row for row in hidden if row in told]
        assert info["validation"]["code"] == "no_score"
        assert "what went wrong is not shown" in observation["output"]


def test_spies_succeed_where_score_tells_what_validate_tells(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(self: ProgramGrader, files: Any) -> float:
        return self._predictions.public_score(self._runner.on_hidden_inputs(files))

    monkeypatch.setattr(ProgramGrader, "public_score", tell)
    env = make()
    write(env, f"rows = open('data/test.csv').read().split(chr(10), 1)[1]\n{SPIES['print']}")
    output = step(env, "score")[0]
    assert [row for row in hidden_rows(env) if row in output]


def test_the_same_spies_see_hidden_inputs_where_the_grade_tells_why(make: MakeEnv) -> None:
    env = make()
    hidden = hidden_rows(env)
    write(env, f"rows = open('data/test.csv').read().split(chr(10), 1)[1]\n{SPIES['print']}")
    observation, *_, info = env.step("submit")
    assert [row for row in hidden if row in info["grade"]["error_message"]]
    assert not [row for row in hidden if row in observation["output"]]


def test_every_run_on_hidden_rows_costs_a_score_call(make: MakeEnv) -> None:
    env = make(score_calls=2)
    write(env, "raise SystemExit(1)")
    assert "(1 calls left)" in step(env, "score")[0]
    assert "(0 calls left)" in step(env, "score")[0]
    assert "no calls are left" in step(env, "score")[0]


def test_without_feedback_nothing_is_run(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env = make(feedback="none")
    write(env, SAMPLE)
    monkeypatch.setattr(program_run.ProgramRunner, "_run", None)
    assert "this environment gives no feedback" in step(env, "validate")[0]
    assert "not shown" in step(env, "score")[0]


def test_answers_labels_and_the_network_are_out_of_a_program_s_reach(make: MakeEnv) -> None:
    env = make(network=True)
    write(
        env,
        "import socket, os\n"
        "found = []\n"
        "for place, folders, files in os.walk('/'):\n"
        "    if place == '/': folders[:] = set(folders) - {'proc', 'sys', 'usr', 'dev'}\n"
        "    found += [place for name in files if name == 'answers.csv']\n"
        "found += [n for n in os.listdir('/sys/class/net') if n != 'lo'] "
        "if os.path.isdir('/sys/class/net') else []\n"
        "try:\n    socket.create_connection(('1.1.1.1', 53), 2); found.append('network')\n"
        "except OSError as error: print(error)\n"
        "try:\n    from sklearn.datasets import load_iris; found.append(load_iris())\n"
        "except Exception as error: print(type(error))\n"
        "header = open('data/test.csv').readline()\n"
        "assert not found and 'species' not in header, found\n" + SAMPLE,
    )
    assert step(env, "submit")[3]["grade"]["error_message"] == ""


def test_what_lies_there_is_graded_when_the_budget_is_spent(make: MakeEnv) -> None:
    env = make(max_steps=1)
    observation, _, _, truncated, info = env.step(f'echo "{SAMPLE}" > pipeline.py')
    assert truncated
    assert "pipeline.py was graded as it is" in observation["output"]
    assert info["grade"]["valid"]
    env = make(max_steps=1)
    assert env.step("ls")[4]["grade"]["error_code"] == "missing_submission"


@pytest.mark.slow("the solution is run for the ceiling")
def test_a_program_is_run_once_for_milestones(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    real = program_run.ProgramRunner.on_examples
    monkeypatch.setattr(
        program_run.ProgramRunner, "on_examples", lambda *given: runs.append(given) or real(*given)
    )
    env = make(reward="milestones")
    write(env, SAMPLE)
    for _ in range(3):
        step(env, "true")
    assert len(runs) == 1
    write(env, "raise SystemExit(1)")
    assert len(runs) == 2


def test_a_program_that_brings_down_its_own_sandbox_is_not_valid_and_the_episode_goes_on(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make()
    write(env, SAMPLE)

    def die(*_: object) -> object:
        raise SandboxEnded("out of memory", killed_by="memory")

    with monkeypatch.context() as patch:
        patch.setattr(program_run.ProgramRunner, "_done", die)
        for action in ("validate; echo on", {"tool": "validate"}):
            output, _, terminated, info = step(env, action)
            assert "brought down the sandbox that it was run in: out of memory" in output
            assert info["validation"]["code"] == "program_exhausted"
            assert info["reward_valid"]
            assert not terminated
        assert "on\n" in step(env, "validate; echo on")[0]
    assert step(env, "submit")[3]["grade"]["valid"]


def test_a_sandbox_that_fails_is_no_score(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env = make()
    write(env, SAMPLE)

    def fail(*_: object) -> object:
        raise SandboxCrashed("it died")

    monkeypatch.setattr(sandbox, "create", fail)
    _, reward, terminated, truncated, info = env.step("submit")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["failure"] == {
        "kind": "grader_unavailable",
        "stage": "grade",
        "cause": "infrastructure",
        "retryable": True,
        "message": "it died",
    }
    assert "grade" not in info


def test_a_failed_program_s_record_is_whole_but_can_t_be_graded_again(
    make: MakeEnv, tmp_path: Path
) -> None:
    path = tmp_path / "failed.jsonl"
    agent = Scripted(("echo 1/0 > pipeline.py", "submit"))
    rollout(make(), agent, path=path)
    result = verify_trajectory(path)
    assert (result.verdict, failures(result)) == ("undecided", "")
    assert "only running it again could confirm" in str(result)


def test_predictions_tasks_still_refuse_folders(tmp_path: Path) -> None:
    env = MLEEnv("zoo", sandbox="bubblewrap")
    env.reset()
    for action in ("mkdir odd; submit odd", {"tool": "submit", "path": "odd"}):
        output, _, terminated, _ = step(env, action)
        assert "odd: is a folder" in output
        assert not terminated
    env.close()


def test_a_replay_runs_the_program_again(make: MakeEnv, tmp_path: Path) -> None:
    path = tmp_path / "once.jsonl"
    agent = Scripted((f'echo "{SAMPLE}" > pipeline.py', "validate", "submit"))
    rollout(make(), agent, path=path)
    assert replay(path, make()).differences == ()


def test_a_name_of_a_file_brings_no_escapes_out(
    make: MakeEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    env = make(max_steps=1, render_mode="human")
    name = r"$(printf 'x\033]0;TITLE\033\\\033[2J\302\233\342\200\256\r')"
    made = f"mkdir -p pipeline.py; mkfifo pipeline.py/{name}"
    observation, _, _, truncated, info = env.step(made)
    assert truncated
    assert "pipeline.py: x" in observation["output"]
    for text in observation["output"], str(info), capsys.readouterr().out:
        assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(text)


def test_a_name_that_is_not_utf8_is_as_good_as_any(make: MakeEnv) -> None:
    env = make()
    write(env, SAMPLE)
    copy = r"cp pipeline.py $'p\x80.py'; "
    assert "is a valid submission" in step(env, copy + r"validate $'p\x80.py'")[0]
    assert step(env, r"submit $'p\x80.py'")[3]["grade"]["valid"]
    assert env.record is not None
    assert list(env.record.program or ()) == ["p?.py"]
