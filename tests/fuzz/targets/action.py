"""The action parser: whatever JSON a model writes is an action or an ActionError."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from mle_gym.episode.actions.action import Action
from mle_gym.episode.actions.parse import parse_action
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
    assert isinstance(action, Action)
    for name, value in dataclasses.asdict(action).items():
        if isinstance(value, str):
            value.encode()
            assert name in ("content", "old", "new", "text") or "\0" not in value
        elif value is not None and not isinstance(value, bool):
            assert type(value) in (int, float)
            assert value > 0 or name == "line"


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
