"""Training records in the Agent Trajectory Interchange Format, and back.

Harbor specifies the format (ATIF, RFC 0001). What is written here keeps to version 1.8, of which
only text is used: one JSON document for each episode. Documents of all versions from 1.0 are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mle_gym.errors import TrajectoryError
from mle_gym.regular_files import read_whole
from mle_gym.trajectories.check_record_fields import value_is
from mle_gym.trajectories.space_json import Decoder
from mle_gym.trajectories.training_data.played_chat import PlayedChat
from mle_gym.trajectories.training_data.training_record import INTEGRITY, TrainingRecord

__all__ = ["VERSION", "read_atif", "to_atif"]

VERSION: Final = "ATIF-v1.8"
MOST_BYTES: Final = 256 * 2**20
MOST_MEMORY: Final = 256 * 2**20
"""For a document's values, texts not included."""
OURS: Final = "mle_gym"
"""The field of ``extra`` in which a document has the record's facts."""


def to_atif(record: TrainingRecord) -> dict[str, Any]:
    """The document of one episode.

    The results of a turn's calls are the observation of its step. ``extra`` contains what the
    format has no field for: task, variant, seed, reward, anchored score and integrity.
    """
    chat = record.chat
    steps = [{"step_id": n, **step} for n, step in enumerate(_steps(chat), start=1)]
    costs = [turn["cost"] for turn in chat.turns if "cost" in turn]
    metrics: dict[str, Any] = {"total_steps": len(steps)}
    metrics |= {"total_cost_usd": sum(costs)} if costs else {}
    return {
        "schema_version": VERSION,
        "session_id": record.name,
        "trajectory_id": record.name,
        "agent": {
            "name": record.agent,
            "version": version("mle-gym"),
            "tool_definitions": list(chat.tools),
        },
        "steps": steps,
        "final_metrics": metrics,
        "extra": {OURS: record.facts()},
    }


def _steps(chat: PlayedChat) -> Iterator[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    turns = iter(chat.turns)
    for message in chat.messages:
        match message["role"]:
            case "tool":
                results.append(
                    {"source_call_id": message["tool_call_id"], "content": message["content"]}
                )
            case "assistant":
                step, results = _agent_step(message, next(turns, {})), []
                if step.get("tool_calls"):
                    step["observation"] = {"results": results}
                yield step
            case role:
                yield {"source": role, "message": message["content"]}


def _agent_step(message: Mapping[str, Any], turn: Mapping[str, Any]) -> dict[str, Any]:
    step: dict[str, Any] = {"source": "agent", "message": message["content"]}
    if "timestamp" in turn:
        step["timestamp"] = turn["timestamp"]
    if "model" in turn:
        step["model_name"] = turn["model"]
        metrics: dict[str, Any] = {"cost_usd": turn["cost"]} if "cost" in turn else {}
        if "tokens" in turn:  # of prompt and completion together, for which there is no field
            metrics["extra"] = {"tokens": turn["tokens"]}
        step |= {"metrics": metrics} if metrics else {}
    else:
        step["llm_call_count"] = 0
    if "reasoning_content" in message:
        step["reasoning_content"] = message["reasoning_content"]
    if message.get("tool_calls"):
        step["tool_calls"] = [
            {
                "tool_call_id": call["id"],
                "function_name": call["function"]["name"],
                "arguments": json.loads(call["function"]["arguments"]),
            }
            for call in message["tool_calls"]
        ]
    return step


def read_atif(path: Path) -> TrainingRecord:
    """The record in a document, by whichever program it was written.

    What isn't text (images, audio) is replaced by a note. An observation that belongs to no call is
    a message of the user. If the document isn't ours, its record has no task and no reward, its
    integrity is ``unknown``, and its tools are those that the document defines. What a document of
    ours says of its reward and its integrity is what its writer claims: nobody can check it here.

    Raises:
        TrajectoryError: It is no document of this format.
        OSError: The file can't be read.
    """
    try:
        document = Decoder(MOST_MEMORY).parse(read_whole(path, MOST_BYTES))
        if not str(document["schema_version"]).startswith("ATIF-v1."):
            raise TrajectoryError(f"{path}: expected ATIF-v1.…, found {document['schema_version']}")
        messages, turns = _conversation(document["steps"])
        agent = document["agent"]
        tools = tuple(agent.get("tool_definitions") or ())
        nothing: dict[str, Any] = dict.fromkeys(("task", "variant", "seed", "reward", "anchored"))
        nothing |= {"agent": agent["name"], "integrity": "unknown", "failure": None}
        facts = nothing | ((document.get("extra") or {}).get(OURS) or {}) | {"name": path.stem}
        _check(facts, tools, turns)
        return TrainingRecord.of(PlayedChat(tuple(messages), tools, tuple(turns)), facts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path}: not an ATIF document: {error!r}") from error


def _check(facts: Mapping[str, Any], tools: Sequence[Any], turns: Sequence[Any]) -> None:
    """Check the types of what others use.

    Raises:
        TypeError: One is wrong.
    """
    for fields in (facts, *turns):
        for name, value in fields.items():
            if name in _TYPES and not value_is(_TYPES[name], value):
                raise TypeError(f"{name}: expected {_TYPES[name]}, found {value!r:.60}")
    if facts["integrity"] not in INTEGRITY:
        raise TypeError(f"integrity: expected one of {INTEGRITY}, found {facts['integrity']!r:.60}")
    if not all(isinstance(tool, dict) for tool in tools):
        raise TypeError("tool_definitions: expected a list of objects")


_TYPES: Final[Mapping[str, str]] = {
    "task": "text or null",
    "variant": "an integer or null",
    "seed": "an integer or null",
    "agent": "text",
    "reward": "a number or null",
    "anchored": "a number or null",
    "failure": "text or null",
    "timestamp": "text",
    "model": "text",
    "tokens": "a number",
    "cost": "a number",
}


def _conversation(steps: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    messages: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for step in steps:
        role = {"agent": "assistant", "user": "user", "system": "system"}[step["source"]]
        message: dict[str, Any] = {"role": role, "content": _text(step.get("message"))}
        if role == "assistant":
            turns.append(_turn(step))
            message |= _thought_and_calls(step)
        messages.append(message)
        called = {call["id"] for call in message.get("tool_calls", ())}
        for result in (step.get("observation") or {}).get("results", ()):
            content, source = _text(result.get("content")), result.get("source_call_id")
            if source in called:
                messages.append({"role": "tool", "tool_call_id": source, "content": content})
            else:
                messages.append({"role": "user", "content": content})
    return messages, turns


def _thought_and_calls(step: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if step.get("reasoning_content"):
        found["reasoning_content"] = _text(step["reasoning_content"])
    if step.get("tool_calls"):
        found["tool_calls"] = [
            {
                "id": call["tool_call_id"],
                "type": "function",
                "function": {
                    "name": call["function_name"],
                    "arguments": json.dumps(call["arguments"]),
                },
            }
            for call in step["tool_calls"]
        ]
    return found


def _turn(step: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a turn, as a :class:`PlayedChat` has them."""
    metrics = step.get("metrics") or {}
    tokens = (metrics.get("extra") or {}).get("tokens")
    if tokens is None and "prompt_tokens" in metrics:
        tokens = (metrics["prompt_tokens"] or 0) + (metrics.get("completion_tokens") or 0)
    facts = {
        "timestamp": step.get("timestamp"),
        "model": step.get("model_name"),
        "tokens": tokens,
        "cost": metrics.get("cost_usd"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _text(content: Any) -> str:
    """A message's text; each part that isn't text leaves a note."""
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(
        str(part["text"]) if part["type"] == "text" else f"[{part['type']} left out]"
        for part in content
    )
