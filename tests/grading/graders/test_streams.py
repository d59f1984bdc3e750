"""Programs that are fed in chunks: each answer comes before the next chunk, whoever asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import SubmissionError
from mle_gym.grading.graders.stream_dialogue import Dialogue
from mle_gym.tasks.catalog import load_task, register_tasks
from mle_gym.tasks.submission_schema import Column, SubmissionSpec
from tests.generated_task import GENERATED
from tests.grading.graders.test_program_runs import grader_of
from tests.task_folders import MakeTask
from tests.tiers import few_quick

pytestmark = pytest.mark.bubblewrap

TASK: dict[str, Any] = {
    "kind": "online-learning",
    **GENERATED,
    "submission": {
        "kind": "code",
        "filename": "follow.py",
        "columns": {"id": "int", "ripe": {"values": [0, 1]}},
        "code": {"entry": "follow.py", "seconds": 60, "stream": True},
    },
}
GENERATE = """
import pandas as pd
from mle_gym.datasets.toolkit import Instance

def chunks(rows):
    # The label of a row comes with the chunk after it, and is that of its own x.
    found = {}
    for start in range(0, len(rows), 10):
        new = rows[start:start + 10].assign(ripe="")
        late = rows[max(start - 10, 0):start].assign(x="")
        found[f"stream/{start:04}.csv"] = pd.concat([late, new])
    return found

def generate(rng):
    rows = pd.DataFrame({"id": range(1, 101), "x": rng.normal(size=100).round(3)})
    rows["ripe"] = rng.integers(0, 2, 100)
    shown, asked = rows[:20], rows[20:]
    sample = shown[["id"]].assign(ripe=0)
    return Instance(
        public={**chunks(shown), "sample_submission.csv": sample},
        inputs=chunks(asked), answers=asked[["id", "ripe"]],
    )
"""
LOOP = """
import csv, sys

def chunks():
    lines = []
    for line in sys.stdin:
        if line.strip():
            lines.append(line)
        else:
            yield list(csv.DictReader(lines))
            lines = []

for rows in chunks():
{body}
    print(flush=True)
"""
CONSTANT = LOOP.format(
    body="    for row in rows:\n        if row['x']: print(row['id'], 1, sep=',')"
)
LATE = LOOP.format(
    body="    for row in rows:\n        if row['ripe']: print(row['id'], row['ripe'], sep=',')"
)


@pytest.fixture
def grade(make_task: MakeTask, clean_registry: None) -> Callable[[str], Any]:
    folder = make_task(TASK, files={"generate.py": GENERATE})
    register_tasks(folder)
    grader = grader_of(prepare(load_task(folder)))
    return lambda program: grader.grade({"follow.py": program.encode()})


def test_a_program_answers_chunk_by_chunk(grade: Callable[[str], Any]) -> None:
    found = grade(CONSTANT)
    assert found.error_message == ""
    assert found.rows == 80
    assert 0.2 < found.score < 0.8


def test_a_label_that_came_later_is_no_prediction(grade: Callable[[str], Any]) -> None:
    found = grade(LATE)
    assert found.error_code == "wrong_chunk"


@pytest.mark.parametrize(
    ("program", "code"),
    few_quick(
        [
            ("raise SystemExit(3)", "program_failed"),
            ("print('1,0')", "program_failed"),
            ("import sys\nsys.stdin.read()", "program_timeout"),
            (CONSTANT.replace("if row['x']", "if row['x'] and row['id'] == '21'"), "missing_ids"),
            (LOOP.format(body="    print('x' * 2**20)"), "wrong_chunk"),
        ],
        lambda case: case[1] in ("missing_ids", "wrong_chunk"),
        "each runs a program",
    ),
)
def test_what_does_not_follow_the_protocol_is_refused(
    make_task: MakeTask,
    clean_registry: None,
    program: str,
    code: str,
) -> None:
    submission = TASK["submission"]
    short = submission | {
        "code": submission["code"] | {"seconds": 3 if code == "program_timeout" else 60}
    }
    folder = make_task({**TASK, "submission": short}, files={"generate.py": GENERATE})
    grader = grader_of(prepare(load_task(folder)))
    found = grader.grade({"follow.py": program.encode()})
    assert (found.valid, found.error_code) == (False, code)


EARLY = """
import subprocess, sys
open("/tmp/nothing", "w").close()
seen = []
while True:
    asked = subprocess.run(["exchange", "/tmp/nothing"], stdout=subprocess.PIPE, text=True)
    if asked.returncode:
        break
    seen.append(asked.stdout)
labels = {}
for chunk in seen:
    for line in chunk.splitlines()[1:]:
        number, x, ripe = line.split(",")
        if ripe:
            labels[number] = ripe
for line in sys.stdin:
    if not line.strip():
        break
for number, ripe in labels.items():
    print(number, ripe, sep=",")
print(flush=True)
"""


def test_who_asks_for_all_chunks_has_answered_them_with_nothing(
    grade: Callable[[str], Any],
) -> None:
    found = grade(EARLY)
    assert not found.valid


def test_chunks_to_come_are_nowhere_in_the_sandbox(
    make_task: MakeTask,
    clean_registry: None,
) -> None:
    folder = make_task(TASK, files={"generate.py": GENERATE})
    dataset = prepare(load_task(folder))
    body = (
        "    import os\n"
        "    tops = ('/workspace', '/tmp')\n"
        "    names = [n for top in tops for _, _, each in os.walk(top) for n in each]\n"
        "    sys.stderr.write(f'files: {sorted(n for n in names if n[0] == \"0\")}')\n"
        "    raise SystemExit(4)"
    )
    found = grader_of(dataset).grade({"follow.py": LOOP.format(body=body).encode()})
    assert re.search(r"files: \['0000.csv', '0010.csv'\]", found.error_message)


def test_the_brief_says_how_chunks_come(make_task: MakeTask, clean_registry: None) -> None:
    register_tasks(make_task(TASK, files={"generate.py": GENERATE}))
    with mle_gym.make("fruit", sandbox="bubblewrap") as env:
        brief = env.reset(seed=0)[0]["output"]
        assert "in chunks, each of which ends with an empty line" in brief
        env.step({"tool": "write_file", "path": "follow.py", "content": CONSTANT})
        observation, *_, info = env.step("validate && submit")
        assert "is a valid submission" in observation["output"]
        assert info["grade"]["valid"]


SPEC = SubmissionSpec(
    id="id", columns={"id": Column(type="int"), "y": Column(type="float")}, max_bytes=40
)


def test_an_answer_is_about_the_rows_that_its_chunk_asked_for_first(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,x\n1,5\n2,6\n")
    (tmp_path / "2.csv").write_text("id,x,y\n1,,0\n3,7,\n")
    dialogue = Dialogue(tmp_path, SPEC)
    assert dialogue.reply(b"ignored").output == "id,x\n1,5\n2,6\n"
    assert dialogue.reply(b"1,0\n\n2,1\n").output.startswith("id,x,y")
    with pytest.raises(SubmissionError, match="chunk 2 has a row that it did not ask for"):
        dialogue.reply(b"3,1\n1,0\n")
    with pytest.raises(SubmissionError, match="the answers have 1,017 bytes, at most 40"):
        dialogue.reply(b"3,1\n" * 250)
