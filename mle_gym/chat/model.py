"""A model behind any API that speaks OpenAI's chat completions.

It requires ``pip install "mle-gym[llm]"``. Where the API is, and the key for it, come from the
arguments or from the variables ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    import openai
except ImportError:
    openai = None  # type: ignore[assignment]

from mle_gym.chat.replies import IncompleteReply, Reply, Turn, streamed_reply, whole_reply
from mle_gym.errors import AgentError

__all__ = ["ChatModel", "ContextOverflow", "OutOfTime", "Price"]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the first retry; each further one waits twice as long, up to the longest."""
_OVERFLOWS = ("context length", "context_length", "context window", "too many tokens",
              "prompt is too long", "maximum context")  # fmt: skip
"""What servers say if a conversation is too long for their model, which has no code of its own."""


class ContextOverflow(Exception):
    """The conversation is too long for the model."""


class OutOfTime(Exception):
    """There was no reply before the deadline.

    Args:
        seconds: What was spent on replies that failed, and on waiting.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no reply before the deadline; {seconds:.1f} seconds were spent on tries")
        self.seconds = seconds


@dataclass(frozen=True)
class Price:
    """Of a model, in dollars for a million tokens."""

    prompt: float
    completion: float


class ChatModel:
    """Completes conversations.

    Args:
        name: The model's name for the API.
        base_url: Where the API is; by default ``OPENAI_BASE_URL``, or else OpenAI's.
        api_key: By default ``OPENAI_API_KEY``; a local server often needs none.
        options: Further fields of each request: ``temperature``, ``max_tokens``, ``seed`` …
        price: What tokens cost; None if it isn't known.
        timeout: Seconds for a reply.
        stream: Whether replies come in pieces.
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
        stream: bool = False,
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
        self._stream, self._timeout = stream, timeout
        # Retries are counted here, because their time isn't the model's.
        self._client = openai.OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0)

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        deadline: float = math.inf,
    ) -> Turn:
        """The model's next turn in a conversation.

        Args:
            messages: The conversation.
            tools: What the model may call.
            deadline: The moment of ``time.monotonic()`` after which a reply is of no use.

        Raises:
            ContextOverflow: The conversation is too long for the model.
            OutOfTime: There was no reply before the deadline.
            AgentError: The API refuses the request, or keeps failing.
        """
        began = time.monotonic()
        for attempt in range(self._retries + 1):
            started = time.monotonic()
            if started >= deadline:
                raise OutOfTime(started - began)
            try:
                reply = self._request(messages, tools, min(self._timeout, deadline - started))
                return self._turn(reply, time.monotonic() - started, started - began)
            except _failures() as error:
                failure = _passing(error)
            if attempt < self._retries:
                wait = _seconds_to_wait(failure, attempt)
                if time.monotonic() + wait >= deadline:
                    raise OutOfTime(time.monotonic() - began) from failure
                self._wait(wait)
        raise AgentError(
            f"the model's API failed {self._retries + 1} times: {failure}"
        ) from failure

    def _request(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        timeout: float,
    ) -> Reply:
        offered = {"tools": list(tools)} if tools else {}
        fields = {"model": self.name, "messages": list(messages), **offered, **self._options}
        create: Callable[..., Any] = self._client.chat.completions.create
        if not self._stream:
            return whole_reply(create(**fields, timeout=timeout))
        deadline = time.monotonic() + timeout
        usage = {"include_usage": True}
        with create(**fields, stream=True, stream_options=usage, timeout=timeout) as chunks:
            return streamed_reply(_pieces(chunks), deadline)

    def _turn(self, reply: Reply, seconds: float, retry_seconds: float) -> Turn:
        cost = None
        if self._price is not None:
            prompt, completion = reply.prompt_tokens, reply.completion_tokens
            cost = (prompt * self._price.prompt + completion * self._price.completion) / 1e6
        return Turn(
            **vars(reply),
            cost=cost,
            seconds=round(seconds, 3),
            retry_seconds=round(retry_seconds, 3),
        )


def _pieces(chunks: Iterable[Any]) -> Iterator[Any]:
    """The pieces of a stream, whose connection may break."""
    try:
        yield from chunks
    except (openai.APIError, ValueError):
        raise
    except Exception as error:  # older versions of openai pass on what their transport raises
        raise IncompleteReply(f"the stream broke: {error}") from error


def _failures() -> tuple[type[Exception], ...]:
    """What asking for a reply may raise; ValueError if a server's JSON is broken."""
    return (openai.APIError, IncompleteReply, ValueError)


def _passing(error: Exception) -> Exception:
    """The failure, if another try may help.

    Raises:
        ContextOverflow: The conversation is too long for the model.
        AgentError: The API refuses the request.
    """
    if not isinstance(error, openai.APIStatusError):
        return error
    if _overflows(error):
        raise ContextOverflow(str(error)) from error
    if error.status_code not in (408, 409, 425, 429) and error.status_code < 500:
        raise AgentError(f"the model's API refused the request: {error}") from error
    return error


def _overflows(error: openai.APIStatusError) -> bool:
    words = f"{error.code} {error}".lower()
    return error.status_code in (400, 413) and any(each in words for each in _OVERFLOWS)


def _seconds_to_wait(failure: Exception, attempt: int) -> float:
    """As long as the server says, or twice as long each time, with some jitter."""
    headers = getattr(getattr(failure, "response", None), "headers", None) or {}
    try:
        wait = float(headers.get("retry-after", ""))
    except ValueError:
        wait = FIRST_WAIT * 2.0**attempt * random.uniform(0.5, 1.0)
    return min(LONGEST_WAIT, max(0.0, wait))
