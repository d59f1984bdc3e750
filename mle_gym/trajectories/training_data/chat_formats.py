"""A training record as one line of JSON, in the forms that trainers read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mle_gym.trajectories.training_data.training_record import TrainingRecord

__all__ = ["LINE_FORMATS", "to_openai", "to_sharegpt", "up_to_the_last_turn"]


def to_openai(record: TrainingRecord) -> dict[str, Any]:
    """``messages`` and ``tools`` as in OpenAI's chat completions, beside the record's facts.

    TRL's ``SFTTrainer`` and OpenAI's fine-tuning read this form.
    """
    messages = up_to_the_last_turn(record.chat.messages)
    return {"messages": messages, "tools": list(record.chat.tools), **record.facts()}


def to_sharegpt(record: TrainingRecord) -> dict[str, Any]:
    """``conversations``, ``system`` and ``tools`` as LLaMA-Factory reads them.

    Turns alternate, so several calls of a turn are a list, and their results are one observation.
    The form has no place for text beside a call, so it stands under ``text`` in the same entry.
    """
    turns: list[dict[str, Any]] = []
    system = ""
    for message in up_to_the_last_turn(record.chat.messages):
        role, content = message["role"], message["content"]
        if role == "system":
            system = content
        elif role == "assistant" and message.get("tool_calls"):
            calls = [_plain_call(call) for call in message["tool_calls"]]
            value = json.dumps(calls[0] if len(calls) == 1 else calls)
            turns.append(
                {"from": "function_call", "value": value} | ({"text": content} if content else {})
            )
        elif turns and role == "tool" and turns[-1]["from"] == "observation":
            turns[-1]["value"] += f"\n\n{content}"
        else:
            name = {"assistant": "gpt", "tool": "observation"}.get(role, "human")
            turns.append({"from": name, "value": content})
    tools = [tool["function"] for tool in record.chat.tools]
    return {
        "conversations": turns, "system": system, "tools": json.dumps(tools), **record.facts()
    }  # fmt: skip


def up_to_the_last_turn(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages without the results of the last turn's calls.

    Nothing can be learned from them, and OpenAI requires the assistant's message to be the last.
    """
    kept = [dict(message) for message in messages]
    while kept and kept[-1]["role"] == "tool":
        kept.pop()
    return kept


def _plain_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"name": function["name"], "arguments": json.loads(function["arguments"])}


LINE_FORMATS: Mapping[str, Callable[[TrainingRecord], dict[str, Any]]] = {
    "openai": to_openai,
    "sharegpt": to_sharegpt,
}
"""The formats of which a file has one line for each record."""
