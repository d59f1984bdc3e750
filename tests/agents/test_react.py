"""The agent that asks a language model, against a server that plays the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mle_gym
from mle_gym.agents import LeaveEpisode, load_agent
from mle_gym.chat.conversation import LEFT_OUT, Conversation, repaired, shortened, shown
from mle_gym.chat.model import ChatModel, ContextOverflow, Price
from mle_gym.env import MLEEnv
from mle_gym.errors import AgentError
from tests.agents.scripted_model import OVERFLOW, Failing, ScriptedModel, says, serving

COPY = ("bash", {"command": "cp data/sample_submission.csv submission.csv"})
LIMIT = Failing(429, {"error": {"message": "slow down"}}, {"retry-after": "0"})


def observed(output: str = "done", exit_code: int = 0) -> dict[str, Any]:
    return {
        "output": output,
        "exit_code": exit_code,
        "steps_left": 7,
        "seconds_left": np.array([1234.5]),
    }


def agent_of(model: ScriptedModel, **arguments: Any) -> Any:
    agent = load_agent("react", model="scripted", base_url=model.url, **arguments)
    agent.reset(observed("# The brief"), {})
    return agent


def plays(agent: Any, *outputs: str) -> list[Any]:
    """The agent's actions, each of which is answered by the next output."""
    actions = [agent.act(observed("# The brief"), {})]
    return actions + [agent.act(observed(output), {}) for output in outputs]


# ---- a whole episode


@pytest.mark.slow("a whole episode")
def test_a_model_plays_an_episode_to_its_grade(make: Callable[..., MLEEnv]) -> None:
    script = [says("Let me look.", ("bash", {"command": "ls data"})), says(None, COPY),
              says("Now.", ("submit", {}))]  # fmt: skip
    with serving(*script) as model:
        agent = load_agent("react", model="scripted", base_url=model.url, prompt_price=1.0,
                           completion_price=2.0)  # fmt: skip
        trajectory = mle_gym.rollout(make(), agent, seed=0)
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    assert [step.turn["tokens"] for step in trajectory.steps if step.turn] == [110, 110, 110]
    assert trajectory.steps[0].turn is not None
    assert trajectory.steps[0].turn["text"] == "Let me look."
    assert trajectory.steps[0].turn["cost"] == pytest.approx(120e-6)
    roles = [message["role"] for message in model.last()]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert "train.csv" in model.last()[3]["content"]


@pytest.mark.slow("a whole episode")
def test_a_model_that_stops_talking_gets_what_it_wrote_graded(make: Callable[..., MLEEnv]) -> None:
    done = says("I am done. The submission is in place.")
    with serving(says(None, COPY), done, done, done) as model:
        agent = load_agent("react", model="scripted", base_url=model.url)
        trajectory = mle_gym.rollout(make(), agent, seed=0)
    assert trajectory.left == "the model stopped working"
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    assert trajectory.steps[-1].turn is not None
    assert trajectory.steps[-1].turn["tokens"] == 330


# ---- turns


def test_the_calls_of_a_turn_are_performed_in_order_and_all_answered() -> None:
    script = says(None, ("bash", {"command": "a"}), ("bash", {"command": "b"}))
    with serving(script, says(None, ("submit", {}))) as model:
        agent = agent_of(model)
        actions = plays(agent, "from a", "from b")
        assert [action["arguments"] for action in actions] == [
            {"command": "a"}, {"command": "b"}, {},
        ]  # fmt: skip
        answers = [each for each in model.last() if each["role"] == "tool"]
    assert [each["content"].splitlines()[0] for each in answers] == ["from a", "from b"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"command": "echo a\nb"}', {"command": "echo a\nb"}),
        ('```json\n{"command": "ls"}\n```', {"command": "ls"}),
        ('{"command": "ls"} and then', {"command": "ls"}),
        ("", {}),
        ('{"command": "ls', None),
        ("[1]", None),
    ],
)
def test_arguments_are_repaired_where_their_meaning_shows(written: str, meant: Any) -> None:
    assert repaired(written) == meant


def test_arguments_that_are_no_json_reach_the_environment_and_not_the_server() -> None:
    with serving(says(None, ("bash", '{"command": "ls')), says(None, ("submit", {}))) as model:
        agent = agent_of(model)
        first, _ = plays(agent, "malformed action")
        assert first["arguments"] == '{"command": "ls'
        assert model.last()[2]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_model_without_calls_is_nudged_twice_and_a_call_forgives() -> None:
    idle, busy = says("Hm."), says(None, ("bash", {"command": "ls"}))
    with serving(idle, idle, busy, idle, idle, idle) as model:
        agent = agent_of(model)
        assert plays(agent)[0]["name"] == "bash"
        with pytest.raises(LeaveEpisode, match="stopped working") as left:
            agent.act(observed(), {})
    assert left.value.submit
    assert "There was no tool call" in model.last()[-1]["content"]


def test_a_reply_that_was_cut_off_is_told_so() -> None:
    cut = says("Let me think about", finish_reason="length")
    with serving(cut, says(None, ("submit", {}))) as model:
        plays(agent_of(model))
    assert "cut off" in model.last()[-1]["content"]


def test_a_refusal_counts_as_no_call() -> None:
    refusal = says(None)
    refusal["choices"][0]["message"]["refusal"] = "I can't help with that."
    with serving(refusal, refusal, refusal) as model, pytest.raises(LeaveEpisode):
        plays(agent_of(model))
    assert model.last()[2]["content"] == "I can't help with that."


def test_calls_with_equal_ids_get_their_own() -> None:
    script = says(None, ("bash", {"command": "a"}), ("bash", {"command": "b"}))
    for call in script["choices"][0]["message"]["tool_calls"]:
        call["id"] = "same"
    with serving(script, says(None, ("submit", {}))) as model:
        plays(agent_of(model), "one", "two")
    assert len(model.requests) == 2


def test_a_model_without_tools_writes_blocks() -> None:
    text = "I'll look.\n```bash\nls data\n```\nand then\n```bash\nrm x\n```"
    with serving(says("Hello!"), says(text), says("```\nsubmit\n```")) as model:
        agent = agent_of(model, text=True)
        assert plays(agent, "train.csv") == ["ls data\n", "submit\n"]
    assert "tools" not in model.requests[0]
    assert "no block of commands" in model.requests[1]["messages"][-1]["content"]


# ---- limits


def test_budgets_end_an_episode_and_hand_in() -> None:
    busy = says(None, ("bash", {"command": "ls"}))
    with serving(busy, busy, busy) as model:
        with pytest.raises(LeaveEpisode, match="budget of tokens"):
            plays(agent_of(model, token_budget=200), "one", "two")
        assert len(model.requests) == 2
    prices = {"prompt_price": 1000.0, "completion_price": 0.0}
    with serving(busy, busy) as model, pytest.raises(LeaveEpisode, match="dollars"):
        plays(agent_of(model, cost_budget=0.05, **prices), "one")


def test_an_overflowing_conversation_loses_whole_turns() -> None:
    busy = says(None, ("bash", {"command": "ls"}))
    with serving(busy, busy, busy, OVERFLOW, says(None, ("submit", {}))) as model:
        plays(agent_of(model), "one", "two", "three")
    contents = [message["content"] for message in model.last()]
    assert not any(content and content.startswith("one") for content in contents)
    assert contents[1] == f"# The brief\n\n{LEFT_OUT}"


def test_a_brief_that_is_too_long_is_an_error() -> None:
    with serving(OVERFLOW) as model, pytest.raises(AgentError, match="brief is too long"):
        plays(agent_of(model))


# ---- the API


def test_limits_and_errors_of_a_server_are_retried_and_their_time_is_kept_apart() -> None:
    waits: list[float] = []
    failures = [LIMIT, Failing(500, "x"), Failing(503, {}), Failing(0), Failing(200, {"error": 1})]
    with serving(*failures, says("Hello")) as model:
        chat = ChatModel("m", base_url=model.url, wait=waits.append)
        turn = chat.complete([{"role": "user", "content": "Hi"}])
    assert turn.text == "Hello"
    assert len(waits) == 5
    assert waits[0] == 0.0
    assert all(0.4 < wait <= 60 for wait in waits[1:])
    assert turn.retry_seconds > 0


@pytest.mark.parametrize(
    ("script", "raised", "message"),
    [
        ([LIMIT] * 3, AgentError, "failed 3 times"),
        ([Failing(401, {"error": {"message": "no such key"}})], AgentError, "no such key"),
        ([OVERFLOW], ContextOverflow, "maximum context"),
    ],
)
def test_other_failures_are_raised(script: Any, raised: Any, message: str) -> None:
    with serving(*script) as model, pytest.raises(raised, match=message):
        ChatModel("m", base_url=model.url, retries=2, wait=lambda _: None).complete(
            [{"role": "user", "content": "Hi"}]
        )


def test_an_unknown_price_is_no_cost() -> None:
    with serving(says("Hi"), says("Hi")) as model:
        free = ChatModel("m", base_url=model.url)
        assert free.complete([{"role": "user", "content": "Hi"}]).cost is None
        paid = ChatModel("m", base_url=model.url, price=Price(10.0, 100.0))
        assert paid.complete([{"role": "user", "content": "Hi"}]).cost == pytest.approx(0.002)


def test_without_a_model_or_a_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLE_GYM_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AgentError, match="MLE_GYM_MODEL"):
        load_agent("react")
    with pytest.raises(AgentError, match="OPENAI_API_KEY"):
        load_agent("react", model="m")


# ---- what a model reads


def test_an_observation_says_what_is_left() -> None:
    assert shown(observed("out\n", 3)) == "out\n[exit code 3]\n[7 steps and 1,234 seconds left]"
    assert shown(observed("")) == "[7 steps and 1,234 seconds left]"


def test_a_long_output_keeps_both_ends() -> None:
    text = shortened("a" * 5000 + "b" * 5000, 1000)
    assert text.startswith("a" * 500)
    assert text.endswith("b" * 500)
    assert "9,000 characters" in text
    assert len(text) < 1050


def test_the_last_turn_is_never_left_out() -> None:
    talk = Conversation("system", "brief")
    assert not talk.shorten()
