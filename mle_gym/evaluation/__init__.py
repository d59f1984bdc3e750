"""Evaluations: agents x tasks x variants x seeds, played, counted and compared.

A :class:`~mle_gym.evaluation.plan.Plan` is written first. An engine plays its episodes, each of
which becomes one record of its own; what is recorded is never played again, so an evaluation that
was stopped goes on where it was. The summary is computed from the records and from nothing else.

    plan ─▶ engine ─▶ play_episode ─▶ result (a file for each episode) ─▶ summary ─▶ report
"""

from mle_gym.evaluation.evaluation_folder import Run, read_run
from mle_gym.evaluation.plan import AgentBudget, AgentEntry, Episode, Plan
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.run_evaluation import evaluate

__all__ = [
    "AgentBudget",
    "AgentEntry",
    "Episode",
    "Plan",
    "Result",
    "Run",
    "evaluate",
    "read_run",
]
