"""A language model that calls tools, sees what came of them, and decides when to hand in.

mle-gym run titanic --agent react --agent-arg model=gpt-4o-mini
OPENAI_BASE_URL=http://localhost:8000/v1 mle-gym run titanic --agent react --agent-arg model=qwen3

It works with any API of OpenAI's form. ``--agent-arg text=true`` is for models without tool calls:
they write one block of shell commands in each turn.
"""

from __future__ import annotations

import os
import re
from collections import deque
from typing import Any

from mle_gym.agents import LeaveEpisode
from mle_gym.chat.conversation import CALL_TOOLS, SYSTEM, Conversation, repaired, shown
from mle_gym.chat.model import ChatModel, ContextOverflow, Price, ToolCall, Turn
from mle_gym.episode.actions.parse import parse_tool_call
from mle_gym.episode.actions.schemas import ToolSet, tool_schemas
from mle_gym.errors import AgentError

WRITE_BLOCKS = """\
In each turn write one block of shell commands, and nothing after it:

```bash
head -3 data/train.csv
```

When nothing more can be gained, run `submit`."""
NUDGE = "There was no {form} in your reply. Go on with one, or {end} if you are done."
CUT = "Your reply was cut off because it was too long. Answer with less text."
MOST_NUDGES = 2
"""In a row; then what there is is handed in."""
_BLOCK = re.compile(r"```(?:bash|sh|shell|console)?[ \t]*\n(.*?)```", re.DOTALL)


class ReactAgent:
    """Asks the model for a turn, and performs its calls one after the other.

    Args:
        model: Its name; by default the variable ``MLE_GYM_MODEL``.
        base_url: Where the API is; by default ``OPENAI_BASE_URL``.
        tools: The set of tools: ``"claude"``, ``"openai"``, ``"bash"`` or ``"mle"``.
        text: Whether the model writes blocks of commands instead of calling tools.
        temperature: Of its samples; by default the API's.
        max_tokens: Of one reply; by default the API's.
        token_budget: Of all requests and replies of an episode; then what there is is handed in.
        cost_budget: In dollars; requires prices.
        prompt_price: In dollars for a million tokens.
        completion_price: Likewise.
        timeout: Seconds for a reply.

    Raises:
        AgentError: There is no model, or no way to reach one.
    """

    name = "react"

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        tools: ToolSet = "claude",
        text: bool = False,
        temperature: float | None = None,
        max_tokens: int | None = None,
        token_budget: int | None = None,
        cost_budget: float | None = None,
        prompt_price: float | None = None,
        completion_price: float | None = None,
        timeout: float = 600.0,
    ) -> None:
        model = model or os.environ.get("MLE_GYM_MODEL", "")
        if not model:
            raise AgentError("name a model: --agent-arg model=NAME, or MLE_GYM_MODEL")
        price = None
        if prompt_price is not None and completion_price is not None:
            price = Price(prompt_price, completion_price)
        elif cost_budget is not None:
            raise AgentError("cost_budget requires prompt_price and completion_price")
        options = {"temperature": temperature, "max_tokens": max_tokens}
        given = {name: value for name, value in options.items() if value is not None}
        self._model = ChatModel(
            model, base_url=base_url, options=given, price=price, timeout=timeout
        )
        self._text = text
        self._tools = [] if text else tool_schemas(None, tools)
        self._token_budget, self._cost_budget = token_budget, cost_budget
        self.turn: dict[str, Any] | None = None
        """What the turns took that led to the last action; None if it is a further call of a turn
        that led to an earlier one."""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Begin a conversation with the brief."""
        how = WRITE_BLOCKS if self._text else CALL_TOOLS
        self._talk = Conversation(f"{SYSTEM}\n\n{how}", str(observation["output"]))
        self._calls: deque[ToolCall] = deque()
        self._running: ToolCall | None = None
        self._nudges = 0
        self.tokens, self.cost = 0, 0.0

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """The next call of the model's turn, or the first one of its next turn.

        Raises:
            LeaveEpisode: The model stopped calling tools, or a budget is spent.
            AgentError: The API refuses, or keeps failing.
        """
        self.turn = None
        if self._running is not None:
            self._answer(self._running, shown(observation))
        while not self._calls:
            self._take_turn()
        self._running = self._calls.popleft()
        if self._text:
            return self._running.arguments
        meant = repaired(self._running.arguments)
        return parse_tool_call(
            self._running.name, self._running.arguments if meant is None else meant
        )

    def _take_turn(self) -> None:
        """Ask for a turn, and queue its calls; a turn without any is answered by a nudge."""
        if self._token_budget is not None and self.tokens >= self._token_budget:
            raise LeaveEpisode("the budget of tokens is spent")
        if self._cost_budget is not None and self.cost >= self._cost_budget:
            raise LeaveEpisode("the budget of dollars is spent")
        turn = self._complete()
        self._count(turn)
        calls = self._talk.add_turn(turn)
        if self._text:
            calls = [ToolCall("", "bash", block) for block in _BLOCK.findall(turn.text)[:1]]
        self._calls.extend(calls)
        if calls:
            self._nudges = 0
            return
        if self._nudges == MOST_NUDGES:
            raise LeaveEpisode("the model stopped working")
        self._nudges += 1
        form, end = ("block of commands", "run `submit`") if self._text else (
            "tool call", "call submit"
        )  # fmt: skip
        self._talk.say(CUT if turn.cut else NUDGE.format(form=form, end=end))

    def _complete(self) -> Turn:
        while True:
            try:
                return self._model.complete(self._talk.messages(), self._tools)
            except ContextOverflow as error:
                if not self._talk.shorten():
                    raise AgentError(f"the brief is too long for the model: {error}") from error

    def _count(self, turn: Turn) -> None:
        tokens = turn.prompt_tokens + turn.completion_tokens
        self.tokens += tokens
        self.cost += turn.cost or 0.0
        before = self.turn or {"tokens": 0, "cost": 0.0, "seconds": 0.0, "retry_seconds": 0.0}
        self.turn = {
            "model": self._model.name,
            "text": turn.text,
            "tokens": before["tokens"] + tokens,
            "cost": None if turn.cost is None else before["cost"] + turn.cost,
            "seconds": round(before["seconds"] + turn.seconds, 3),
            "retry_seconds": round(before["retry_seconds"] + turn.retry_seconds, 3),
        }

    def _answer(self, call: ToolCall, content: str) -> None:
        if self._text:
            self._talk.say(content)
        else:
            self._talk.answer(call, content)
