from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.availability import availability
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import clear_cache, prepare
from mle_gym.episode.brief.whole_brief import brief
from mle_gym.errors import DatasetError
from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.catalog import load_task, task_folders
from tests.task_folders import MakeTask, fruit


def told(dataset: Dataset, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "feedback": "validate",
        "max_steps": 50,
        "time_limit": 1800.0,
        "clock": "wall",
        "limits": Limits(),
        "score_calls": 5,
        **changes,
    }
    return brief(dataset, **arguments)


def test_the_brief_says_what_an_agent_needs(make_task: MakeTask) -> None:
    dataset = prepare(load_task(make_task()))
    first = (dataset.public / "sample_submission.csv").read_text().splitlines()[:4]
    text = told(dataset)
    for part in (
        "# Fruit\n\nSay which fruit are ripe.\n",
        "`data/train.csv`: 40 rows, 7 columns.",
        "| `colour` | text |  | 'green', 'red', 'yellow' |",
        "| `ripe` | integer |  | 0, 1 |",
        "`data/test.csv`: 20 rows to predict; the same columns except `ripe`.",
        "The metric is **Accuracy**; **higher is better**.",
        "`submission.csv` (UTF-8, comma-separated, with a header) of 20 rows",
        "- `ripe`: one of `0`, `1`",
        "\n".join(["```", *first, "```"]),
        "50 steps (every action is one) and 30 minutes of wall-clock time",
        "1 CPU, 2 GiB of memory, 1 GiB of disk.",
        "A submission has at most 50 MiB.",
        "- `submit submission.csv`: hands the file in",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("feedback", "commands"),
    [
        ("none", ["submit"]),
        ("validate", ["validate", "submit"]),
        ("score", ["validate", "score", "submit"]),
    ],
)
def test_only_the_commands_there_are_get_named(
    make_task: MakeTask, feedback: str, commands: list[str]
) -> None:
    text = told(prepare(load_task(make_task())), feedback=feedback, score_calls=1)
    named = [
        line.split("`")[1].split()[0] for line in text.splitlines() if " submission.csv`:" in line
    ]
    assert named == commands
    assert (
        ("1 call in all" in text)
        == ("a fixed 30% of the test rows" in text)
        == (feedback == "score")
    )


@pytest.mark.slow("it prepares every task")
def test_nothing_hidden_is_named() -> None:
    for name in task_folders():
        if not availability(load_task(name)).ready:
            continue  # of competitions, tests/envs/test_competitions.py looks at these
        dataset = prepare(name)
        text = told(dataset, feedback="score")
        for secret in (
            "answers.csv",
            "private",
            "Usage",
            str(dataset.public.parent),
            dataset.digest,
        ):
            assert secret not in text, name


def test_obfuscated_briefs_do_not_name_the_task() -> None:
    dataset = prepare("titanic", DatasetOptions(obfuscate=True))
    assert not {"titanic", "survived", "passenger"} & set(told(dataset).lower().split())
    assert "titanic" not in told(dataset).lower()


def test_scale_rules_and_units_are_in_words(make_task: MakeTask) -> None:
    changes = {
        "data": {"target": "weight", "stratify": False, "test_size": 1},
        "grade": {"metric": "rmse", "worst": 20.0, "best": 0.0},
        "submission": {"columns": {"ripe": None, "weight": {"min": 0.0, "max": 500.0}}},
    }
    text = told(
        prepare(load_task(make_task(changes))),
        max_steps=1,
        time_limit=45,
        limits=Limits(memory_mb=512, cpus=2.5, disk_mb=1536, output_bytes=5000),
    )
    assert "**lower is better**. On the scale from 0 to 1" in text
    assert "a score of 0 is 1, a score of 20 or worse is 0" in text
    assert "- `weight`: a number from 0 to 500" in text
    assert "1 row to predict" in text
    assert "1 step (every action is one) and 45 seconds" in text
    assert "2.5 CPUs, 512 MiB of memory, 1.5 GiB of disk" in text
    assert "5,000 bytes" in text


def test_wide_tables_are_cut_with_a_note(make_task: MakeTask) -> None:
    wide = pd.DataFrame(np.zeros((60, 200)), columns=[f"pixel_{at}" for at in range(200)])
    text = told(prepare(load_task(make_task(table=pd.concat([fruit(), wide], axis=1)))))
    assert "| … 147 more columns | | | |" in text
    assert len(text) < 8000


def test_values_cannot_break_the_table(make_task: MakeTask) -> None:
    table = fruit().assign(colour=lambda t: t["colour"].map(lambda c: f"{c}|\n## x" * 9))
    text = told(prepare(load_task(make_task(table=table))))
    row = next(line for line in text.splitlines() if line.startswith("| `colour`"))
    assert row.replace("\\|", "").count("|") == 5
    assert "\n## x" not in text


def test_a_brief_costs_under_a_millisecond_and_notices_missing_files() -> None:
    dataset = prepare("titanic")
    told(dataset)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        told(dataset)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.001


def test_a_brief_without_its_files_is_an_error(make_task: MakeTask, own_cache: object) -> None:
    del own_cache
    dataset = prepare(load_task(make_task()))
    clear_cache()
    with pytest.raises(DatasetError, match="damaged; prepare this dataset again"):
        told(dataset)
