"""The tools that models know, performed in a real sandbox."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.wrappers import fork

EDITOR = "str_replace_based_edit_tool"


@pytest.fixture
def env(make: Callable[..., MLEEnv]) -> MLEEnv:
    made = make(max_steps=50)
    made.reset(seed=0)
    return made


def does(env: MLEEnv, **action: Any) -> tuple[int, str]:
    observation, *_ = env.step(action)
    return observation["exit_code"], observation["output"]


def edits(env: MLEEnv, command: str, **fields: Any) -> tuple[int, str]:
    return does(env, tool=EDITOR, command=command, **fields)


def test_the_text_editor_creates_views_replaces_and_inserts(env: MLEEnv) -> None:
    assert edits(env, "create", path="src/a.py", file_text="one\ntwo\nthree\n")[0] == 0
    assert edits(env, "str_replace", path="src/a.py", old_str="two", new_str="2")[0] == 0
    assert edits(env, "insert", path="src/a.py", insert_line=0, insert_text="zero")[0] == 0
    assert edits(env, "insert", path="src/a.py", insert_line=4, insert_text="four\n")[0] == 0
    assert edits(env, "view", path="src/a.py") == (
        0,
        "     1\tzero\n     2\tone\n     3\t2\n     4\tthree\n     5\tfour\n",
    )
    assert edits(env, "view", path="src/a.py", view_range=[4, -1])[1].startswith("     4\tthree")
    assert edits(env, "view", path="src/a.py", view_range=[2, 2]) == (0, "     2\tone\n")
    assert "a.py" in edits(env, "view", path="src")[1]
    assert edits(env, "insert", path="src/a.py", insert_line=9, insert_text="x") == (
        1,
        "src/a.py: has 5 lines; line 9 was given\n",
    )
    assert edits(env, "view", path="src/a.py", view_range=[8, 9])[0] == 1


def test_text_is_inserted_as_whole_lines(env: MLEEnv) -> None:
    edits(env, "create", path="a", file_text="one")
    edits(env, "insert", path="a", insert_line=1, insert_text="two")
    assert does(env, tool="bash", command="od -c a | head -1")[1].split()[1:] == [
        "o", "n", "e", "\\n", "t", "w", "o",
    ]  # fmt: skip


PATCH = """\
*** Begin Patch
*** Update File: a.txt
@@ def fit():
-    return 1
+    return 2
*** Add File: new/b.txt
+hello
*** Delete File: old.txt
*** End Patch"""


def test_a_patch_is_applied_by_the_tool_and_by_the_program(env: MLEEnv) -> None:
    env.step("printf 'def fit():\\n    return 1\\n' > a.txt; touch old.txt")
    assert does(env, tool="apply_patch", input=PATCH)[0] == 0
    assert env.step("cat a.txt new/b.txt; ls old.txt")[0]["output"] == (
        "def fit():\n    return 2\nhello\nls: cannot access 'old.txt': No such file or directory\n"
    )
    again, *_ = env.step(f"apply_patch <<'END'\n{PATCH}\nEND")
    assert again["exit_code"] == 1
    assert "these lines are not in the file" in again["output"]


def test_a_patch_may_be_longer_than_an_argument(env: MLEEnv) -> None:
    added = "+END_OF_THE_PATCH\n" + "+x\n" * 100_000
    patch = f"*** Begin Patch\n*** Add File: long.txt\n{added}*** End Patch"
    assert does(env, tool="apply_patch", input=patch)[0] == 0
    assert env.step("wc -l < long.txt")[0]["output"] == "100001\n"


def test_restart_forgets_the_shell_and_ends_what_runs(env: MLEEnv) -> None:
    env.step("mkdir deep; export WORD=1; f() { :; }; sleep 1000 & cd deep")
    assert does(env, tool="bash", restart=True) == (0, "")
    shown = env.step("pwd; echo ${WORD:-gone}; type f 2>/dev/null; pgrep sleep; ls -d deep")[0]
    assert shown["output"].splitlines()[1:] == ["gone", "deep"]
    assert not shown["output"].splitlines()[0].endswith("deep")
    assert does(env, tool="bash", command="echo ${WORD:-gone}", restart=True) == (0, "gone\n")


def test_cells_share_an_interpreter_and_the_workspace(env: MLEEnv) -> None:
    assert does(env, tool="python", code="import pandas as pd\nx = 41") == (0, "")
    observation, reward, terminated, truncated, info = env.step({"tool": "ipython", "cell": "x+1"})
    assert (observation["output"], reward, terminated, truncated) == ("42\n", 0.0, False, False)
    assert info["execution"]["cold"] == ""
    assert does(env, tool="python", code="open('a.txt', 'w').write('hi');") == (0, "")
    assert env.step("cat a.txt")[0]["output"] == "hi"


def test_a_copy_of_an_episode_says_once_that_it_has_no_variables(env: MLEEnv) -> None:
    does(env, tool="python", code="x = 1")
    with contextlib.closing(fork(env)) as twin:
        first, second = (twin.step({"tool": "python", "code": "1"})[0]["output"] for _ in range(2))
        assert first.startswith("[this is a new interpreter: earlier cells' variables are gone]")
        assert second == "1\n"
    assert does(env, tool="python", code="x") == (0, "1\n")


def test_the_end_of_the_time_ends_a_cell(make: Callable[..., MLEEnv]) -> None:
    env = make(time_limit=3.0)
    env.reset(seed=0)
    does(env, tool="python", code="import time")
    observation, _, _, truncated, _ = env.step({"tool": "python", "code": "time.sleep(60)"})
    assert truncated
    assert "the time is up" in observation["output"]


def test_a_cell_may_submit(env: MLEEnv) -> None:
    code = "!cp data/sample_submission.csv submission.csv && submit"
    *_, terminated, truncated, info = env.step({"tool": "python", "code": code})
    assert (terminated, truncated) == (True, False)
    assert info["grade"]["valid"]


def test_a_thought_costs_no_step_but_there_is_an_end_to_them(make: Callable[..., MLEEnv]) -> None:
    env = make(max_steps=2)
    env.reset(seed=0)
    left = [env.step({"tool": "think", "thought": "hm"})[0]["steps_left"] for _ in range(4)]
    assert left == [2, 2, 1, 0]


def test_a_command_without_a_timeout_ends_after_the_default(make: Callable[..., MLEEnv]) -> None:
    env = make(default_timeout=0.5)
    env.reset(seed=0)
    observation, *_ = env.step("sleep 60")
    assert observation["exit_code"] == 124
    assert "name a longer `timeout`" in observation["output"]
    assert does(env, tool="bash", command="sleep 0.7; echo on", timeout=30) == (0, "on\n")


def test_no_program_waits_for_a_key(env: MLEEnv) -> None:
    env.step("git init -q . && git config user.email a@b && git config user.name a && touch a")
    env.step("git add a && git commit -qm first")
    assert env.step("git log | head -1")[0]["output"].startswith("commit")
    assert env.step("git commit --amend -q && git log --format=%s")[0]["output"] == "first\n"
    assert env.step("man ls >/dev/null 2>&1; echo $PAGER $EDITOR")[0]["output"] == "cat :\n"


def test_ignored_fields_are_named_in_the_observation(env: MLEEnv) -> None:
    assert does(env, tool="bash", command="echo on", cwd="/")[1] == (
        "[ignored, since bash has no such field: 'cwd']\non\n"
    )


def test_tools_are_offered_as_the_settings_allow(make: Callable[..., MLEEnv]) -> None:
    def offered(**arguments: Any) -> list[str]:
        schemas = mle_gym.tool_schemas(make(**arguments), "openai")
        return [schema["function"]["name"] for schema in schemas]

    files = ["bash", "apply_patch", "python"]
    assert offered(feedback="none") == [*files, "submit"]
    assert offered() == [*files, "validate", "submit"]
    assert offered(feedback="score") == [*files, "validate", "score", "submit"]
