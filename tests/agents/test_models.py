"""Models of every kind, played by a server that is as strict with requests as a real one.

Each plays with whole replies and with streams. An action is told by its command or, for other
tools, by its name. A request that a real server would refuse raises an AgentError.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mle_gym.agents import LeaveEpisode, load_agent
from mle_gym.chat import model as chat_model
from mle_gym.chat.model import ChatModel, OutOfTime
from mle_gym.errors import AgentError
from tests.agents.models import MODELS, Messages, Model, runs
from tests.agents.scripted_model import Always, Failing, Stalling, serving
from tests.agents.strict_requests import malformed

BOTH = [(model, stream) for model in MODELS for stream in (False, True)]


def observed(seconds: float = 1000.0) -> dict[str, Any]:
    return {
        "output": "# The brief",
        "exit_code": 0,
        "steps_left": 7,
        "seconds_left": np.array([seconds]),
    }


def name_of(action: Any) -> str:
    """What an action is told by."""
    if isinstance(action, str):
        return action
    arguments = action["arguments"]
    return str(
        arguments.get("command", action["name"]) if isinstance(arguments, dict) else arguments
    )


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_model, "FIRST_WAIT", 0.001)


@pytest.mark.parametrize(
    ("model", "stream"),
    [pytest.param(model, stream, id=f"{model.name}{', streamed' * stream}")
     for model, stream in BOTH if stream or not model.stream_only],
)  # fmt: skip
def test_an_agent_gets_along_with(model: Model, stream: bool) -> None:
    actions: list[str] = []
    left = error = ""
    with serving(*model.script) as server:
        agent: Any = load_agent(
            "react", model="scripted", base_url=server.url, stream=stream, **model.arguments
        )
        agent.reset(observed(), {})
        try:
            while not (actions and actions[-1].strip() == "submit"):
                actions.append(name_of(agent.act(observed(), {})))
        except LeaveEpisode as leave:
            left = str(leave) if leave.submit else "nothing was handed in"
        except AgentError as caught:
            error = str(caught)
    assert model.error in error
    assert bool(error) == bool(model.error), error
    assert model.left in left
    assert bool(left) == bool(model.left), left
    assert tuple(actions) == model.actions
    if server.requests and not error:
        assert model.conversation(server.last())


def test_there_are_enough_of_them() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS) >= 20


def test_a_stream_costs_what_a_whole_reply_costs_and_says_the_same() -> None:
    reply = runs("ls", "pwd", text="I look around.")
    turns = []
    for stream in (False, True):
        with serving(reply) as server:
            chat = ChatModel("m", base_url=server.url, stream=stream)
            turns.append(chat.complete([{"role": "user", "content": "Hi"}]))
    whole, streamed = (replace(turn, seconds=0.0, retry_seconds=0.0) for turn in turns)
    assert whole == streamed
    assert (streamed.prompt_tokens, streamed.completion_tokens) == (100, 10)


def test_no_reply_is_waited_for_after_the_deadline() -> None:
    """Neither a retry nor a stall outlives it, and the time is counted as that of retries."""
    with serving(Always(lambda request: limited_for(3600))) as server:
        agent: Any = load_agent("react", model="m", base_url=server.url)
        agent.reset(observed(), {})
        with pytest.raises(LeaveEpisode, match="did not answer in time"):
            agent.act(observed(seconds=5.0), {})
    assert agent.turn["retry_seconds"] > 0
    assert len(server.requests) == 1
    stalling = Stalling()
    with serving(stalling) as server:
        chat = ChatModel("m", base_url=server.url, wait=lambda seconds: None)
        deadline = time.monotonic() + 0.2
        with pytest.raises(OutOfTime):
            chat.complete([{"role": "user", "content": "Hi"}], deadline=deadline)
        stalling.until.set()


def limited_for(seconds: int) -> Failing:
    return Failing(429, {"error": {"message": "later"}}, {"retry-after": str(seconds)})


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
HELLO = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "nothing to answer"),
        ([HELLO, HELLO], "two messages of the user"),
        ([HELLO, {"role": "assistant", "content": "", "tool_calls": [CALL]}], "nothing to answer"),
        (
            [HELLO, {"role": "assistant", "content": "", "tool_calls": [CALL]}, HELLO],
            "without answers",
        ),
        ([HELLO, {"role": "assistant", "content": ""}, HELLO], "neither text nor calls"),
        ([HELLO, {"role": "tool", "content": "x", "tool_call_id": "1"}], "answers no call"),
        ([{**HELLO, "name": "x"}], "unknown fields"),
    ],
)
def test_the_server_is_strict(messages: Messages, problem: str) -> None:
    assert problem in malformed({"model": "m", "messages": messages})
