"""An episode as a conversation: the brief, the model's turns, and what came of its calls."""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_gym.chat.replies import ToolCall, Turn

__all__ = ["CALL_TOOLS", "SYSTEM", "Conversation", "repaired", "shortened", "shown"]

SYSTEM = """\
You are a machine-learning engineer. You work on one task in a sandbox, and are judged by the \
score of what you hand in. Look at the data first, get a valid submission early, validate on rows \
that you hold out yourself, and improve while there is time. Nobody answers questions."""
CALL_TOOLS = "Work with the tools. When nothing more can be gained, call submit."
"""What a model is told first, and how one that calls tools works."""
MOST_CHARACTERS = 8000
"""Of an output, as a model sees it: about 2,000 tokens."""
FEWEST_CHARACTERS = 500
"""An answer that is shorter isn't shortened further."""
MOST_PYTHON = 100_000
"""Characters of arguments that are read as Python. Its parser takes a lot of memory."""
MOST_NAME = 64
"""Characters of a tool's name."""
SILENCE = "(nothing)"
LEFT_OUT = "[Earlier turns were left out, since the conversation became too long.]"


_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass
class _Exchange:
    """A turn of the model's, and the messages that answer it. They stay or go together."""

    said: dict[str, Any]
    answers: list[dict[str, Any]] = field(default_factory=list)


class Conversation:
    """The messages of one episode, in the form of OpenAI's chat completions.

    Args:
        system: What the model is told first.
        brief: The environment's first observation.
    """

    def __init__(self, system: str, brief: str) -> None:
        self._head = [
            {"role": "system", "content": system},
            {"role": "user", "content": brief},
        ]
        self._exchanges: list[_Exchange] = []
        self._left_out = False
        self._ids: set[str] = set()

    def messages(self) -> list[dict[str, Any]]:
        """All messages, ready to be sent."""
        system, brief = self._head
        if self._left_out:  # no message of its own: some servers require that roles alternate
            brief = brief | {"content": f"{brief['content']}\n\n{LEFT_OUT}"}
        rest = [each for one in self._exchanges for each in (one.said, *one.answers)]
        return [system, brief, *rest]

    def add_turn(self, turn: Turn) -> list[ToolCall]:
        """Keep what the model said; returns its calls, each with an id of its own.

        Arguments are kept as they were repaired, or else as an empty object, names without
        characters that names can't have, and silence as a word, because servers refuse a
        conversation that contains them.
        """
        said: dict[str, Any] = {"role": "assistant", "content": turn.text}
        calls: list[ToolCall] = []
        for each in turn.calls:
            calls.append(ToolCall(self._own_id(each.id), each.name, each.arguments))
        if calls:
            said["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": _NO_NAME.sub("_", call.name)[:MOST_NAME] or "unknown",
                        "arguments": json.dumps(repaired(call.arguments) or {}),
                    },
                }
                for call in calls
            ]
        elif not turn.text.strip():
            said["content"] = SILENCE
        self._exchanges.append(_Exchange(said))
        return calls

    def _own_id(self, given: str) -> str:
        """An id that no other call of the conversation has: the given one, if that is so."""
        fresh = (f"call_{number}" for number in itertools.count(len(self._ids)))
        candidates = itertools.chain([given], fresh)
        own = next(each for each in candidates if each and each not in self._ids)
        self._ids.add(own)
        return own

    def answer(self, call: ToolCall, content: str) -> None:
        """Say what came of a call."""
        self._exchanges[-1].answers.append(
            {"role": "tool", "tool_call_id": call.id, "content": content}
        )

    def say(self, content: str) -> None:
        """Say something to the model after its last turn."""
        self._exchanges[-1].answers.append({"role": "user", "content": content})

    def shorten(self) -> bool:
        """Leave out the older half of the turns; whether there was anything that could go.

        The brief and the last turn stay. Of the last turn's answers, the longest is halved.
        """
        going = len(self._exchanges) // 2
        if going:
            del self._exchanges[:going]
            self._left_out = True
            return True
        answers = self._exchanges[0].answers if self._exchanges else []
        longest = max(answers, key=lambda each: len(each["content"]), default={"content": ""})
        content = longest["content"]
        if len(content) < FEWEST_CHARACTERS:
            return False
        longest["content"] = shortened(content, len(content) // 2)
        return True


def repaired(arguments: str) -> dict[str, Any] | None:
    """The object that a model meant by a call's arguments, or None if that can't be seen.

    Models write line breaks into strings, put the object into a fence or into a string, add text
    after it, or write it as Python does.
    """
    text = arguments.strip().removeprefix("```json").removeprefix("```").strip()
    if not text:
        return {}
    found: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        found, _ = json.JSONDecoder(strict=False).raw_decode(text)
    if isinstance(found, str) and found.lstrip().startswith("{"):
        return repaired(found)
    if found is None and len(text) < MOST_PYTHON:
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            found = ast.literal_eval(text)
    if isinstance(found, dict) and all(isinstance(name, str) for name in found):
        with contextlib.suppress(ValueError, TypeError):
            return dict(json.loads(json.dumps(found, allow_nan=False)))
    return None


def shown(observation: Mapping[str, Any], most: int = MOST_CHARACTERS) -> str:
    """An observation as a model reads it: the output, and what is left of the budget."""
    lines = [shortened(str(observation["output"]), most).rstrip("\n")]
    if observation["exit_code"]:
        lines.append(f"[exit code {observation['exit_code']}]")
    steps, seconds = int(observation["steps_left"]), float(observation["seconds_left"][0])
    lines.append(f"[{steps} steps and {seconds:,.0f} seconds left]")
    return "\n".join(filter(None, lines))


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """The beginning and the end of a text that is longer than so many characters."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"
