"""What the work of a language model may cost, and what it has cost so far."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from mle_gym.chat.replies import Turn
from mle_gym.errors import AgentError

__all__ = ["ModelBudget", "Spent", "turn_record"]


@dataclass(frozen=True)
class Spent:
    """What was spent. The times of model, retries and commands don't overlap in one episode."""

    calls: int = 0
    """Replies of the model."""
    steps: int = 0
    """Of environments."""
    tokens: int = 0
    """Of requests and replies."""
    cost: float | None = 0.0
    """In dollars; None if the price of any turn isn't known."""
    model_seconds: float = 0.0
    """Until the replies that were used had come."""
    retry_seconds: float = 0.0
    """On replies that failed, and on waiting for the next try."""
    command_seconds: float = 0.0
    """In which actions were performed in sandboxes."""

    def __add__(self, other: Spent) -> Spent:
        values = {each.name: _sum(self, other, each.name) for each in fields(self)}
        return Spent(**values)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        """What a line for people says of it."""
        cost = "cost unknown" if self.cost is None else f"{self.cost:.4f} dollars"
        times = {
            "model": self.model_seconds,
            "retries": self.retry_seconds,
            "commands": self.command_seconds,
        }
        took = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in times.items())
        return f"{self.calls} calls, {self.tokens:,} tokens, {cost}; {took}"

    @classmethod
    def on_turn(cls, turn: Turn) -> Spent:
        """What a turn of the model took."""
        return cls(
            calls=1,
            tokens=turn.prompt_tokens + turn.completion_tokens,
            cost=turn.cost,
            model_seconds=turn.seconds,
            retry_seconds=turn.retry_seconds,
        )


@dataclass(frozen=True)
class ModelBudget:
    """The most that may be spent; None is no limit."""

    calls: int | None = None
    steps: int | None = None
    seconds: float | None = None
    """Of wall-clock time, whatever it was spent on."""
    tokens: int | None = None
    cost: float | None = None
    """In dollars."""

    def check(self, priced: bool) -> None:
        """Refuse a budget that nothing can be compared with.

        Raises:
            AgentError: A limit is no positive number, or a cost is limited and prices are unknown.
        """
        for name, limit in asdict(self).items():
            if limit is not None and not limit > 0:
                raise AgentError(f"the budget of {name} must be positive, not {limit}")
        if self.cost is not None and not priced:
            raise AgentError("a budget of dollars requires prompt_price and completion_price")

    def exceeded(self, spent: Spent, seconds: float) -> str:
        """Which budget is spent, in words; empty while all last.

        Args:
            spent: What was spent so far.
            seconds: Wall-clock time so far.
        """
        compared = {
            "calls": (spent.calls, self.calls),
            "steps": (spent.steps, self.steps),
            "seconds": (seconds, self.seconds),
            "tokens": (spent.tokens, self.tokens),
            "dollars": (spent.cost or 0.0, self.cost),
        }
        for unit, (used, limit) in compared.items():
            if limit is not None and used >= limit:
                return f"the budget of {unit} is spent"
        return ""


def turn_record(model: str, text: str, spent: Spent) -> dict[str, Any]:
    """What a trajectory keeps of the turns that led to an action."""
    return {
        "model": model,
        "text": text,
        "calls": spent.calls,
        "tokens": spent.tokens,
        "cost": spent.cost,
        "seconds": round(spent.model_seconds, 3),
        "retry_seconds": round(spent.retry_seconds, 3),
    }


def _sum(one: Spent, other: Spent, name: str) -> Any:
    first, second = getattr(one, name), getattr(other, name)
    return None if first is None or second is None else first + second
