"""Evaluates agents from Python, as `mle-gym eval` does from the command line.

    python agents/evaluate.py runs/first

Change the plan to your agents and tasks. Every episode is a record below the folder; the same
command plays what is missing.
"""

from __future__ import annotations

import sys

from mle_gym.evaluation import AgentEntry, Plan, evaluate
from mle_gym.evaluation.summary import summarize

PLAN = Plan(
    agents=(
        AgentEntry(name="baseline", agent="baseline"),
        AgentEntry(name="solution", agent="solution"),
    ),
    tasks=("titanic",),
    seeds=(0, 1),
)

if __name__ == "__main__":  # each episode is played in a process of its own, which imports this
    summary = summarize(evaluate(PLAN, sys.argv[1], resume=True))
    for row in summary.agents:
        print(row.agent, row.mean, row.reasons)
