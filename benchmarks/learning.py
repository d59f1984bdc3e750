"""Does the policy of agents/feedback_policy.py learn to look? Beside what needs no learning.

python -m benchmarks.learning record few-label-tuning
python agents/feedback_policy.py --seed 1 --out runs/learning/seed-1
python -m benchmarks.learning train --seed 2 --out runs/learning/recorded-2
python -m benchmarks.learning report few-label-tuning --runs runs/learning/*-? --out docs

*record* plays every program of a family on training and held-out variants, an episode each, and
keeps what came of them. *train* runs the agent on these outcomes in place of the environment: a fit
gives the same output each time, so the curve is the one of the environment, in a fiftieth of the
time. *report* compares trained policies with reference lines, writes the figures and draws them.
All reference lines are chosen with hindsight, on the very variants that they are judged on.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bundled_agent import bundled_agent
from benchmarks.recorded_outcomes import Recorded, Swapped, record
from mle_gym.tasks.catalog import load_task

__all__ = ["bandit", "climb", "interval", "references", "report", "train"]

VARIANTS = 64
FILE = "learning.json"
Scores = npt.NDArray[np.float64]
LONGEST_LIST = 6
"""The longest list of programs that is looked for: beyond it there are too many lists."""


def table(
    rows: Sequence[Mapping[str, Any]], family: str
) -> tuple[Scores, Scores, list[int], list[str]]:
    """Scores and validations (more is better) of shape (variants, commands), and what they are of.

    The variants are the held-out ones.
    """
    grade = load_task(family).grade
    sign = 1.0 if grade.higher_is_better else -1.0
    mine = [row for row in rows if row["task"] == family and row["variant"] < 0]
    variants = sorted({row["variant"] for row in mine}, reverse=True)
    commands = list(dict.fromkeys(row["command"] for row in mine))
    scores = np.zeros((2, len(variants), len(commands)))
    for row in mine:
        at = variants.index(row["variant"]), commands.index(row["command"])
        known = row["validation"]
        scores[0][at] = row["anchored"]
        scores[1][at] = -np.inf if known is None else sign * known
    return scores[0], scores[1], variants, commands


def references(scores: Scores, validations: Scores) -> dict[str, Scores]:
    """What needs no learning, with hindsight: the score on each variant of every reference."""
    every, programs = np.arange(len(scores)), scores.shape[1]

    def chosen(programs: Sequence[int]) -> Scores:
        tried = list(programs)
        best: Scores = scores[every, np.array(tried)[validations[:, tried].argmax(axis=1)]]
        return best

    found = {
        "random program": scores.mean(axis=1),
        "best fixed": scores[:, scores.mean(0).argmax()],
    }
    for size in range(2, min(LONGEST_LIST, programs) + 1):
        lists = itertools.combinations(range(programs), size)
        found[f"best list of {size}"] = max(map(chosen, lists), key=lambda score: score.mean())
    found["all by validation"] = chosen(range(programs))
    found["oracle"] = scores.max(axis=1)
    return found


def climb(scores: Scores, validations: Scores, commands: Sequence[str]) -> Scores:
    """Hill climbing by hand: from the best fixed program, change a word, and keep what helps.

    Each axis is gone through once, so that it takes a fit for each word but the first ones, and
    another one to run the best program again.
    """
    words = [tuple(command.split()) for command in commands]
    columns = [tuple(dict.fromkeys(column)) for column in zip(*words, strict=True)]
    reached = []
    for score, validation in zip(scores, validations, strict=True):
        at = int(scores.mean(axis=0).argmax())
        for axis, column in enumerate(columns):
            for word in column:
                changed = (*words[at][:axis], word, *words[at][axis + 1 :])
                if changed in words and validation[words.index(changed)] > validation[at]:
                    at = words.index(changed)
        reached.append(score[at])
    return np.array(reached)


def bandit(rows: Sequence[Mapping[str, Any]], family: str, fits: int, seed: int) -> str:
    """The command that UCB1 likes best after so many fits on training variants."""
    mine = [row for row in rows if row["task"] == family and row["variant"] > 0]
    commands = list(dict.fromkeys(row["command"] for row in mine))
    known = {(row["variant"], row["command"]): row["anchored"] for row in mine}
    variants, rng = sorted({row["variant"] for row in mine}), np.random.default_rng(seed)
    total, count = np.zeros(len(commands)), np.zeros(len(commands))
    for fit in range(fits):
        bound = total / np.maximum(count, 1) + np.sqrt(2 * np.log(fit + 1) / np.maximum(count, 1))
        arm = int(np.where(count == 0, np.inf, bound).argmax())
        total[arm] += known[int(rng.choice(variants)), commands[arm]]
        count[arm] += 1
    return str(commands[int((total / np.maximum(count, 1)).argmax())])


def interval(differences: Scores, seed: int = 0) -> tuple[float, float]:
    """The 95% bootstrap interval of a mean."""
    draws = np.random.default_rng(seed).choice(differences, (2000, len(differences)))
    low, high = np.quantile(draws.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def measured(
    run: Path, family: str, found: Mapping[str, Scores], variants: list[int]
) -> dict[str, Any]:
    """What a run's summary says beside the references, on the same variants."""
    summary = json.loads((run / "summary.json").read_text())
    episodes = {each["variant"]: each for each in summary["heldout"][family]}
    shared = [at for at, variant in enumerate(variants) if variant in episodes]
    score = np.array([episodes[variants[at]]["score"] for at in shared])
    fixed, oracle = found["best fixed"][shared], found["oracle"][shared]
    tries = [episodes[variants[at]]["tries"] for at in shared]
    programs = float(np.mean([len({tuple(words) for *words, _ in each}) for each in tries]))
    row = {
        "run": run.name,
        "seed": summary["args"]["seed"],
        "recorded": summary.get("recorded", False),
        "episodes": summary["episodes"],
        "seconds": summary["seconds"],
        "variants": len(shared),
        "fits": round(float(np.mean([len(each) for each in tries])), 2),
        "programs": round(programs, 2),
        "score": round(float(score.mean()), 4),
        "closed": round(float((score - fixed).mean() / (oracle - fixed).mean()), 3),
        "above best fixed": [round(each, 4) for each in interval(score - fixed)],
    }
    if family in summary.get("swapped", {}):
        row["swapped"] = summary["swapped"][family]
    if (like := found.get(f"best list of {round(programs)}")) is not None:
        row["above the best list of as many"] = round(float((score - like[shared]).mean()), 4)
    return row


def report(rows: Sequence[Mapping[str, Any]], family: str, runs: Sequence[Path]) -> dict[str, Any]:
    """Figures of a family: the references, and every run beside them."""
    scores, validations, variants, commands = table(rows, family)
    found = references(scores, validations)
    found["one word at a time"] = climb(scores, validations, commands)
    gap = found["oracle"].mean() - found["best fixed"].mean()
    result: dict[str, Any] = {
        "task": family,
        "variants": len(variants),
        "references": {},
        "runs": [],
    }
    for name, score in found.items():
        closed = (score.mean() - found["best fixed"].mean()) / gap
        known = {"score": round(float(score.mean()), 4), "closed": round(float(closed), 3)}
        result["references"][name] = known
        print(f"{name:24} {known['score']:.3f}  closes {known['closed']:.0%}")
    liked = bandit(rows, family, 5000, seed=1)
    mean = float(scores[:, commands.index(liked)].mean())
    closed = round((mean - float(found["best fixed"].mean())) / float(gap), 3)
    result["references"]["bandit"] = {"score": round(mean, 4), "closed": closed}
    print(f"{'bandit':24} {mean:.3f}  closes {closed:.0%}: {liked}")
    for run in runs:
        row = measured(run, family, found, variants)
        result["runs"].append(row)
        low, high = row["above best fixed"]
        print(
            f"{row['run']:24} {row['score']:.3f}  closes {row['closed']:.0%} with {row['fits']} "
            f"fits; {low:.3f} to {high:.3f} above best fixed; {row['episodes']} episodes, "
            f"{row['seconds']:.0f} s"
        )
    return result


def draw(path: Path, result: Mapping[str, Any], runs: Sequence[Path]) -> None:
    """Each run's held-out scores over the reference lines; faintly, its training episodes'.

    Runs are named like seed-1, and those whose names differ in the number alone share a colour.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.6), layout="constrained", dpi=110)
    axes = figure.add_subplot()
    groups = list(dict.fromkeys(run.name.rpartition("-")[0] for run in runs))
    for run in runs:
        group = run.name.rpartition("-")[0]
        label = None if axes.get_legend_handles_labels()[1].count(group) else group
        rows = [row for row in read_log(run) if row["task"] == result["task"]]
        for kind, style, alpha in (("training", "-", 0.3), ("held-out", "o-", 0.9)):
            mine = [row for row in rows if row["kind"] == kind and int(row["episodes"])]
            x, y = ([float(row[key]) for row in mine] for key in ("episodes", "score"))
            if not x:  # it was only judged
                continue
            if kind == "training":
                y = [float(np.mean(y[max(0, at - 9) : at + 1])) for at in range(len(y))]
            place, named = groups.index(group), label if alpha > 0.5 else None
            (line,) = axes.plot(x, y, style, color=f"C{place}", label=named, alpha=alpha)
            line.set(linewidth=1, markersize=4, zorder=9 - place)
    for score, name in together(result["references"]):
        axes.axhline(score, color="#52514e", linewidth=0.7, linestyle=":")
        at = (1.01, score)
        axes.annotate(name, at, xycoords=("axes fraction", "data"), fontsize=7, va="center")
    axes.set(xlabel="training episodes", ylabel="anchored score", ylim=(0, 1), xscale="log")
    axes.set_title(result["task"])
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def together(references: Mapping[str, Mapping[str, float]]) -> list[tuple[float, str]]:
    """The reference lines with their names; those too close to be told apart are one."""
    lines: list[tuple[float, str]] = []
    for name, known in sorted(references.items(), key=lambda each: each[1]["score"]):
        if lines and known["score"] - lines[-1][0] < 0.02:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]}, {name}")
        else:
            lines.append((known["score"], name))
    return lines


def read_log(run: Path) -> list[dict[str, str]]:
    """The rows of a run's curves; none of a run without learning."""
    if not (run / "log.csv").exists():
        return []
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def train(rows: Sequence[Mapping[str, Any]], arguments: Sequence[str]) -> dict[str, Any]:
    """Run the agent on recorded outcomes, then show it other variants' validations."""
    learner = bundled_agent("feedback_policy")
    args = learner.parse(arguments)
    learner.torch.set_num_threads(1)
    run = learner.Run(args, partial(Recorded, rows=rows))
    run.train()
    summary: dict[str, Any] = run.finish() | {"recorded": True, "swapped": {}}
    variants = [-variant for variant in range(1, args.eval_variants + 1)]
    for toolbox in run.toolboxes:
        world = Swapped(args, toolbox, rows)
        episodes = learner.play(world, toolbox, run.policy, variants, greedy=True)
        mean = float(np.mean([episode.earned for episode in episodes]))
        summary["swapped"][toolbox.task] = round(mean, 4)
        print(f"{toolbox.task}: {mean:.3f} where it is shown another variant's validation")
    (run.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def write_report(families: Sequence[str], runs: Sequence[Path], rows: Any, out: Path) -> None:
    """Write docs/benchmarks/learning.json and the pictures below a folder, and print figures."""
    results = []
    for family in families:
        mine = [
            run
            for run in runs
            if family in json.loads((run / "summary.json").read_text())["heldout"]
        ]
        print(f"\n{family}")
        results.append(report(rows, family, mine))
        (out / "images").mkdir(parents=True, exist_ok=True)
        draw(out / "images" / f"learning-{family}.png", results[-1], mine)
    (out / "benchmarks").mkdir(parents=True, exist_ok=True)
    (out / "benchmarks" / FILE).write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    """Record outcomes, train on them, or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("record", "report"):
        action = actions.add_parser(name)
        action.add_argument("families", nargs="+", metavar="FAMILY")
        action.add_argument("--outcomes", type=Path, default=Path("runs/learning/outcomes.jsonl"))
        if name == "record":
            action.add_argument("--variants", type=int, default=VARIANTS)
            action.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
        else:
            action.add_argument("--runs", nargs="+", type=Path, required=True)
            action.add_argument("--out", type=Path, default=Path("docs"))
    action = actions.add_parser("train", help="takes the agent's options", allow_abbrev=False)
    action.add_argument("--outcomes", type=Path, default=Path("runs/learning/outcomes.jsonl"))
    options, further = parser.parse_known_args()
    if options.action == "record":
        options.outcomes.parent.mkdir(parents=True, exist_ok=True)
        with options.outcomes.open("w", encoding="utf-8") as file:
            for family in options.families:
                for row in record(family, options.variants, options.workers):
                    file.write(json.dumps(row) + "\n")
        return
    lines = options.outcomes.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    if options.action == "train":
        train(rows, further)
    else:
        write_report(options.families, options.runs, rows, options.out)


if __name__ == "__main__":
    main()
