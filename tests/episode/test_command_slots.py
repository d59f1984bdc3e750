"""How many commands run at the same time, and what waiting costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import gymnasium
import pytest

import mle_gym  # noqa: F401
from mle_gym.episode import command_slots, script_turns
from mle_gym.episode.budget import EpisodeBudget
from mle_gym.episode.clock import Clock
from mle_gym.episode.command_slots import Slots, current_slots

NEVER = threading.Event()


def busy() -> float:
    """A machine whose processors are never idle."""
    return 0.0


def test_as_many_run_as_there_are_slots_and_the_first_to_come_is_next() -> None:
    some = Slots(1, busy)
    assert some.take()
    assert not some.take()
    order: list[str] = []
    threads = []
    for name in ("first", "second"):
        thread = threading.Thread(target=lambda name=name: (some.wait(NEVER), order.append(name)))
        thread.start()
        threads.append(thread)
        while len(some._waiting) < len(threads):
            time.sleep(0.001)
    for number, thread in enumerate(threads):
        assert len(order) == number
        some.give_back()
        thread.join(10)
    assert order == ["first", "second"]


def test_a_wait_that_is_called_off_takes_no_slot_and_leaves_the_queue() -> None:
    some, called_off = Slots(1, busy), threading.Event()
    assert some.take()
    called_off.set()
    assert not some.wait(called_off)
    some.give_back()
    assert some.take()


def test_what_only_sleeps_holds_nobody_up() -> None:
    some = Slots(1, time.monotonic)  # as much idleness as time: one processor is idle
    assert some.take()
    assert some.wait(NEVER)


def test_zero_means_no_limit() -> None:
    some = Slots(0, busy)
    assert all(some.take() for _ in range(100))


def test_the_variable_has_to_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(command_slots.VARIABLE, "many")
    current_slots.cache_clear()
    with pytest.raises(ValueError, match="expected a number of commands"):
        current_slots()


@pytest.fixture
def one_slot(monkeypatch: pytest.MonkeyPatch) -> Slots:
    """A machine with one slot, in which no processor is ever idle."""
    some = Slots(1, busy)
    monkeypatch.setattr(script_turns, "current_slots", lambda: some)
    return some


@pytest.fixture
def env() -> Iterator[gymnasium.Env]:
    made = gymnasium.make("mle/zoo-v0", sandbox="subprocess", time_limit=30.0)
    yield made
    made.close()


@pytest.mark.filterwarnings("ignore:.*subprocess.*")
def test_waiting_for_a_slot_is_not_on_the_agents_clock(one_slot: Slots, env: gymnasium.Env) -> None:
    env.reset(seed=0)
    assert one_slot.take()
    threading.Timer(2.0, one_slot.give_back).start()
    before = env.step({"tool": "list_files"})[0]["seconds_left"][0]
    observation, _, _, _, info = env.step("echo done")
    assert observation["output"] == "done\n"
    assert info["execution"]["queued"] > 1
    assert before - observation["seconds_left"][0] < info["execution"]["queued"]


@pytest.mark.filterwarnings("ignore:.*subprocess.*")
def test_a_waiting_command_can_be_interrupted_and_the_episode_goes_on(
    one_slot: Slots, env: gymnasium.Env
) -> None:
    env.reset(seed=0)
    assert one_slot.take()
    threading.Timer(0.5, env.unwrapped.interrupt).start()
    assert env.step("echo never > file")[0]["exit_code"] == 130
    one_slot.give_back()
    assert env.step("ls")[0]["output"] == "data\n"


def test_the_deadline_holds_again_after_an_interrupt_while_waiting(
    one_slot: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float | None] = []

    class Recorder:
        expire = staticmethod(deadlines.append)

    def interrupted(called_off: threading.Event) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(one_slot, "wait", interrupted)
    turns = script_turns.ScriptTurns(Clock(Recorder(), EpisodeBudget(max_steps=5, time_limit=60)))
    with turns.turn(), pytest.raises(KeyboardInterrupt), turns.turn():
        pass
    _, suspended, again = deadlines
    assert suspended is None
    assert again is not None
    assert 0 < again <= 60
