"""TRL's GRPO trainer, in which rollouts call their tools at the same time, and its health check."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from transformers import TrainerCallback
from trl import GRPOTrainer

from mle_gym.integrations.trl.episode_log import EpisodeLog
from mle_gym.integrations.trl.tool_rounds import ToolRounds, Tools
from mle_gym.trajectories.health import Limits

__all__ = ["HealthCallback", "ParallelToolsTrainer"]

_LOG = logging.getLogger(__name__)


class ParallelToolsTrainer(GRPOTrainer):  # type: ignore[misc]
    """``trl.GRPOTrainer``, in which the rollouts of a batch call their tools at the same time.

    The calls of one rollout stay in their order. How many commands run at the same time is limited
    by ``MLE_GYM_MAX_COMMANDS``, by default the number of processors.

    Args:
        arguments: Those of ``GRPOTrainer``.
        tool_workers: How many rollouts may be in a tool at the same time.
        more: Further arguments of ``GRPOTrainer``, by name.
    """

    def __init__(self, *arguments: Any, tool_workers: int = 32, **more: Any) -> None:
        self._pool = ThreadPoolExecutor(tool_workers, thread_name_prefix="tools")
        super().__init__(*arguments, **more)

    def _tool_call_loop(
        self, prompts: Any, prompt_ids: Any, completion_ids: Any, completions: Any, *more: Any
    ) -> Any:
        original: Sequence[Tools] = self._sync_tool_dicts
        rounds = ToolRounds(completions, original, self._pool)
        self._sync_tool_dicts: Any = [rounds.tools(number) for number in range(len(completions))]
        return super()._tool_call_loop(prompts, prompt_ids, completion_ids, completions, *more)


class HealthCallback(TrainerCallback):  # type: ignore[misc]
    """Logs the health of the last episodes, and warns of what is wrong or ends the training.

    Args:
        log: The environments' episodes.
        limits: From which figures on something is wrong.
        stop: Whether training ends then.
        least: Episodes before which nothing is judged.
    """

    def __init__(
        self,
        log: EpisodeLog,
        *,
        limits: Limits | None = None,
        stop: bool = False,
        least: int = 32,
    ) -> None:
        self._log, self._limits, self._stop, self._least = log, limits, stop, least
        self._told: set[str] = set()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Judge the last episodes; each thing that is wrong is told once until it is mended."""
        if len(self._log.episodes) < self._least:
            return
        report = self._log.health(self._limits)
        wrong = {check.name: check for check in report.checks if check.status == "wrong"}
        for name in wrong.keys() - self._told:
            _LOG.warning("training goes wrong: %s; %s", wrong[name].detail, wrong[name].advice)
        self._told = set(wrong)
        if wrong and self._stop:
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        """Add the figures to the trainer's log."""
        if not self._log.episodes:
            return
        metrics = self._log.health(self._limits).metrics()
        if logs is not None:
            logs.update(metrics)
        if state.log_history:
            state.log_history[-1].update(metrics)
