"""What a real server of chat completions refuses, told in a few words."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

FIELDS = {"model", "messages", "tools", "temperature", "max_tokens", "seed", "stream",
          "stream_options"}  # fmt: skip
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def malformed(request: dict[str, Any]) -> str:
    """Why a real server would refuse a request; empty if it would not."""
    if request.keys() - FIELDS:
        return f"unknown fields: {request.keys() - FIELDS}"
    if not (isinstance(request.get("model"), str) and request["model"]):
        return "no model"
    if "stream_options" in request and request.get("stream") is not True:
        return "stream_options without stream"
    if not 0 <= request.get("temperature", 1) <= 2 or request.get("max_tokens", 1) < 1:
        return "a number is out of range"
    return wrong_tools(request.get("tools")) or wrong_messages(request["messages"])


def wrong_tools(tools: Any) -> str:
    """What is wrong with the tools; empty if nothing is."""
    if tools is None:
        return ""
    if not tools:
        return "tools is an empty list"
    for tool in tools:
        function = tool["function"]
        if tool["type"] != "function" or not NAME.fullmatch(function["name"]):
            return f"no function: {tool}"
        if function["parameters"]["type"] != "object":
            return f"{function['name']} has no object as its parameters"
    names = [tool["function"]["name"] for tool in tools]
    return "" if len(names) == len(set(names)) else "two tools have one name"


def wrong_messages(messages: list[dict[str, Any]]) -> str:
    """What is wrong with a conversation; empty if nothing is.

    Some servers' templates require that users and assistants alternate, so this one does.
    """
    if not messages or messages[-1]["role"] == "assistant":
        return "nothing to answer"
    if "system" in [message["role"] for message in messages[1:]]:
        return "a system message is not the first"
    ids = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    if len(ids) != len(set(ids)):
        return f"two calls have one id: {ids}"
    open_calls: set[str] = set()
    for before, message in itertools.pairwise([{"role": "none"}, *messages]):
        if problem := wrong_message(message, before, open_calls):
            return f"{problem}: {message}"
    return f"calls without answers: {open_calls}" if open_calls else ""


def wrong_message(message: dict[str, Any], before: dict[str, Any], open_calls: set[str]) -> str:
    """What is wrong with a message; updates the calls that wait for an answer."""
    role, content, calls = message["role"], message.get("content"), message.get("tool_calls")
    if message.keys() - MESSAGE_FIELDS[role]:
        return "unknown fields"
    if role == "tool":
        if message["tool_call_id"] not in open_calls:
            return "a tool message answers no call"
        open_calls.remove(message["tool_call_id"])
    elif open_calls:
        return f"calls without answers: {open_calls}"
    elif role == before["role"]:
        return f"two messages of the {role} in a row"
    if not isinstance(content, str) and not (role == "assistant" and calls and content is None):
        return "content is no text"
    if role == "assistant" and not calls and not (content or "").strip():
        return "neither text nor calls"
    if calls is not None and not calls:
        return "tool_calls is an empty list"
    return next(filter(None, (wrong_call(call, open_calls) for call in calls or ())), "")


def wrong_call(call: dict[str, Any], open_calls: set[str]) -> str:
    """What is wrong with a call in a message of the assistant's."""
    function = call["function"]
    if call["type"] != "function" or not NAME.fullmatch(function["name"]):
        return "a call names no function"
    try:
        if not isinstance(json.loads(function["arguments"]), dict):
            return "arguments are no object"
    except ValueError:
        return "arguments are no JSON"
    if not call["id"] or call["id"] in open_calls:
        return "a call has no id of its own"
    open_calls.add(call["id"])
    return ""
