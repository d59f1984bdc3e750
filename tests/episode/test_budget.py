from __future__ import annotations

import time

from mle_gym.episode.budget import EpisodeBudget


def test_steps_count_down_to_zero() -> None:
    budget = EpisodeBudget(max_steps=2, time_limit=60)
    assert (budget.steps_left, budget.spent) == (2, "")
    budget.take_step()
    assert (budget.steps_left, budget.spent) == (1, "")
    budget.take_step()
    assert (budget.steps_left, budget.spent) == (0, "steps")


def test_time_runs_from_the_start_and_stays_in_its_bounds() -> None:
    fresh = EpisodeBudget(max_steps=2, time_limit=60)
    assert 59 < fresh.seconds_left <= 60
    late = EpisodeBudget(max_steps=2, time_limit=60, started=time.monotonic() - 61)
    assert (late.seconds_left, late.spent) == (0.0, "time")
    early = EpisodeBudget(max_steps=2, time_limit=60, started=time.monotonic() + 5)
    assert early.seconds_left == 60


def test_stopped_time_does_not_run_and_goes_on_where_it_stopped() -> None:
    budget = EpisodeBudget(max_steps=2, time_limit=60)
    budget.stop()
    stopped = budget.seconds_left
    budget.stop()
    assert budget.seconds_left == stopped
    budget.started -= 20
    budget.go_on()
    assert 39 < budget.seconds_left <= 40
