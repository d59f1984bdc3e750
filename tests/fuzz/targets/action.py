"""The action parser: whatever JSON a model writes is an action or an ActionError."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from mle_gym.episode.parse_action import TOOLS, parse_action
from mle_gym.errors import ActionError

LONGEST_MESSAGE = 700


def check(data: bytes) -> None:
    """The bytes are JSON if they can be, else a script."""
    raw = decode(data)
    try:
        action = parse_action(raw)
    except ActionError as error:
        check_message(str(error))
        return
    values = dataclasses.asdict(action)
    for name, value in values.items():
        if isinstance(value, str):
            value.encode()
            assert name in ("content", "old", "new") or "\0" not in value
        elif value is not None:
            assert type(value) in (int, float)
            assert value > 0
    assert TOOLS[action.tool] is type(action)
    assert parse_action({"tool": action.tool, **values}) == action


def check_message(message: str) -> None:
    """Short enough, and text that can be sent."""
    assert 0 < len(message.encode()) <= LONGEST_MESSAGE, message


def decode(data: bytes) -> Any:
    """JSON may say what UTF-8 can't: lone surrogates, numbers beyond any float, NaN."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
