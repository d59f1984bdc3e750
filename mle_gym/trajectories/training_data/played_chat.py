"""A recorded episode as the conversation that a language model would have had."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mle_gym.chat.conversation import CALL_TOOLS, SYSTEM, Conversation, shown
from mle_gym.chat.replies import ToolCall, Turn
from mle_gym.episode.actions.parse import canonical_call
from mle_gym.episode.actions.schemas import schemas_of
from mle_gym.episode.actions.tools import TOOL_SETS, TOOLS
from mle_gym.errors import ActionError, TrajectoryError
from mle_gym.trajectories.audit.written_code import is_readable
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["PlayedChat", "played_chat"]

_BLOCK = re.compile(r"```(?:bash|sh|shell|console)?[ \t]*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class PlayedChat:
    """An episode in the form of OpenAI's chat completions."""

    messages: tuple[dict[str, Any], ...]
    """``system``, ``user`` (the brief), and then ``assistant`` and ``tool`` in turns."""
    tools: tuple[dict[str, Any], ...]
    """The tools that were offered, in function-calling form."""
    turns: tuple[dict[str, Any], ...]
    """For each message of the assistant: ``timestamp`` and, of a model's, ``model``, ``tokens`` and
    ``cost``."""


def played_chat(trajectory: Trajectory) -> PlayedChat:
    """What a model would have read and said that took these actions.

    Calls have our tools' names and fields, whatever names the agent used; one that was malformed
    stays as it was. Outputs are shown as agents of ours show them
    (:func:`mle_gym.chat.conversation.shown`).

    Raises:
        TrajectoryError: The actions are neither scripts nor calls of tools, or the observations are
            not those of our environments.
    """
    opening = trajectory.header.get("observation")
    steps = _by_the_agent(trajectory)
    if not isinstance(opening, dict) or not all(is_readable(step.action) for step in steps):
        raise TrajectoryError("its actions are neither scripts nor calls of tools")
    talk = Conversation(f"{SYSTEM}\n\n{CALL_TOOLS}", str(opening.get("output", "")))
    turns = []
    for group in _turns(steps):
        calls = talk.add_turn(Turn(_said(group[0]), tuple(map(_call, group))))
        for call, step in zip(calls, group, strict=True):
            talk.answer(call, _shown(step))
        turns.append(_facts(trajectory, group))
    return PlayedChat(tuple(talk.messages()), tuple(_offered(trajectory, steps)), tuple(turns))


def _by_the_agent(trajectory: Trajectory) -> Sequence[Step]:
    """The steps that the agent took. The one that hands in for an agent that left isn't its own."""
    handed_in = trajectory.left and trajectory.steps and (
        trajectory.steps[-1].action == {"tool": "submit"}
    )  # fmt: skip
    return trajectory.steps[:-1] if handed_in else trajectory.steps


def _turns(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps of each turn. A model's later calls of a turn have no ``turn`` of their own."""
    by_model = any(step.turn for step in steps)
    group: list[Step] = []
    for step in steps:
        if group and (step.turn or not by_model):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _said(step: Step) -> str:
    """The text beside the calls, without a block that was itself the call."""
    text = str((step.turn or {}).get("text") or "")
    if isinstance(step.action, str):
        action = step.action.strip()
        text = _BLOCK.sub(lambda found: "" if found[1].strip() == action else found[0], text)
    return text.strip()


def _call(step: Step) -> ToolCall:
    try:
        name, arguments = canonical_call(step.action)
    except ActionError:
        raw: Any = step.action if isinstance(step.action, dict) else {"tool": str(step.action)}
        raw = raw["function"] if isinstance(raw.get("function"), dict) else raw
        name = str(raw.get("tool", raw.get("name", "")))
        given = raw.get("arguments", {key: raw[key] for key in raw if key not in ("tool", "name")})
        return ToolCall("", name, given if isinstance(given, str) else json.dumps(given))
    return ToolCall("", name, json.dumps(arguments))


def _shown(step: Step) -> str:
    try:
        return shown(step.observation)
    except (KeyError, TypeError, IndexError, ValueError):
        raise TrajectoryError("its observations are not those of our environments") from None


def _offered(trajectory: Trajectory, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The first set of tools that has all that were called; otherwise those that were called too.

    What the episode's settings did not allow is left out.
    """
    used = {call.name for call in map(_call, steps) if call.name in TOOLS}
    settings = trajectory.header.get("settings") or {}
    feedback = str(settings.get("feedback", "validate"))
    fitting = [names for names in TOOL_SETS.values() if used <= set(names)]
    names = fitting[0] if fitting else (*TOOL_SETS["claude"], *used)
    return schemas_of([name for name in TOOLS if name in names], feedback)


def _facts(trajectory: Trajectory, group: Sequence[Step]) -> dict[str, Any]:
    """When a turn was over, and what it cost."""
    facts = {
        name: value
        for name, value in (group[0].turn or {}).items()
        if name in ("model", "tokens", "cost") and value is not None
    }
    try:
        began = datetime.datetime.fromisoformat(str(trajectory.header.get("created")))
        over = began + datetime.timedelta(seconds=float(group[-1].time))
    except (ValueError, OverflowError, TypeError):
        return facts
    return {"timestamp": over.isoformat(timespec="milliseconds"), **facts}
