"""Compares parity grading with the graders of a checkout of MLE-bench.

    python -m benchmarks.parity_mle_bench PATH/TO/mle-bench --python PYTHON

For each competition of the Lite split, it makes up answers of the right shape, and lets both grade
25 submissions of every kind. ``PYTHON`` must have what MLE-bench requires (pandas 2, scikit-learn,
py7zr, pyyaml, tqdm), since its published numbers come from pandas 2.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from mle_gym.errors import SubmissionError
from mle_gym.grading.parity import RULES, Rule, parity_score, read_like_mle_bench
from mle_gym.integrations.importing.foreign_code import ForeignCode, Job, Result

ROWS = 240
WORDS = ["null", "NA", "", "None", "nan", "two thousand", "Москва", "a, b", "x y", "1990", "ΣΣ"]
Rng = np.random.Generator


@dataclass(frozen=True)
class Problem:
    """Made-up answers, and the way to make plausible predictions for them."""

    answers: pd.DataFrame
    key: str
    targets: list[str]
    noisy: Callable[[pd.DataFrame, Rng], pd.DataFrame]
    """Turns perfect targets into plausible predictions."""
    default: Any
    """The value in every row of the sample submission."""

    @property
    def perfect(self) -> pd.DataFrame:
        """The answers as a submission."""
        return self.answers[[self.key, *self.targets]].copy()


def main(arguments: list[str] | None = None) -> int:
    """Compare all of them. Returns 0 if every pair of grades agrees to five decimals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a clone of openai/mle-bench")
    parser.add_argument("--python", default=sys.executable, help="a Python that can run it")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    console, disagreements = Console(), 0
    table = Table("competition", "submissions", "valid", "agree", title="Parity with MLE-bench")
    for competition, rule in RULES.items():
        pairs = _compare(competition, rule, options)
        wrong = [pair for pair in pairs if not _same(pair[1], pair[2])]
        disagreements += len(wrong)
        valid = sum(theirs is not None for _, _, theirs in pairs)
        table.add_row(competition, str(len(pairs)), str(valid), str(len(pairs) - len(wrong)))
        for name, ours, theirs in wrong:
            console.print(f"{competition}: {name}: ours {ours}, MLE-bench's {theirs}", style="red")
    console.print(table)
    return int(disagreements > 0)


Pair = tuple[str, float | None, float | None]


def _compare(competition: str, rule: Rule, options: argparse.Namespace) -> list[Pair]:
    """Each submission's name with our score and MLE-bench's; None for an invalid one."""
    rng = np.random.default_rng([options.seed, *competition.encode()])
    problem = make_problem(competition, rule, rng, options.checkout)
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch, "answers.csv")
        problem.answers.to_csv(answers, index=False)
        files = {}
        for name, content in submissions(problem, rng):
            files[name] = Path(scratch, f"{len(files)}.csv")
            files[name].write_bytes(content)
        truth = read_like_mle_bench(answers.read_bytes())
        theirs = _theirs(competition, files, answers, options)
        return [
            (name, _ours(rule, file.read_bytes(), truth), score)
            for (name, file), score in zip(files.items(), theirs, strict=True)
        ]


def _ours(rule: Rule, submission: bytes, truth: pd.DataFrame) -> float | None:
    try:
        return parity_score(rule, submission, truth)
    except SubmissionError:
        return None


def _theirs(
    competition: str, files: dict[str, Path], answers: Path, options: argparse.Namespace
) -> list[float | None]:
    code = ForeignCode("mle-bench", options.checkout.absolute(), options.python)
    function = f"mlebench.competitions.{competition}.grade:grade"
    jobs: list[Job] = [
        {"do": "grade", "function": function, "submission": str(file), "answers": str(answers)}
        for file in files.values()
    ]
    return [_score(result) for result in code.run(jobs)]


def _score(result: Result) -> float | None:
    return float(result["score"]) if "score" in result else None


def _same(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def submissions(problem: Problem, rng: Rng) -> Iterator[tuple[str, bytes]]:
    """Submissions by name: good ones, odd ones, and every kind of broken one."""
    key, first = problem.key, problem.targets[0]
    perfect = problem.perfect
    noisy = problem.noisy(perfect, rng)
    yield "perfect", _csv(perfect)
    yield "sample", _csv(perfect.assign(**dict.fromkeys(problem.targets, problem.default)))
    yield "noisy", _csv(noisy)
    yield "permuted rows", _csv(noisy.sample(frac=1, random_state=1))
    yield "permuted columns", _csv(noisy[noisy.columns[::-1]])
    yield "permuted targets", _csv(noisy[[key, *problem.targets[::-1]]])
    yield "missing rows", _csv(noisy[: -len(noisy) // 10])
    yield "duplicate rows added", _csv(pd.concat([noisy, noisy[:3]]))
    twice = noisy.copy()
    twice.loc[1, key] = twice.loc[0, key]
    yield "a duplicate id", _csv(twice)
    yield "an unknown id", _csv(noisy.assign(**{key: [f"{at}x" for at in range(len(noisy))]}))
    yield "out of range", _csv(noisy.astype({first: object}).assign(**{first: 7.5}))
    yield "negative", _csv(noisy.astype({first: object}).assign(**{first: -3}))
    yield "huge", _csv(noisy.astype({first: object}).assign(**{first: "1e300"}))
    hole = noisy.astype({first: object})
    hole.loc[3, first] = None
    yield "NaN", _csv(hole)
    yield "NaN everywhere", _csv(noisy.astype({first: object}).assign(**{first: None}))
    yield "text", _csv(noisy.astype({first: object}).assign(**{first: "hello"}))
    yield "wrong columns", _csv(noisy.rename(columns={first: "prediction"}))
    yield "no id", _csv(noisy.drop(columns=key))
    yield "an extra column", _csv(noisy.copy().assign(extra=0.5))
    yield "an index column", noisy.to_csv().encode()
    yield "constant", _csv(noisy.assign(**{n: perfect[n].iloc[0] for n in problem.targets}))
    yield "no rows", _csv(noisy[:0])
    yield "empty", b""
    yield "a NUL byte in every row", _csv(noisy).replace(b"\n", b"\0junk\n")
    yield "CRLF and a byte order mark", b"\xef\xbb\xbf" + _csv(noisy).replace(b"\n", b"\r\n")


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def make_problem(competition: str, rule: Rule, rng: Rng, checkout: Path) -> Problem:
    """Answers with the competition's own columns, and random labels."""
    key = rule.key
    targets = list(rule.targets) or _classes(competition, checkout)
    ids = pd.Series(_ids(competition, rng), name=key)
    if rule.score.__name__.startswith("one_hot"):
        labels = np.eye(len(targets), dtype=int)[rng.integers(len(targets), size=ROWS)]
        labels[: len(targets)] = np.eye(len(targets), dtype=int)[:ROWS]
        answers = pd.concat([ids, pd.DataFrame(labels, columns=targets)], axis=1)
        return Problem(answers, key, targets, _mix_classes, 1 / len(targets))
    if rule.score.__name__ == "share_right_as_text":
        answers = pd.DataFrame({key: ids, targets[0]: rng.choice(WORDS, ROWS)})
        return Problem(answers, key, targets, _swap, "zero")
    if competition in ("aptos2019-blindness-detection", "tabular-playground-series-dec-2021"):
        answers = pd.DataFrame({key: ids, targets[0]: rng.integers(0, 5, ROWS)})
        return Problem(answers, key, targets, _swap, 2)
    if rule.score.__name__.startswith("root_mean"):
        values = {name: rng.gamma(2.0, 1.0, ROWS).round(4) for name in targets}
        return Problem(pd.DataFrame({key: ids, **values}), key, targets, _jitter, 1.1)
    labels = (rng.random((ROWS, len(targets))) < 0.3).astype(int)
    labels[:2] = [[0] * len(targets), [1] * len(targets)]
    if competition.startswith("jigsaw"):
        labels[10:60] = -1
    answers = pd.concat([ids, pd.DataFrame(labels, columns=targets)], axis=1)
    return Problem(answers, key, targets, _soften, 0.5)


def _classes(competition: str, checkout: Path) -> list[str]:
    """The class names from the checkout, which our data do not have."""
    names: dict[str, Any] = {}
    folder = checkout / "mlebench" / "competitions" / competition
    for file in (folder / "classes.py", folder / "dogs.py"):
        if file.is_file():
            exec(compile(file.read_bytes(), str(file), "exec"), names)
    return list(names.get("CLASSES") or names["DOGS_LIST"])


def _ids(competition: str, rng: Rng) -> list[Any]:
    if "Id" in RULES[competition].key or competition.startswith(("tabular", "dogs-vs", "leaf")):
        return [int(value) for value in rng.permutation(10 * ROWS)[:ROWS]]
    if competition.startswith("text-normalization"):
        return [f"{at // 7}_{at % 7}" for at in range(ROWS)]
    return [f"{value:06x}q.jpg" for value in rng.permutation(10 * ROWS)[:ROWS]]


def _mix_classes(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    targets = table.columns[1:]
    weights = table[targets].to_numpy() * 2 + rng.random((len(table), len(targets)))
    return table.assign(**pd.DataFrame(weights / weights.sum(axis=1)[:, None], columns=targets))


def _swap(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    name = table.columns[1]
    values = table[name].to_numpy(copy=True)
    return table.assign(**{name: np.where(rng.random(len(values)) < 0.3, values[::-1], values)})


def _jitter(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    return table.assign(
        **{n: (table[n] * rng.uniform(0.8, 1.3, len(table))).round(6) for n in table.columns[1:]}
    )


def _soften(table: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    return table.assign(
        **{n: (table[n].clip(0) * 0.4 + 0.6 * rng.random(len(table))) for n in table.columns[1:]}
    )


if __name__ == "__main__":
    sys.exit(main())
