"""The platform team's tuner: makes tune/, and tries it on the past jobs.

python data/tuner.py --effects single|joint --reach long|short --part tree|penalty

effects  single: each parameter acts by itself; joint: what one does depends on its partner
reach    over how many levels a loss says something about others: long 5, short 1.2
part     the pair of parameters that makes most of the difference: tree (rate and depth) or penalty
         (leaf and dropout)

It prints the mean regret on the past jobs in percentage points; the last line is that alone.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import surrogate

REACH, TREE = {"long": 5.0, "short": 1.2}, {"tree": 0.87, "penalty": 0.13}
ROUNDS, NOISE = 12, 0.4
TUNE = '''"""Tunes all jobs side by side with the surrogate that settings.json describes."""

import json
import sys
from pathlib import Path

import numpy as np

import surrogate


def chunk():
    lines = iter(sys.stdin.readline, "")
    return [line.strip() for line in iter(lambda: next(lines).strip(), "")]


def answer(jobs, chosen):
    for job, each in zip(jobs, chosen, strict=True):
        print(job, surrogate.SETTINGS[each])
    print(flush=True)


def main():
    told = json.loads(Path("settings.json").read_text())
    jobs = chunk()

    def ask(chosen):
        answer(jobs, chosen)
        losses = np.array([float(line.split(",")[1]) for line in chunk()])
        return (losses - told["mean"]) / told["spread"]

    shared = surrogate.gram(told["effects"], told["reach"], told["tree"])
    answer(jobs, surrogate.search(ask, len(jobs), told["rounds"], shared, told["noise"]))


main()
'''


def past():
    """The past jobs: settled losses (jobs, settings), single trainings (jobs, settings, 3)."""
    settled = np.loadtxt("data/past_jobs.csv", delimiter=",", skiprows=1, usecols=2)
    single = np.loadtxt("data/replies.csv", delimiter=",", skiprows=1, usecols=1)
    count = len(surrogate.SETTINGS)
    return settled.reshape(-1, count), single.reshape(len(settled) // count, count, -1)


def simulate(settled, single, told):
    """The regret of each past job: how far the recommended setting is above the best one."""
    rows, turn = np.arange(len(settled)), np.zeros(settled.shape, int)

    def ask(chosen):
        losses = single[rows, chosen, turn[rows, chosen] % single.shape[2]]
        turn[rows, chosen] += 1
        return (losses - told["mean"]) / told["spread"]

    shared = surrogate.gram(told["effects"], told["reach"], told["tree"])
    chosen = surrogate.search(ask, len(rows), told["rounds"], shared, told["noise"])
    return settled[rows, chosen] - settled.min(1)


def describe(settled, effects, reach, tree):
    """What tune.py has to know."""
    spread = float(settled.std(axis=1).mean())
    return {
        "effects": effects,
        "reach": reach,
        "tree": tree,
        "noise": NOISE,
        "rounds": ROUNDS,
        "mean": float(settled.mean()),
        "spread": spread,
    }


def write(told):
    folder = Path("tune")
    folder.mkdir(exist_ok=True)
    (folder / "tune.py").write_text(TUNE)
    (folder / "settings.json").write_text(json.dumps(told))
    shutil.copy(surrogate.__file__, folder / "surrogate.py")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--effects", choices=("single", "joint"), default="single")
    parser.add_argument("--reach", choices=REACH, default="long")
    parser.add_argument("--part", choices=TREE, default="tree")
    options = parser.parse_args()
    settled, single = past()
    told = describe(settled, options.effects, REACH[options.reach], TREE[options.part])
    write(told)
    print(f"validation: {simulate(settled, single, told).mean():.4f}")


if __name__ == "__main__":
    main()
