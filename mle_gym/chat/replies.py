"""Replies of a chat completions API, which come whole or as a stream of pieces."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["IncompleteReply", "Reply", "ToolCall", "Turn", "streamed_reply", "whole_reply"]


class IncompleteReply(Exception):
    """The server answered, but with no reply, or only with the beginning of one."""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool, as the model wrote it."""

    id: str
    name: str
    arguments: str
    """Perhaps JSON."""


@dataclass(frozen=True)
class Reply:
    """What a model said, and how many tokens it took."""

    text: str
    calls: tuple[ToolCall, ...]
    cut: bool = False
    """Whether it reached the limit of its tokens."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Turn(Reply):
    """One reply of a model, and what it took."""

    cost: float | None = None
    """In dollars; None if the price isn't known."""
    seconds: float = 0.0
    """Until the reply that was used had come, without waiting for retries."""
    retry_seconds: float = 0.0
    """Spent on replies that failed, and on waiting."""


def whole_reply(completion: Any) -> Reply:
    """The reply in a completion that came at once.

    Raises:
        IncompleteReply: There is none. Some servers send errors with status 200.
    """
    choices = getattr(completion, "choices", None)
    if not choices:
        raise IncompleteReply("the reply has no choices")
    said = choices[0].message
    return Reply(
        text=said.content or getattr(said, "refusal", None) or "",
        calls=tuple(_call(each) for each in said.tool_calls or ()),
        cut=choices[0].finish_reason == "length",
        **_tokens(completion.usage),
    )


def streamed_reply(chunks: Iterable[Any], deadline: float) -> Reply:
    """The reply whose pieces come one after the other.

    Args:
        chunks: The pieces.
        deadline: The moment of ``time.monotonic()`` at which a reply must be complete. A server
            that sends a piece now and then would otherwise hold a caller for ever.

    Raises:
        IncompleteReply: The stream ended, or the time was up, before the reply was complete.
    """
    text, refusal, finish, usage = "", "", None, None
    calls: list[_GrowingCall] = []
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise IncompleteReply("the stream took too long")
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            text += choice.delta.content or ""
            refusal += getattr(choice.delta, "refusal", None) or ""
            for piece in choice.delta.tool_calls or ():
                _add(piece, calls)
            finish = choice.finish_reason or finish
    if finish is None:
        raise IncompleteReply("the stream ended in the middle of a reply")
    return Reply(
        text=text or refusal,
        calls=tuple(ToolCall(each.id, each.name, each.arguments) for each in calls),
        cut=finish == "length",
        **_tokens(usage),
    )


@dataclass
class _GrowingCall:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""


def _add(piece: Any, calls: list[_GrowingCall]) -> None:
    """Add a piece to the call that it continues, or begin a call with it.

    Some servers give all calls of a turn one index, or none. Another id is another call.
    """
    same = [each for each in calls if piece.index is None or each.index == piece.index]
    last = same[-1] if same else None
    if last is None or (piece.id and last.id and piece.id != last.id):
        last = _GrowingCall(piece.index)
        calls.append(last)
    last.id = last.id or piece.id or ""
    if piece.function is not None:
        last.name += piece.function.name or ""
        last.arguments += piece.function.arguments or ""


def _call(call: Any) -> ToolCall:
    function = getattr(call, "function", None)
    if function is None:  # a custom tool, whose input is plain text
        return ToolCall(call.id or "", call.custom.name, call.custom.input)
    return ToolCall(call.id or "", function.name or "", function.arguments or "")


def _tokens(usage: Any) -> dict[str, int]:
    return {name: getattr(usage, name, 0) or 0 for name in ("prompt_tokens", "completion_tokens")}
