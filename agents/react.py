"""A language model that calls tools, sees what came of them, and decides when to hand in.

mle-gym run titanic --agent react --agent-arg model=gpt-4o-mini
OPENAI_BASE_URL=http://localhost:8000/v1 mle-gym run titanic --agent react --agent-arg model=qwen3

It works with any API of OpenAI's form. ``--agent-arg text=true`` is for models without tool calls:
they write one block of shell commands in each turn.
"""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

from mle_gym.agents import LeaveEpisode
from mle_gym.chat.conversation import CALL_TOOLS, SYSTEM, Conversation, repaired, shown
from mle_gym.chat.endpoint import Endpoint
from mle_gym.chat.model import ContextOverflow, OutOfTime
from mle_gym.chat.model_budget import ModelBudget, Spent, turn_record
from mle_gym.chat.replies import ToolCall, Turn
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
        stream: Whether replies come in pieces.
        call_budget: Replies of an episode; then what there is is handed in. So it is with all
            budgets.
        seconds_budget: Of wall-clock time. No reply is waited for after the end of the episode's
            own time either.
        token_budget: Of all requests and replies.
        cost_budget: In dollars; requires prices.
        prompt_price: In dollars for a million tokens.
        completion_price: Likewise.
        timeout: Seconds for a reply.

    Raises:
        AgentError: There is no model, or no way to reach one, or a budget makes no sense.
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
        stream: bool = False,
        call_budget: int | None = None,
        seconds_budget: float | None = None,
        token_budget: int | None = None,
        cost_budget: float | None = None,
        prompt_price: float | None = None,
        completion_price: float | None = None,
        timeout: float = 600.0,
    ) -> None:
        endpoint = Endpoint(
            model,
            base_url,
            temperature=temperature,
            max_tokens=max_tokens,
            prompt_price=prompt_price,
            completion_price=completion_price,
            timeout=timeout,
            stream=stream,
        )
        self._budget = ModelBudget(
            calls=call_budget, seconds=seconds_budget, tokens=token_budget, cost=cost_budget
        )
        self._budget.check(priced=endpoint.price is not None)
        self._model = endpoint.open()
        self._text = text
        self._tools = [] if text else tool_schemas(None, tools)
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
        self.spent = Spent()
        self._began = time.monotonic()
        self._turns = Spent()

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """The next call of the model's turn, or the first one of its next turn.

        Raises:
            LeaveEpisode: The model stopped calling tools, or a budget is spent.
            AgentError: The API refuses, or keeps failing.
        """
        self.turn, self._turns = None, Spent()
        deadline = self._deadline(observation)
        if self._running is not None:
            self._answer(self._running, shown(observation))
        while not self._calls:
            self._take_turn(deadline)
        self._running = self._calls.popleft()
        if self._text:
            return self._running.arguments
        meant = repaired(self._running.arguments)
        return parse_tool_call(
            self._running.name, self._running.arguments if meant is None else meant
        )

    def state(self) -> dict[str, Any]:
        """The conversation, the calls that wait, and what was spent."""
        names = ("_talk", "_calls", "_running", "_nudges", "spent")
        seconds = time.monotonic() - self._began
        return {"seconds": seconds, **{name: getattr(self, name) for name in names}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with such a state."""
        self._began = time.monotonic() - state["seconds"]
        for name in state.keys() - {"seconds"}:
            setattr(self, name, state[name])

    def _deadline(self, observation: Any) -> float:
        """When a reply is of no use: the episode's time or the budget's is up."""
        ends = [time.monotonic() + float(observation["seconds_left"].item())]
        if self._budget.seconds is not None:
            ends.append(self._began + self._budget.seconds)
        return min(ends)

    def _take_turn(self, deadline: float) -> None:
        """Ask for a turn, and queue its calls; a turn without any is answered by a nudge."""
        if reason := self._budget.exceeded(self.spent, time.monotonic() - self._began):
            raise LeaveEpisode(reason)
        turn = self._complete(deadline)
        self._count(Spent.on_turn(turn), turn.text)
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

    def _complete(self, deadline: float) -> Turn:
        while True:
            try:
                return self._model.complete(self._talk.messages(), self._tools, deadline=deadline)
            except ContextOverflow as error:
                if self._talk.shorten():
                    continue
                if self.spent.calls:
                    raise LeaveEpisode("the conversation is too long for the model") from error
                raise AgentError(f"the brief is too long for the model: {error}") from error
            except OutOfTime as error:
                self._count(Spent(retry_seconds=error.seconds), "")
                raise LeaveEpisode("the model did not answer in time") from error

    def _count(self, spent: Spent, text: str) -> None:
        self.spent += spent
        self._turns += spent
        self.turn = turn_record(self._model.name, text, self._turns)

    def _answer(self, call: ToolCall, content: str) -> None:
        if self._text:
            self._talk.say(content)
        else:
            self._talk.answer(call, content)
