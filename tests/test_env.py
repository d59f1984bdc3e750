"""The episode, played in real sandboxes on the real Titanic task."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxCrashed, SandboxError, TaskError
from mle_gym.sandbox.protocol import Execution, Reply
from tests.keyed import keyed

MakeEnv = Callable[..., MLEEnv]
SAMPLE = "cp data/sample_submission.csv submission.csv"


# ---- the way of an episode


def test_an_episode_from_brief_to_grade(make: MakeEnv) -> None:
    env = make()
    observation, info = env.reset(seed=0)
    assert "Titanic" in observation["output"]
    assert "submission.csv" in observation["output"]
    assert observation["steps_left"] == env.settings.max_steps
    assert info == {"task": "titanic", "variant": 0, "reward_valid": True}
    assert info["failure"] is None

    observation, reward, terminated, truncated, info = env.step("head -1 data/train.csv")
    assert observation["output"].startswith("PassengerId,")
    assert (observation["exit_code"], reward, terminated, truncated) == (0, 0.0, False, False)
    assert info["execution"]["duration"] > 0
    assert "grade" not in info

    all_died = (
        "import pandas as pd\n"
        "test = pd.read_csv('data/test.csv')\n"
        "test[['PassengerId']].assign(survived=0).to_csv('submission.csv', index=False)\n"
    )
    env.step({"tool": "write_file", "path": "train.py", "content": all_died})
    observation, reward, terminated, truncated, info = env.step("python train.py && submit")
    assert (terminated, truncated) == (True, False)
    assert observation["exit_code"] == 0
    assert reward == info["grade"]["score"] == info["grade"]["normalized"]
    assert 0.55 < reward < 0.68
    assert info["grade"]["valid"] is True
    json.dumps(info, allow_nan=False)


def test_files_and_the_shell_s_state_carry_over_between_steps(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step("mkdir deep && cd deep && export WORD=kept")
    env.step({"tool": "write_file", "path": "deep/a.txt", "content": "one\ntwo\nthree\n"})
    env.step({"tool": "edit_file", "path": "deep/a.txt", "old": "two", "new": "2"})
    assert env.step("cat a.txt; echo $WORD")[0]["output"] == "one\n2\nthree\nkept\n"
    read = {"tool": "read_file", "path": "deep/a.txt", "start": 2, "lines": 1}
    assert env.step(read)[0]["output"] == "2\n"
    assert "a.txt" in env.step({"tool": "list_files", "path": "deep"})[0]["output"]


def test_reset_leaves_nothing_of_the_last_episode(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step(f"{SAMPLE}; touch /tmp/mine; export WORD=kept")
    observation, _ = env.reset(seed=0)
    assert observation["steps_left"] == env.settings.max_steps
    assert env.step("ls -A . /tmp/mine 2>&1 | sort; echo [$WORD]")[0]["output"].splitlines() == [
        ".:",
        "data",
        "ls: cannot access '/tmp/mine': No such file or directory",
        "[]",
    ]


def test_the_same_seed_and_actions_give_the_same_episode(make: MakeEnv) -> None:
    def play() -> list[Any]:
        env = make(variant="random")
        observation, info = env.reset(seed=7)
        steps: list[Any] = [(observation, 0.0, False, False, info)]
        for action in ("ls data", "head -2 data/train.csv", SAMPLE, {"tool": "submit"}):
            steps.append(env.step(action))
        for observation, *_, info in steps:
            del observation["seconds_left"]
            info.pop("execution", None)
        return steps

    assert play() == play()


@pytest.mark.parametrize("call", ["submit", {"tool": "submit"}, "submit submission.csv && echo no"])
def test_submit_ends_the_episode_however_it_is_called(make: MakeEnv, call: Any) -> None:
    env = make()
    env.reset(seed=0)
    env.step(SAMPLE)
    observation, reward, terminated, truncated, info = env.step(call)
    assert (terminated, truncated) == (True, False)
    assert observation["exit_code"] == 0
    assert reward == info["grade"]["normalized"]
    assert "no" not in observation["output"].split()
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step("ls")


def test_an_invalid_submission_ends_the_episode_with_nothing(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step("echo nonsense > submission.csv")
    _, reward, terminated, truncated, info = env.step("submit")
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["grade"]["valid"] is False
    assert info["grade"]["error_message"]


@pytest.mark.parametrize(
    "prepare",
    [
        "true",
        "mkdir submission.csv",
        "mkfifo submission.csv",
        "truncate -s 51M submission.csv",
        "ln -s /dev/zero submission.csv",
    ],
    ids=["missing", "folder", "fifo", "huge", "device"],
)
@pytest.mark.parametrize("call", ["submit", {"tool": "submit"}], ids=["command", "tool"])
def test_what_cannot_be_read_is_refused_and_the_episode_goes_on(
    make: MakeEnv, prepare: str, call: Any
) -> None:
    env = make()
    env.reset(seed=0)
    env.step(prepare)
    observation, reward, terminated, truncated, info = env.step(call)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert observation["exit_code"] == 1
    assert "submission.csv" in observation["output"]
    assert "grade" not in info
    env.step(f"rm -rf submission.csv; {SAMPLE}")
    assert env.step(call)[2] is True


# ---- actions that are none, and output that is unpleasant


@pytest.mark.parametrize(
    "action",
    [None, 3, {"tool": "shel"}, {"tool": "shell"}, "nul \0", "lone \ud800", "x" * (10 * 2**20 + 1)],
    ids=["none", "int", "unknown", "incomplete", "nul", "surrogate", "oversize"],
)
def test_a_malformed_action_costs_a_step_and_says_what_is_wrong(make: MakeEnv, action: Any) -> None:
    env = make(max_steps=5)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(action)
    assert observation["output"].startswith("malformed action: ")
    assert (observation["exit_code"], observation["steps_left"]) == (2, 4)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert observation in env.observation_space
    assert info["execution"]["duration"] == 0


def test_a_ten_megabyte_command_runs(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    command = "# " + "x" * 9_999_000 + "\necho done"
    assert env.step(command)[0]["output"] == "done\n"


def test_output_is_cleaned_and_cut_in_the_middle(make: MakeEnv) -> None:
    env = make(limits={"output_bytes": 1000})
    env.reset(seed=0)
    observation = env.step(r"printf '\033[31mred\033[0m 1%%\r2%%\n\377\a'")[0]
    assert observation["output"] == "2%\n\ufffd\u2407"
    observation, *_, info = env.step("echo first; seq 1 10000; echo last")
    assert observation["output"].startswith("first\n")
    assert observation["output"].endswith("last\n")
    assert info["execution"]["truncated_bytes"] > 40_000
    assert observation in env.observation_space


# ---- feedback


def test_validate_says_why_and_ends_nothing(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step("echo nonsense > submission.csv")
    observation, *_, info = env.step("validate")
    assert observation["exit_code"] == 1
    assert info["validation"]["valid"] is False
    assert info["validation"]["message"] in observation["output"]
    env.step(SAMPLE)
    observation, reward, terminated, _, info = env.step({"tool": "validate"})
    assert (observation["exit_code"], reward, terminated) == (0, 0.0, False)
    assert info["validation"]["valid"] is True
    assert "validation" not in env.step("true")[4]


def test_validate_is_refused_without_feedback(make: MakeEnv) -> None:
    env = make(feedback="none")
    env.reset(seed=0)
    env.step(SAMPLE)
    for call in ("validate", {"tool": "validate"}, "score"):
        observation, *_, info = env.step(call)
        assert observation["exit_code"] == 1
        assert "this environment" in observation["output"]
        assert "validation" not in info


def test_score_is_refused_unless_feedback_allows_it(make: MakeEnv) -> None:
    env = make(feedback="validate")
    env.reset(seed=0)
    env.step(SAMPLE)
    observation = env.step("score")[0]
    assert observation["exit_code"] == 1
    assert "not shown" in observation["output"]


def test_score_shows_the_public_part_and_is_budgeted(make: MakeEnv) -> None:
    env = make(feedback="score", score_calls=2)
    env.reset(seed=0)
    env.step("echo nonsense > submission.csv")
    assert env.step("score")[0]["exit_code"] == 1  # an invalid one costs no call
    env.step(SAMPLE)
    first = env.step("score")[0]
    second = env.step({"tool": "score"})[0]
    assert first["exit_code"] == second["exit_code"] == 0
    assert "1 calls left" in first["output"]
    assert "0 calls left" in second["output"]
    refused = env.step("score")[0]
    assert (refused["exit_code"], "no calls are left" in refused["output"]) == (1, True)
    grade = env.step("submit")[4]["grade"]
    assert f"{grade['public_score']:.5f}" in first["output"]
    assert grade["public_score"] != grade["score"]


# ---- budgets


def test_when_steps_run_out_the_submission_is_graded_as_it_lies(make: MakeEnv) -> None:
    env = make(max_steps=2)
    env.reset(seed=0)
    env.step(SAMPLE)
    observation, reward, terminated, truncated, info = env.step("echo bye")
    assert (terminated, truncated) == (False, True)
    assert observation["steps_left"] == 0
    assert observation["output"].startswith("bye\n")
    assert "no steps are left; submission.csv was graded" in observation["output"]
    assert reward == info["grade"]["normalized"] > 0
    assert env.record is not None
    assert env.record.grade is not None
    assert env.record.grade.normalized == reward
    assert env.record.predictions is not None
    with pytest.raises(ResetNeeded):
        env.step("ls")


def test_no_submission_is_a_grade_that_says_so(make: MakeEnv) -> None:
    env = make(max_steps=1)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step("true")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert "no submission was found (submission.csv: no such file)]" in observation["output"]
    assert info["grade"]["valid"] is False
    assert info["grade"]["score"] is None


def test_submitting_in_the_last_step_terminates(make: MakeEnv) -> None:
    env = make(max_steps=1)
    env.reset(seed=0)
    assert env.step(f"{SAMPLE}; submit")[2:4] == (True, False)


def test_when_time_runs_out_the_command_is_killed_and_the_file_graded(make: MakeEnv) -> None:
    env = make(time_limit=1.5)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(f"{SAMPLE}; sleep 60")
    assert (terminated, truncated) == (False, True)
    assert observation["exit_code"] == 124
    assert observation["seconds_left"] == 0
    assert info["execution"]["timed_out"] is True
    assert "the time is up; submission.csv was graded" in observation["output"]
    assert reward > 0


def test_an_action_that_comes_too_late_is_not_performed(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step(SAMPLE)
    assert env._episode is not None
    env._episode.budget.started -= env.settings.time_limit
    observation, _, terminated, truncated, info = env.step("rm submission.csv")
    assert (terminated, truncated) == (False, True)
    assert observation["output"].startswith("there was no time left")
    assert info["grade"]["valid"] is True


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ({"command_timeout": 0.5}, "sleep 60"),
        ({"command_timeout": 0.5}, {"tool": "shell", "command": "sleep 60", "timeout": 50}),
        ({}, {"tool": "shell", "command": "sleep 60", "timeout": 0.5}),
    ],
    ids=["setting", "the smaller wins", "action"],
)
def test_a_command_that_takes_too_long_is_killed_alone(
    make: MakeEnv, arguments: dict[str, Any], action: Any
) -> None:
    env = make(**arguments)
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(action)
    assert (observation["exit_code"], terminated, truncated) == (124, False, False)
    assert info["execution"]["killed_by"] == "timeout"
    assert env.step("echo on")[0]["output"] == "on\n"


# ---- variants and options


def test_variants_differ_and_random_ones_come_from_the_seed(make: MakeEnv) -> None:
    env = make(variant="random")
    first = env.reset(seed=1)[1]["variant"]
    second = env.reset()[1]["variant"]
    assert env.reset(seed=1)[1]["variant"] == first
    assert env.reset()[1]["variant"] == second
    assert first != second
    assert 0 not in (first, second)


def test_options_hold_until_the_next_reset_that_is_given_something(make: MakeEnv) -> None:
    env = make()
    count = "wc -l < data/train.csv"
    _, info = env.reset(seed=0, options={"variant": 5, "train_rows": 50})
    assert info["variant"] == 5
    assert env.step(count)[0]["output"].strip() == "51"
    assert env.reset()[1]["variant"] == 5
    assert env.reset(options={"variant": "heldout"})[1]["variant"] < 0
    assert env.reset()[1]["variant"] < 0
    _, info = env.reset(seed=0)
    assert info["variant"] == 0
    assert env.step(count)[0]["output"].strip() == "892"


def test_unknown_options_are_refused_and_the_running_episode_lives_on(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="did you mean 'variant'"):
        env.reset(options={"varient": 1})
    assert env.step("echo on")[0]["output"] == "on\n"


def test_an_obfuscated_task_plays_like_any_other(make: MakeEnv) -> None:
    env = make(obfuscate=True)
    observation, _ = env.reset(seed=0)
    assert "titanic" not in observation["output"].lower()
    filename = "submission.csv"
    _, reward, terminated, _, _ = env.step(f"cp data/sample_submission.csv {filename}; submit")
    assert terminated
    assert 0 <= reward <= 1


# ---- faults of the machinery


def test_a_sandbox_that_dies_truncates_without_a_grade_and_reset_recovers(make: MakeEnv) -> None:
    env = make(reward="milestones")
    env.reset(seed=0)
    assert (
        env.step("awk -F, 'NR>1{$2=NR%2}1' OFS=, data/sample_submission.csv > submission.csv")[1]
        > 0
    )
    assert env._episode is not None
    env._episode._sandbox.close()
    observation, reward, terminated, truncated, info = env.step("echo lost")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert observation in env.observation_space
    assert "sandbox" in info["failure"]["message"]
    assert info["reward_valid"] is False
    assert "grade" not in info
    assert env.record is not None
    assert env.record.grade is None
    with pytest.raises(ResetNeeded):
        env.step("ls")
    env.reset(seed=0)
    assert env.step("echo back")[0]["output"] == "back\n"


def test_what_was_handed_in_before_the_sandbox_died_counts(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make()
    env.reset(seed=0)
    env.step(SAMPLE)
    assert env._episode is not None
    box = env._episode._sandbox

    def die(reply: Reply) -> Execution:
        assert reply.end_command
        raise SandboxCrashed("gone")

    monkeypatch.setattr(box, "answer", die)
    _, reward, terminated, truncated, info = env.step("submit; kill -9 -1")
    assert (terminated, truncated) == (True, False)
    assert reward == info["grade"]["normalized"] > 0
    assert info["failure"] is None
    assert info["reward_valid"] is True


def test_a_sandbox_that_cannot_start_raises_from_reset(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make(sandbox="bubblewrap")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SandboxError, match="bubblewrap"):
        env.reset(seed=0)


def test_a_task_that_does_not_exist_is_named_with_its_neighbours() -> None:
    with pytest.raises(TaskError, match="titanic"):
        MLEEnv("titanik")


# ---- Gymnasium's own customs


def test_construction_starts_and_imports_nothing_heavy() -> None:
    program = (
        "import sys, gymnasium, mle_gym\n"
        "env = gymnasium.make('mle/titanic-v0')\n"
        "assert env.unwrapped._episode is None\n"
        "heavy = {'pandas', 'sklearn', 'scipy', 'docker', 'rich', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_step_needs_a_reset_first(make: MakeEnv) -> None:
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\)"):
        make().step("ls")


def test_close_is_idempotent_and_an_environment_can_start_again(make: MakeEnv) -> None:
    env = make()
    env.close()
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ResetNeeded):
        env.step("ls")
    env.reset(seed=0)
    assert env.step("echo on")[0]["output"] == "on\n"


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"]
)
def test_copies_keep_settings_and_randomness_but_not_the_episode(
    make: MakeEnv, copied: Callable[[MLEEnv], MLEEnv]
) -> None:
    env = make(variant="random", max_steps=7)
    assert copied(env).settings == env.settings
    env.reset(seed=3)
    twin = copied(env)
    with pytest.raises(ResetNeeded):
        twin.step("ls")
    assert env.step("echo on")[0]["output"] == "on\n"
    assert twin.reset()[1] == env.reset()[1]
    assert twin.step("echo on")[0]["output"] == "on\n"
    twin.close()


def test_a_spec_with_every_kind_of_argument_round_trips(make: MakeEnv) -> None:
    arguments = {"variant": "random", "limits": {"memory_mb": 512}, "gpus": ["0"], "max_steps": 4}
    env = gymnasium.make("mle/titanic-v0", **arguments)  # type: ignore[arg-type]
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.settings == env.unwrapped.settings  # type: ignore[attr-defined]
    assert again.spec == env.spec


def test_the_clock_is_an_array_of_its_own(make: MakeEnv) -> None:
    env = make()
    first = env.reset(seed=0)[0]["seconds_left"]
    assert isinstance(first, np.ndarray)
    assert (first.shape, first.dtype) == ((1,), np.float64)
    assert not np.shares_memory(first, env.step("true")[0]["seconds_left"])


def test_ansi_shows_the_transcript(make: MakeEnv) -> None:
    env = make(render_mode="ansi")
    env.reset(seed=0)
    env.step("echo shown; exit 3")
    text = env.render()
    assert isinstance(text, str)
    assert text.splitlines()[-3:] == ["$ echo shown; exit 3", "shown", "[exit code 3]"]


def test_human_prints_each_step_as_it_happens(
    make: MakeEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    env = make(render_mode="human")
    env.reset(seed=0)
    assert "Titanic" in capsys.readouterr().out
    env.step("echo shown")
    assert "$ echo shown\nshown\n" in capsys.readouterr().out
    assert env.render() is None


# ---- a task of one's own


def test_a_task_folder_of_one_s_own_plays_by_its_path(make: MakeEnv, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "description.md").write_text("# Mine\n\nPredict `y`.\n")
    (folder / "task.toml").write_text(
        'id = "mine"\ntitle = "Mine"\nkind = "tabular-regression"\n'
        '[data]\nloader = "files"\nref = "rows.csv"\ntarget = "y"\nid = "id"\ntest_size = 4\n'
        '[submission]\ncolumns = { id = "int", y = "float" }\nfilename = "out.csv"\n'
        '[grade]\nmetric = "rmse"\nworst = 10.0\nbest = 0.0\n'
    )
    rows = "".join(f"{i},{i % 7},{i % 7}.0\n" for i in range(20))
    (folder / "rows.csv").write_text("id,x,y\n" + rows)
    env = make(str(keyed(folder)))
    env.reset(seed=0)
    copied = 'awk -F, \'NR==1{print "id,y"} NR>1{print $1","$2}\' data/test.csv > out.csv'
    _, reward, terminated, _, info = env.step(f"{copied}; cat out.csv; submit out.csv")
    assert (terminated, reward) == (True, 1.0), info
    with pytest.raises(ValueError, match="no leaderboard"):
        make(str(folder), reward="percentile")
    with pytest.raises(ValueError, match="no medals"):
        make(str(folder), reward="medal")
