"""What one episode of an evaluation came to: the values from which all statistics are made."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from mle_gym.grading.grade import Grade
from mle_gym.trajectories.audit import Audit
from mle_gym.trajectories.check_record_fields import is_number
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["Integrity", "Result", "Status"]

Status = Literal["graded", "agent_failed", "failed"]
"""How it ended. ``graded``: with a grade, also one of "no submission". ``agent_failed``: the agent
raised, exited, hung or killed its process; it counts as a score of nothing. ``failed``: the
machinery failed, so nothing is known of the agent."""

Integrity = Literal["clean", "suspicious", "violation"]
"""The gravest finding of :func:`mle_gym.audit_trajectory`."""


class Result(BaseModel):
    """One row of an evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    agent: str
    task: str
    """The Gymnasium id."""
    variant: int
    seed: int
    status: Status
    reason: str = ""
    """The grade's error code, the failure's kind, or the type of the agent's exception; empty after
    a valid submission."""
    message: str = ""
    """The same in words."""
    failure: dict[str, Any] | None = None
    """See :mod:`mle_gym.episode.failures`; only of a failed episode."""
    tries: int = 1
    """How often it was played. All but the last try ended with a retryable failure."""
    valid: bool = False
    metric: str = ""
    higher_is_better: bool = True
    score: float | None = None
    score_ci: tuple[float, float] | None = None
    """A 95% interval of the score over resampled test rows."""
    public_score: float | None = None
    anchored: float | None = None
    """From 0 (the floor) to 1 (the ceiling); None without a ceiling, or if it failed."""
    anchored_error: float | None = None
    """The standard error of ``anchored`` that comes from the choice of test rows."""
    normalized: float | None = None
    rank: int | None = None
    percentile: float | None = None
    medal: str = ""
    has_medals: bool = False
    """Whether the task awards medals at all."""
    beats_median: bool | None = None
    beats_luck: bool = False
    """Whether the score is better than the floor by more than chance explains."""
    episode_return: float | None = None
    steps: int = 0
    seconds: float = 0.0
    """Wall clock from the reset to the end."""
    calls: int = 0
    """Of a language model; this and what follows as :class:`~mle_gym.chat.model_budget.Spent`."""
    tokens: int = 0
    cost: float | None = 0.0
    """In dollars; None if the price of any turn isn't known."""
    model_seconds: float = 0.0
    retry_seconds: float = 0.0
    command_seconds: float = 0.0
    first_valid_step: int | None = None
    """The number of the step after which a valid submission was first known."""
    first_valid_seconds: float | None = None
    left: str | None = None
    """Why the agent left by itself."""
    integrity: Integrity | None = None
    """None if there is no record to look at."""
    findings: tuple[str, ...] = ()
    """The rules of the audit that matched, each once."""
    trajectory: str | None = None
    """Its file, relative to the evaluation's folder."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_no_number(cls, fields: Any) -> Any:
        """What is infinite, or no number, or so large that sums may be, is missing in all figures.

        Fields that can't be missing are refused.
        """
        if not isinstance(fields, dict):
            return fields
        return {name: None if _is_no_number(value) else value for name, value in fields.items()}

    @field_validator("failure")
    @classmethod
    def _is_failure(cls, failure: dict[str, Any] | None) -> dict[str, Any] | None:
        """What is read later is there, in a result that somebody else may have written."""
        for name, kind in {"kind": str, "message": str, "retryable": bool}.items():
            if failure is not None and not isinstance(failure.get(name), kind):
                raise ValueError(f"failure: {name} is missing, or no {kind.__name__}")
        return failure

    @property
    def known(self) -> bool:
        """Whether it says something about the agent."""
        return self.status != "failed"

    @property
    def value(self) -> float | None:
        """What counts in a mean: ``anchored``; 0 if the agent failed; None if nothing is known."""
        if self.status == "agent_failed":
            return 0.0
        return self.anchored

    @property
    def exploited(self) -> bool:
        """Whether the agent broke the rules and was paid."""
        return self.integrity == "violation" and self.beats_luck

    @property
    def value_error(self) -> float:
        """The standard error of :attr:`value` that comes from the choice of test rows."""
        return self.anchored_error or 0.0

    def recorded(self, trajectory: Trajectory, audit: Audit | None) -> Self:
        """This result with what the episode's record says, however it ended."""
        return self._with(_of_steps(trajectory) | _of_audit(audit))

    def graded(self, grade: dict[str, Any]) -> Self:
        """This result with a grade (:meth:`mle_gym.Grade.to_dict`)."""
        values = {name: grade.get(name) for name in _OF_A_GRADE}
        values["medal"] = values["medal"] or ""
        values["has_medals"] = "bronze" in (grade.get("thresholds") or {})
        values["reason"] = grade.get("error_code") or ""
        values["message"] = grade.get("error_message") or ""
        values["anchored_error"] = _anchored_error(grade)
        values["beats_luck"] = Grade.from_dict(grade).beats_luck
        return self._with(values)

    def _with(self, values: dict[str, Any]) -> Self:
        return type(self).model_validate(self.model_dump() | values)


def _is_no_number(value: Any) -> bool:
    parts = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(each, int | float) and not is_number(each + 0) for each in parts)


_OF_A_GRADE = (
    "valid",
    "metric",
    "higher_is_better",
    "score",
    "score_ci",
    "public_score",
    "anchored",
    "normalized",
    "rank",
    "percentile",
    "medal",
    "beats_median",
)
NORMAL_95 = 1.959964
"""Standard errors from the middle of a normal distribution to an end of its 95% interval."""


def _anchored_error(grade: dict[str, Any]) -> float | None:
    """The interval's half width in standard errors, on the anchored scale."""
    interval, floor, ceiling = (grade.get(name) for name in ("score_ci", "floor", "ceiling"))
    if interval is None or floor is None or ceiling is None or floor == ceiling:
        return None
    return float(abs(interval[1] - interval[0]) / 2 / NORMAL_95 / abs(ceiling - floor))


def _of_steps(trajectory: Trajectory) -> dict[str, Any]:
    """Times, costs, and when there was a valid submission for the first time."""
    steps = trajectory.steps
    found: dict[str, Any] = {
        **spent_in(trajectory).to_dict(),
        "seconds": steps[-1].time if steps else 0.0,
        "episode_return": trajectory.episode_return,
        "left": trajectory.left,
    }
    for number, step in enumerate(steps, start=1):
        validation, grade = step.info.get("validation") or {}, step.info.get("grade") or {}
        if validation.get("valid") or grade.get("valid"):
            return found | {"first_valid_step": number, "first_valid_seconds": step.time}
    return found


def _of_audit(audit: Audit | None) -> dict[str, Any]:
    if audit is None:
        return {}
    worst = audit.worst
    label = worst if worst in ("suspicious", "violation") else "clean"
    rules = dict.fromkeys(each.check for each in audit.findings if each.severity == worst)
    return {"integrity": label, "findings": tuple(rules) if label != "clean" else ()}
