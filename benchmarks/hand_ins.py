"""Measures what each reward pays for knowing nothing, and for knowing everything.

It plays every task whose data are bundled, on three variants, and submits the sample submission,
the best constant that the training data suggest, nothing, and the answers themselves, which the
host writes into the sandbox. One graded episode shows what every reward pays, since a reward is a
function of the grade. Guesses are graded without an episode, many of each kind.

python -m benchmarks.hand_ins --out docs/benchmarks/hand_ins.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.env import MLEEnv
from mle_gym.episode.reference_programs import measure_ceiling
from mle_gym.episode.rewards import REWARDS, Progress, check_reward, load_reward
from mle_gym.grading.grade import Grade
from mle_gym.grading.open_grader import open_grader
from mle_gym.tasks.catalog import load_task, task_folders

if TYPE_CHECKING:
    import numpy as np

__all__ = ["GUESSES", "HAND_INS", "VARIANTS", "graded", "mean_paid", "offline", "paid", "play"]

VARIANTS = (0, 1, 2)
HAND_INS = ("nothing", "sample", "constant", "answers")
GUESSES = ("random guess", "shuffled answers")
"""Random hand-ins, for which :func:`mean_paid` computes the mean over many draws."""
DRAWS = 100
PROGRAM = """\
import io
import pandas as pd

known = pd.read_csv(io.StringIO({content!r}))
rows = pd.read_csv("data/test.csv")[["{id}"]]
rows.merge(known, on="{id}", how="left").ffill().bfill().fillna(1 / {columns}).to_csv(
    "{output}", index=False
)
"""
"""Submits predictions that it contains, and constant ones for the examples, which have none."""


def offline() -> list[str]:
    """The built-in tasks whose data are bundled."""
    tasks = (load_task(name) for name in task_folders())
    return sorted(task.id for task in tasks if task.data.loader in ("sklearn", "openml"))


def play(task: str, variant: int, hand_in: str, reward: str = "milestones") -> tuple[float, Grade]:
    """Play one episode; returns its return and its grade."""
    env = MLEEnv(task, variant=variant, reward=reward)
    try:
        env.reset(seed=0)
        dataset = prepare(load_task(task), DatasetOptions(variant))
        total = sum(env.step(action)[1] for action in _files(dataset, hand_in))
        end = env.finish() if hand_in == "nothing" else env.step({"tool": "submit"})
        _, last, *_, info = end
        values = info["grade"]
        rank = values["rank"] if values["percentile"] is not None else None
        return total + last, Grade.from_dict(values | {"rank": rank})
    finally:
        env.close()


def graded(task: str, variant: int, hand_in: str) -> Grade:
    """Grade a hand-in without an episode. If the task asks for programs, grade its predictions."""
    dataset = prepare(load_task(task), DatasetOptions(variant))
    measure_ceiling(dataset)
    content = None if hand_in == "nothing" else _content(dataset, hand_in).encode()
    return open_grader(dataset, score_ci=True).grade(content)


def paid(grade: Grade) -> dict[str, float]:
    """What every reward that the task has pays for a grade."""
    task = load_task(grade.task)
    return {
        name: sum(load_reward(name)(Progress(grade=grade)).values())
        for name in REWARDS
        if _has(task.id, name)
    }


def mean_paid(task: str, variant: int, guess: str, draws: int = DRAWS) -> dict[str, float]:
    """What every reward pays on average for one of :data:`GUESSES`."""
    import numpy as np

    dataset = prepare(load_task(task), DatasetOptions(variant))
    measure_ceiling(dataset)
    quick, slow = open_grader(dataset), open_grader(dataset, score_ci=True)
    rng, total = np.random.default_rng(0), dict[str, float]()
    for _ in range(draws):
        content = _guess(dataset, guess, rng).encode()
        grade = quick.grade(content)
        if grade.beats_floor:  # only then does the interval matter
            grade = slow.grade(content)
        for name, reward in paid(grade).items():
            total[name] = total.get(name, 0.0) + reward / draws
    return total


def _guess(dataset: Dataset, guess: str, rng: np.random.Generator) -> str:
    """A submission that knows nothing, or only how often each answer occurs."""
    import pandas as pd

    spec = dataset.task.submission
    table, names = pd.read_csv(dataset.private / "answers.csv"), list(spec.predicted)
    if guess == "shuffled answers":
        table[names] = table[names].to_numpy()[rng.permutation(len(table))]
        return table[list(spec.columns)].to_csv(index=False)
    for name in names:
        column, truth = spec.columns[name], table[name]
        if column.values is not None:
            table[name] = rng.choice(column.values, len(table))
        else:
            ends = (0, 1) if column.type == "probability" else (truth.min(), truth.max())
            table[name] = rng.uniform(*ends, len(table))
    if spec.sum_to_one:
        table[names] = table[names].div(table[names].sum(axis=1), axis=0)
    return table[list(spec.columns)].to_csv(index=False)


def _has(task: str, reward: str) -> bool:
    try:
        check_reward(reward, load_task(task))
    except ValueError:
        return False
    return True


def _files(dataset: Dataset, hand_in: str) -> Iterator[dict[str, Any]]:
    """The actions that write a hand-in to the submission's path."""
    if hand_in == "nothing":
        return
    content, spec = _content(dataset, hand_in), dataset.task.submission
    if spec.code is None:
        yield {"tool": "write_file", "path": spec.filename, "content": content}
        return
    program = PROGRAM.format(
        content=content, id=spec.id, output=spec.code.output, columns=len(spec.predicted)
    )
    yield {"tool": "write_file", "path": spec.filename, "content": program}


def _content(dataset: Dataset, hand_in: str) -> str:
    if hand_in == "sample":
        return (dataset.inputs / "sample_submission.csv").read_text(encoding="utf-8")
    import pandas as pd

    answers = pd.read_csv(dataset.private / "answers.csv").drop(columns="Usage")
    if hand_in == "constant":
        answers = answers.assign(**_constant(dataset))
    return answers.to_csv(index=False)


def _constant(dataset: Dataset) -> dict[str, Any]:
    """What the training rows suggest without features: means, shares, the commonest class."""
    import pandas as pd

    spec, (target,) = dataset.task.submission, dataset.task.data.target or ("",)
    truth = pd.read_csv(dataset.public / "train.csv")[target]
    if target not in spec.columns:
        shares = truth.map(str).value_counts(normalize=True)
        return {name: shares.get(name.removeprefix(f"{target}_"), 0.0) for name in spec.predicted}
    if spec.columns[target].values is not None:
        return {target: truth.mode()[0]}
    return {target: truth.mean()}


def measure() -> list[dict[str, Any]]:
    """Every task, variant and hand-in, with what each reward pays."""
    rows = []
    for task in offline():
        for variant in VARIANTS:
            for hand_in in HAND_INS:
                _, grade = play(task, variant, hand_in)
                row = {"task": task, "variant": variant, "hand_in": hand_in, "score": grade.score}
                rows.append(row | {"paid": paid(grade)})
                print(*row.values(), {k: round(v, 3) for k, v in rows[-1]["paid"].items()})
            for guess in GUESSES:
                row = {"task": task, "variant": variant, "hand_in": guess, "score": None}
                rows.append(row | {"paid": mean_paid(task, variant, guess)})
                print(*row.values(), {k: round(v, 3) for k, v in rows[-1]["paid"].items()})
    return rows


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a JSON file for scripts/update_docs.py")
    out = parser.parse_args().out
    rows = measure()
    if out is not None:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
