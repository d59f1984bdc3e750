"""Handing in what is not a plain file, or not the same file twice."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest

import mle_gym
from tests.security.arena import Arena
from tests.security.bait import TASK, Bait

ODD = {
    "a link to the answers": ('ln -sf "$ANSWERS" odd', "no such file"),
    "a link to a file of the host": ('ln -sf "$SECRET" odd', "no such file"),
    "a link to the runner's memory": ("ln -sf /proc/1/mem odd", "ermission denied"),
    "a FIFO": ("mkfifo odd", "not a regular file"),
    "a FIFO with a writer": ("mkfifo odd; (yes > odd &)", "not a regular file"),
    "a device": ("ln -s /dev/zero odd", "not a regular file"),
    "a terminal": ("ln -s /dev/ptmx odd", "not a regular file"),
    "a folder": ("mkdir odd", "is a folder"),
    "a socket": (
        "python3 -I -S -c 'import socket as s; s.socket(1).bind(\"odd\")'",
        "o such device",
    ),
    "a loop of links": ("ln -s odd odd", "symbolic links"),
    "a sparse terabyte": ("truncate -s 1T odd", "at most"),
    "a large file": ("head -c 60M /dev/zero > odd", "at most"),
    "an unreadable file": ("echo 1 > odd; chmod 0 odd", "ermission denied"),
    "a name of another kind": ("odd=1", "no such file"),
}


@pytest.mark.parametrize(("prepare", "reason"), ODD.values(), ids=list(ODD))
def test_only_plain_files_of_bounded_size_are_taken(
    arena: Arena, prepare: str, reason: str
) -> None:
    output = arena.run(f"rm -rf odd; {prepare}; submit odd; echo status $?; rm -rf odd")
    assert reason in output
    assert output.endswith("status 1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        observation, _, terminated, _, _ = arena.env.step({"tool": "submit", "path": "odd"})
    assert observation["exit_code"] == 1
    assert not terminated


def episode(sandbox: str, **options: Any) -> gym.Env[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        env = gym.make(f"mle/{TASK}-v0", sandbox=sandbox, **options)
        env.reset(seed=0)
    return env


@pytest.fixture
def env(isolating_backend: str) -> Iterator[gym.Env[Any, Any]]:
    env = episode(isolating_backend)
    yield env
    env.close()


LINK = "ln -sf {} submission.csv; submit"


def test_a_link_to_the_answers_scores_nothing(env: gym.Env[Any, Any], bait: Bait) -> None:
    _, reward, terminated, _, _ = env.step(LINK.format(bait.variables["ANSWERS"]))
    assert (reward, terminated) == (0, False)


def test_without_isolation_it_would_win(bait: Bait) -> None:
    env = episode("subprocess")
    link = LINK.format("answers.csv")
    cut = f"cut -d, -f1,2 {bait.variables['ANSWERS']} > answers.csv; {link}"
    _, reward, terminated, _, _ = env.step(cut)
    env.close()
    assert (reward, terminated) == (1, True)


def test_what_is_validated_may_change_and_what_was_handed_in_may_not(
    env: gym.Env[Any, Any],
) -> None:
    env.step("cp data/sample_submission.csv good; echo nonsense > bad; cp good submission.csv")
    env.step("(while :; do cp good s; mv s submission.csv; cp bad s; mv s submission.csv; done) &")
    env.step({"tool": "validate"})
    _, _, terminated, _, info = env.step({"tool": "submit"})
    grade = info["grade"]
    good = hashlib.sha256(good_content()).hexdigest()
    bad = hashlib.sha256(b"nonsense\n").hexdigest()
    assert terminated
    assert (grade["sha256"], grade["valid"]) in ((good, True), (bad, False))
    with pytest.raises(gym.error.ResetNeeded):
        env.step("cp good submission.csv; submit")


def good_content() -> bytes:
    return (mle_gym.prepare(TASK).public / "sample_submission.csv").read_bytes()


def test_a_second_submission_changes_nothing(env: gym.Env[Any, Any]) -> None:
    command = "echo nonsense > bad; (submit bad & submit data/sample_submission.csv & wait)"
    _, _, terminated, _, info = env.step(command)
    assert terminated
    bad = hashlib.sha256(b"nonsense\n").hexdigest()
    assert info["grade"]["valid"] == (info["grade"]["sha256"] != bad)


def test_a_growing_file_is_cut_off_or_graded_whole(env: gym.Env[Any, Any]) -> None:
    env.step("cp data/sample_submission.csv s.csv; (while :; do cat data/*.csv >> s.csv; done) &")
    observation, reward, terminated, _, info = env.step({"tool": "submit", "path": "s.csv"})
    assert observation["exit_code"] in (0, 1)
    assert reward == 0 or info["grade"]["valid"]
    assert terminated == ("grade" in info)


LEFT_RUNNING = """\
import os, subprocess
left = subprocess.Popen(["sleep", "1000"])
os.symlink(f"/proc/{left.pid}/cmdline", "submission.csv")
"""


def test_what_a_program_leaves_running_takes_no_part_in_its_output(isolating_backend: str) -> None:
    """Otherwise it could exit at once and work on when its time and memory are not measured."""
    env = mle_gym.make("iris-pipeline", sandbox=isolating_backend)
    env.reset(seed=0)
    env.step({"tool": "write_file", "path": "pipeline.py", "content": LEFT_RUNNING})
    *_, info = env.step("validate")
    env.close()
    # The process is gone, or so dead that it has no command line.
    assert info["validation"]["code"] in ("no_output", "empty_file")
