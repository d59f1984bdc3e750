"""Programs that ask: the host looks each line up, counts, and keeps the table to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.graders.stream_dialogue import Dialogue
from mle_gym.grading.graders.stream_replies import Replies
from mle_gym.tasks.catalog import load_task, register_tasks
from mle_gym.tasks.submission_schema import RepliesSpec, SubmissionSpec
from tests.generated_task import GENERATED
from tests.grading.graders.test_program_runs import grader_of
from tests.task_folders import MakeTask

TASK: dict[str, Any] = {
    "kind": "hyperparameter-optimization",
    **GENERATED,
    "submission": {
        "kind": "code",
        "filename": "tune.py",
        "columns": None,
        "code": {
            "entry": "tune.py",
            "output": "answers.txt",
            "seconds": 60,
            "stream": True,
            "replies": {"file": "values.csv", "rounds": 3, "lines": 2},
        },
    },
    "grade": {"metric": "value", "worst": 0.0, "best": 9.0},
}
GENERATE = """
import pandas as pd
from mle_gym.datasets.toolkit import Instance

def table(rng):
    return pd.DataFrame({"ask": [f"{at}" for at in range(10)], "reply": rng.permutation(10)})

def generate(rng):
    shown, asked = table(rng), table(rng)
    return Instance(
        public={"stream/0.txt": "rounds: 3", "values.csv": shown},
        inputs={"stream/0.txt": "rounds: 3", "values.csv": asked},
        private={"values.csv": asked}, floor=0.0, ceiling=9.0,
    )
"""
GRADE = """
import csv

def grade_files(submission, private):
    table = {row["ask"]: row["reply"] for row in csv.DictReader((private / "values.csv").open())}
    path = submission / "1-1" / "answers.txt"
    answers = path.read_text().split("\\n\\n") if path.is_file() else [""]
    return float(table.get(answers[-2].strip(), 0) if len(answers) > 1 else 0)
"""
SEARCH = """
import sys

def chunks():
    lines = []
    for line in sys.stdin:
        if line.strip():
            lines.append(line.strip())
        else:
            yield lines
            lines = []

asked, best = iter(range(10)), (-1, "")
for number, lines in enumerate(chunks()):
    if number:
        best = max([best, *((int(r), a) for a, r in (line.split(",") for line in lines))])
    print(best[1] if number == 3 else f"{{next(asked)}}\\n{{next(asked)}}{more}")
    print(flush=True)
"""


@pytest.fixture
def folder(make_task: MakeTask, clean_registry: None) -> Path:
    return make_task(TASK, files={"generate.py": GENERATE, "grade.py": GRADE})


@pytest.mark.bubblewrap
def test_a_program_decides_on_what_it_was_told(folder: Path) -> None:
    dataset = prepare(load_task(folder))
    table = (dataset.private / "values.csv").read_text().splitlines()[1:]
    found = grader_of(dataset).grade({"tune.py": SEARCH.format(more="").encode()})
    assert found.error_message == ""
    assert found.score == max(int(line.split(",")[1]) for line in table[:6])


@pytest.mark.bubblewrap
def test_who_asks_for_more_than_a_round_has_is_refused(folder: Path) -> None:
    grader = grader_of(prepare(load_task(folder)))
    found = grader.grade({"tune.py": SEARCH.format(more="\\n9").encode()})
    assert found.error_code == "too_many_lines"


@pytest.mark.bubblewrap
def test_the_table_that_a_program_sees_is_that_of_the_examples(folder: Path) -> None:
    dataset = prepare(load_task(folder))
    look = "raise SystemExit(open('data/values.csv').read())"
    message = grader_of(dataset).grade({"tune.py": look.encode()}).error_message
    assert (dataset.public / "values.csv").read_text().strip() in message
    assert (dataset.private / "values.csv").read_text().strip() not in message


@pytest.mark.bubblewrap
def test_the_brief_says_what_may_be_asked(folder: Path) -> None:
    register_tasks(folder)
    with mle_gym.make("fruit", sandbox="bubblewrap") as env:
        brief = env.reset(seed=0)[0]["output"]
    assert "3 answers of at most 2 lines are looked up" in brief


@pytest.fixture
def dialogue(tmp_path: Path) -> Dialogue:
    table = tmp_path / "table.csv"
    table.write_text("ask,reply\na 1,5\nb,7\na 1,6\n")
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream" / "0.txt").write_text("begin\n")
    replies = Replies(table, RepliesSpec(file="table.csv", rounds=3, lines=2))
    return Dialogue(tmp_path / "stream", SubmissionSpec(id="id", kind="files", files={"x": {}},
                    filename="folder"), replies)  # fmt: skip


def test_rows_with_one_key_take_turns(dialogue: Dialogue) -> None:
    assert dialogue.reply(b"").output == "begin\n"
    assert dialogue.reply(b"a 1\nunknown\n").output == "a 1,5\nunknown,\n"
    assert dialogue.reply(b"a 1\na 1\n").output == "a 1,6\na 1,5\n"
    assert dialogue.reply(b"b\n").output == "b,7\n"
    assert dialogue.unanswered == 1
    assert dialogue.reply(b"b\n").exit_code == 1
    assert dialogue.unanswered == 0
    assert dialogue.output.decode().split("\n\n")[-2] == "b"


def test_an_answer_has_so_many_lines(dialogue: Dialogue) -> None:
    dialogue.reply(b"")
    with pytest.raises(SubmissionError, match="an answer has 3 lines, at most 2 fit"):
        dialogue.reply(b"b\nb\nb\n")


def test_a_table_without_its_columns_is_the_authors_fault(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("question,reply\na,5\n")
    with pytest.raises(DatasetError, match="a table with the columns 'ask' and 'reply'"):
        Replies(tmp_path / "table.csv", RepliesSpec(file="table.csv", rounds=3, lines=2))


def test_replies_are_for_streams_alone(make_task: MakeTask, clean_registry: None) -> None:
    code = TASK["submission"]["code"] | {"stream": False}
    broken = TASK | {"submission": TASK["submission"] | {"code": code}}
    folder = make_task(broken, files={"generate.py": GENERATE, "grade.py": GRADE})
    with pytest.raises(TaskError, match="stream"):
        load_task(folder)
