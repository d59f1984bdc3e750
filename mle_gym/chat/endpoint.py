"""Where a model is and what it costs, as agents' arguments and scripts' options name it."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import Any

from mle_gym.chat.model import ChatModel, Price
from mle_gym.chat.model_budget import ModelBudget
from mle_gym.errors import AgentError

__all__ = ["Endpoint", "add_options", "budget_of", "endpoint_of"]


@dataclass(frozen=True)
class Endpoint:
    """A model behind an API of OpenAI's form, and how it is asked."""

    model: str = ""
    """The model's name; by default the variable MLE_GYM_MODEL."""
    base_url: str | None = None
    """Where the API is; by default OPENAI_BASE_URL, or else OpenAI's."""
    temperature: float | None = None
    """Of its samples; by default the API's."""
    max_tokens: int | None = None
    """Of one reply; by default the API's."""
    prompt_price: float | None = None
    """In dollars for a million tokens of requests."""
    completion_price: float | None = None
    """In dollars for a million tokens of replies."""
    timeout: float = 600.0
    """Seconds for a reply."""
    stream: bool = False
    """Whether replies come in pieces, as some servers require for long ones."""

    @property
    def price(self) -> Price | None:
        """None unless both prices are known."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return Price(self.prompt_price, self.completion_price)

    def open(self) -> ChatModel:
        """The model, ready to be asked.

        Raises:
            AgentError: There is no model, or no way to reach one.
        """
        name = self.model or os.environ.get("MLE_GYM_MODEL", "")
        if not name:
            raise AgentError("name a model: its option `model`, or MLE_GYM_MODEL")
        options = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return ChatModel(
            name,
            base_url=self.base_url,
            options={key: value for key, value in options.items() if value is not None},
            price=self.price,
            timeout=self.timeout,
            stream=self.stream,
        )


_BUDGETS: dict[str, tuple[str, Any, str]] = {
    "calls": ("call", int, "replies of the model"),
    "steps": ("step", int, "steps of all environments together"),
    "seconds": ("seconds", float, "seconds of wall-clock time"),
    "tokens": ("token", int, "tokens of requests and replies"),
    "cost": ("cost", float, "dollars; requires both prices"),
}
_ENDPOINT: dict[str, tuple[Any, str]] = {
    "model": (str, "the model's name; default: the variable MLE_GYM_MODEL"),
    "base-url": (str, "where the API is; default: OPENAI_BASE_URL, or else OpenAI's"),
    "temperature": (float, "of its samples; default: the API's"),
    "max-tokens": (int, "of one reply; default: the API's"),
    "prompt-price": (float, "dollars for a million tokens of requests"),
    "completion-price": (float, "dollars for a million tokens of replies"),
    "timeout": (float, "seconds for a reply; default: 600"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give a script the options of :class:`Endpoint` and of :class:`ModelBudget`."""
    model = parser.add_argument_group("the model (its key is in OPENAI_API_KEY)")
    for name, (kind, meaning) in _ENDPOINT.items():
        model.add_argument(f"--{name}", type=kind, help=meaning)
    model.add_argument("--stream", action="store_true", help="let replies come in pieces")
    budget = parser.add_argument_group("the budget")
    for option, kind, meaning in _BUDGETS.values():
        budget.add_argument(f"--{option}-budget", type=kind, help=meaning)


def endpoint_of(options: argparse.Namespace) -> Endpoint:
    """The model that a script's options name."""
    names = [name.replace("-", "_") for name in (*_ENDPOINT, "stream")]
    values = {name: getattr(options, name) for name in names}
    return Endpoint(**{name: value for name, value in values.items() if value is not None})


def budget_of(options: argparse.Namespace) -> ModelBudget:
    """The budget that a script's options name."""
    given = {name: getattr(options, f"{option}_budget") for name, (option, *_) in _BUDGETS.items()}
    return ModelBudget(**given)
