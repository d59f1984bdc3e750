"""Models of every kind, and what an agent must make of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mle_gym.chat.conversation import LEFT_OUT, SILENCE
from tests.agents.scripted_model import OVERFLOW, Failing, Pieces, Stalling, says

Messages = list[dict[str, Any]]


def runs(*commands: str, text: str | None = None) -> dict[str, Any]:
    """A turn that calls bash, once for each command."""
    return says(text, *[("bash", {"command": command}) for command in commands])


def raw(arguments: str, name: str = "bash") -> dict[str, Any]:
    """A turn whose call has exactly these arguments."""
    return says(None, (name, arguments))


def limited(status: int = 429) -> Failing:
    return Failing(status, {"error": {"message": "slow down"}}, {"retry-after": "0"})


SUBMIT = says(None, ("submit", {}))
DONE = says("I am done. The submission is in place.")
REFUSAL = says(None)
REFUSAL["choices"][0]["message"]["refusal"] = "I can't help with that."
SAME_IDS = runs("a", "b")
for _call in SAME_IDS["choices"][0]["message"]["tool_calls"]:
    _call["id"] = "same"
NO_IDS = runs("a", "b")
for _call in NO_IDS["choices"][0]["message"]["tool_calls"]:
    _call["id"] = ""
ONE_INDEX = replace(
    Pieces.of(runs("a", "b")),
    data=tuple(each.replace('"index": 1', '"index": 0') for each in Pieces.of(runs("a", "b")).data),
)
ERROR_PIECE = Pieces((*Pieces.of(runs("ls")).data[:3], '{"error": {"message": "overloaded"}}'))
BROKEN_PIECE = Pieces((*Pieces.of(runs("ls")).data[:3], '{"choices": ['))


def stored(messages: Messages, turn: int = 0) -> list[dict[str, Any]]:
    """The calls that the conversation keeps of one of the model's turns."""
    said = [each for each in messages if each["role"] == "assistant"][turn]
    return [call["function"] for call in said["tool_calls"]]


def keeps(arguments: dict[str, Any], name: str = "bash") -> Callable[[Messages], bool]:
    """Whether the first call is kept with these arguments and this name."""

    def check(messages: Messages) -> bool:
        call = stored(messages)[0]
        return (json.loads(call["arguments"]), call["name"]) == (arguments, name)

    return check


def told(*words: str) -> Callable[[Messages], bool]:
    """Whether the model was told all these words."""
    return lambda messages: all(word in json.dumps(messages) for word in words)


@dataclass(frozen=True)
class Model:
    """A script, and what an agent must make of it."""

    name: str
    script: tuple[Any, ...]
    actions: tuple[str, ...] = ("submit",)
    left: str = ""
    """What is said when the agent leaves; empty if it doesn't."""
    error: str = ""
    conversation: Callable[[Messages], bool] = lambda messages: True
    """What must be so of the last request."""
    arguments: dict[str, Any] = field(default_factory=dict)
    stream_only: bool = False


MODELS = [
    Model(
        "diligent", (runs("ls", text="Look."), SUBMIT), ("ls", "submit"), conversation=told("Look.")
    ),
    Model(
        "calls in parallel",
        (runs("a", "b", "c"), SUBMIT),
        ("a", "b", "c", "submit"),
        conversation=lambda sent: (
            [each["role"] for each in sent[2:]] == ["assistant"] + ["tool"] * 3
        ),
    ),
    Model("one id for all calls", (SAME_IDS, SAME_IDS, SUBMIT), ("a", "b", "a", "b", "submit")),
    Model("no ids", (NO_IDS, NO_IDS, SUBMIT), ("a", "b", "a", "b", "submit")),
    Model(
        "done without a call",
        (runs("ls"), DONE, DONE, DONE),
        ("ls",),
        left="stopped working",
        conversation=told("no tool call in your reply"),
    ),
    Model("pauses once", (DONE, runs("ls"), DONE, SUBMIT), ("ls", "submit")),
    Model(
        "refuses",
        (REFUSAL, REFUSAL, REFUSAL),
        (),
        left="stopped working",
        conversation=told("I can't help"),
    ),
    Model(
        "silent",
        (says(""), says("  "), says(None)),
        (),
        left="stopped working",
        conversation=told(SILENCE),
    ),
    Model(
        "cut off in text",
        (says("Let me", finish_reason="length"), SUBMIT),
        conversation=told("cut off"),
    ),
    Model(
        "cut off in a call",
        (raw('{"command": "ls'), SUBMIT),
        ('{"command": "ls', "submit"),
        conversation=keeps({}),
    ),
    Model(
        "arguments in a fence",
        (raw('```json\n{"command": "ls"}\n```'), SUBMIT),
        ("ls", "submit"),
        conversation=keeps({"command": "ls"}),
    ),
    Model(
        "line breaks in JSON",
        (raw('{"command": "a\nb"}'), SUBMIT),
        ("a\nb", "submit"),
        conversation=keeps({"command": "a\nb"}),
    ),
    Model(
        "text after JSON",
        (raw('{"command": "ls"} now'), SUBMIT),
        ("ls", "submit"),
        conversation=keeps({"command": "ls"}),
    ),
    Model(
        "arguments as Python",
        (raw("{'command': 'ls', 'restart': None,}"), SUBMIT),
        ("ls", "submit"),
        conversation=keeps({"command": "ls", "restart": None}),
    ),
    Model(
        "JSON in JSON",
        (raw(json.dumps('{"command": "ls"}')), SUBMIT),
        ("ls", "submit"),
        conversation=keeps({"command": "ls"}),
    ),
    Model(
        "a list for arguments",
        (raw('["ls"]'), SUBMIT),
        ('["ls"]', "submit"),
        conversation=keeps({}),
    ),
    Model("no arguments", (raw("", "submit"),)),
    Model(
        "a prefix at the name",
        (raw('{"command": "ls"}', "functions.bash"), SUBMIT),
        ("ls", "submit"),
        conversation=keeps({"command": "ls"}, "functions_bash"),
    ),
    Model(
        "a tool that isn't there",
        (raw("{}", "look at data!" * 9), SUBMIT),
        ("look at data!" * 9, "submit"),
        conversation=keeps({}, ("look_at_data_" * 9)[:64]),
    ),
    Model(
        "a nameless call",
        (raw("{}", ""), SUBMIT),
        ("", "submit"),
        conversation=keeps({}, "unknown"),
    ),
    Model("rate limits", (limited(), limited(), SUBMIT)),
    Model("errors of the server", (limited(500), Failing(502, "<html>"), limited(503), SUBMIT)),
    Model("an error with status 200", (Failing(200, {"error": {"message": "no"}}), SUBMIT)),
    Model("a body that is no JSON", (Failing(200, "<html>"), SUBMIT)),
    Model("a connection that breaks", (Failing(0), SUBMIT)),
    Model("a stall", (Stalling(), SUBMIT), arguments={"timeout": 0.3}),
    Model(
        "a wrong key",
        (Failing(401, {"error": {"message": "no such key"}}),),
        (),
        error="no such key",
    ),
    Model(
        "a context that overflows",
        (runs("a"), runs("b"), runs("c"), OVERFLOW, SUBMIT),
        ("a", "b", "c", "submit"),
        conversation=lambda sent: told(LEFT_OUT)(sent) and len(stored(sent)) == 1,
    ),
    Model(
        "a context for one turn",
        (runs("a"), *[OVERFLOW] * 9),
        ("a",),
        left="too long for the model",
    ),
    Model("a context too short for the brief", (OVERFLOW,), (), error="brief is too long"),
    Model(
        "talkative",
        (runs("a"), runs("b"), runs("c")),
        ("a", "b"),
        left="budget of tokens",
        arguments={"token_budget": 200},
    ),
    Model(
        "expensive",
        (runs("a"), runs("b"), runs("c")),
        ("a",),
        left="budget of dollars",
        arguments={"cost_budget": 0.1, "prompt_price": 1000.0, "completion_price": 0.0},
    ),
    Model(
        "slow to finish",
        (runs("a"), runs("b"), runs("c")),
        ("a", "b"),
        left="budget of calls",
        arguments={"call_budget": 2},
    ),
    Model(
        "only text",
        (
            says("Hi!"),
            says("Look:\n```bash\nls\n```\nand\n```bash\nrm x\n```"),
            says("```\nsubmit\n```"),
        ),
        ("ls\n", "submit\n"),
        conversation=told("no block of commands"),
        arguments={"text": True},
    ),
    Model(
        "only text, and done",
        (DONE, DONE, DONE),
        (),
        left="stopped working",
        arguments={"text": True},
    ),
    Model("a stream cut in text", (Pieces.of(DONE).cut(3), SUBMIT), stream_only=True),
    Model("a stream cut in a call", (Pieces.of(runs("ls")).cut(4), SUBMIT), stream_only=True),
    Model(
        "a stream cut before the end",
        (Pieces.of(SUBMIT, usage=False, done=False),),
        stream_only=True,
    ),
    Model("an error in a stream", (ERROR_PIECE, SUBMIT), stream_only=True),
    Model("a stream that is no JSON", (BROKEN_PIECE, SUBMIT), stream_only=True),
    Model("one index for all calls", (ONE_INDEX, SUBMIT), ("a", "b", "submit"), stream_only=True),
    Model(
        "a stream that drips",
        (replace(Pieces.of(DONE), pause=0.2), SUBMIT),
        stream_only=True,
        arguments={"timeout": 0.5},
    ),
]
