"""A model behind any API that speaks OpenAI's chat completions.

It requires ``pip install "mle-gym[llm]"``. Where the API is, and the key for it, come from the
arguments or from the variables ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    import openai
except ImportError:
    openai = None  # type: ignore[assignment]

from mle_gym.errors import AgentError

__all__ = ["ChatModel", "ContextOverflow", "Price", "ToolCall", "Turn"]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the first retry; each further one waits twice as long, up to the longest."""
_OVERFLOWS = ("context length", "context_length", "context window", "too many tokens",
              "prompt is too long", "maximum context")  # fmt: skip
"""What servers say if a conversation is too long for their model, which has no code of its own."""


class ContextOverflow(Exception):
    """The conversation is too long for the model."""


@dataclass(frozen=True)
class Price:
    """Of a model, in dollars for a million tokens."""

    prompt: float
    completion: float


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool, as the model wrote it."""

    id: str
    name: str
    arguments: str
    """Perhaps JSON."""


@dataclass(frozen=True)
class Turn:
    """One reply of a model, and what it took."""

    text: str
    calls: tuple[ToolCall, ...]
    cut: bool = False
    """Whether the reply reached the limit of its tokens."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    """In dollars; None if the price isn't known."""
    seconds: float = 0.0
    """Until the reply that was used had come, without waiting for retries."""
    retry_seconds: float = 0.0
    """Spent on replies that failed, and on waiting."""


class ChatModel:
    """Completes conversations.

    Args:
        name: The model's name for the API.
        base_url: Where the API is; by default ``OPENAI_BASE_URL``, or else OpenAI's.
        api_key: By default ``OPENAI_API_KEY``; a local server often needs none.
        options: Further fields of each request: ``temperature``, ``max_tokens``, ``seed`` …
        price: What tokens cost; None if it isn't known.
        timeout: Seconds for a reply.
        retries: How often a request is repeated after a rate limit, a server's error, or a
            connection that broke.
        wait: Sleeps for some seconds.

    Raises:
        AgentError: The package ``openai`` isn't installed, or there is no key for OpenAI's own API.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        options: Mapping[str, Any] | None = None,
        price: Price | None = None,
        timeout: float = 600.0,
        retries: int = 8,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        if openai is None:
            raise AgentError('language models require: pip install "mle-gym[llm]"')
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        key = api_key or os.environ.get("OPENAI_API_KEY") or ("none" if base_url else "")
        if not key:
            raise AgentError("set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
        self.name, self._options, self._price = name, dict(options or {}), price
        self._retries, self._wait = retries, wait
        # Retries are counted here, because their time isn't the model's.
        self._client = openai.OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0)

    def complete(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Turn:
        """The model's next turn in a conversation.

        Raises:
            ContextOverflow: The conversation is too long for the model.
            AgentError: The API refuses the request, or keeps failing.
        """
        began = time.monotonic()
        for attempt in range(self._retries + 1):
            started = time.monotonic()
            try:
                reply = self._request(messages, tools)
                return self._turn(reply, time.monotonic() - started, started - began)
            except openai.APIStatusError as error:
                if _overflows(error):
                    raise ContextOverflow(str(error)) from error
                if error.status_code not in (408, 409, 425, 429) and error.status_code < 500:
                    raise AgentError(f"the model's API refused the request: {error}") from error
                failure: Exception = error
            except (openai.APIConnectionError, openai.APIResponseValidationError) as error:
                failure = error
            if attempt < self._retries:
                self._wait(_seconds_to_wait(failure, attempt))
        raise AgentError(
            f"the model's API failed {self._retries + 1} times: {failure}"
        ) from failure

    def _request(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Any:
        offered = {"tools": list(tools)} if tools else {}
        reply = self._client.chat.completions.create(
            model=self.name, messages=list(messages), **offered, **self._options
        )  # type: ignore[call-overload]
        if not getattr(reply, "choices", None):  # an error that was sent with status 200
            raise openai.APIConnectionError(
                message="the reply has no choices",
                request=None,  # type: ignore[arg-type]
            )
        return reply

    def _turn(self, reply: Any, seconds: float, retry_seconds: float) -> Turn:
        choice, usage = reply.choices[0], reply.usage
        prompt = getattr(usage, "prompt_tokens", 0) or 0
        completion = getattr(usage, "completion_tokens", 0) or 0
        cost = None
        if self._price is not None:
            cost = (prompt * self._price.prompt + completion * self._price.completion) / 1e6
        said = choice.message
        return Turn(
            text=said.content or getattr(said, "refusal", None) or "",
            calls=tuple(_call(each) for each in said.tool_calls or ()),
            cut=choice.finish_reason == "length",
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=cost,
            seconds=round(seconds, 3),
            retry_seconds=round(retry_seconds, 3),
        )


def _call(call: Any) -> ToolCall:
    function = getattr(call, "function", None)
    if function is None:  # a custom tool, whose input is plain text
        return ToolCall(call.id or "", call.custom.name, call.custom.input)
    return ToolCall(call.id or "", function.name or "", function.arguments or "")


def _overflows(error: openai.APIStatusError) -> bool:
    told = f"{error.code} {error}".lower()
    return error.status_code in (400, 413) and any(each in told for each in _OVERFLOWS)


def _seconds_to_wait(failure: Exception, attempt: int) -> float:
    """As long as the server says, or twice as long each time, with some jitter."""
    headers = getattr(getattr(failure, "response", None), "headers", {})
    try:
        wait = float(headers.get("retry-after", ""))
    except ValueError:
        wait = FIRST_WAIT * 2.0**attempt * random.uniform(0.5, 1.0)
    return min(LONGEST_WAIT, max(0.0, wait))
