"""One episode: what ``reset`` starts, ``step`` changes and ``close`` frees."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded

from mle_gym.datasets.dataset import Dataset
from mle_gym.episode.actions.action import RawAction
from mle_gym.episode.actions.parse import ReadAction, read_action
from mle_gym.episode.clock import Clock
from mle_gym.episode.ending import Ending
from mle_gym.episode.episode_start import (
    make_brief,
    make_budget,
    make_sandbox,
    make_submit_commands,
)
from mle_gym.episode.failures import KINDS
from mle_gym.episode.live_output import LiveText, ShowOutput
from mle_gym.episode.outcome import Info, Outcome, Record
from mle_gym.episode.perform_actions import ActionPerformer
from mle_gym.episode.rewards import Payments, Potential, Progress
from mle_gym.episode.script_turns import CalledOff, ScriptTurns
from mle_gym.episode.settings import Settings
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import ActionError, SandboxEnded, SandboxError, SubmissionError
from mle_gym.grading.grade import Grade
from mle_gym.sandbox.protocol import Execution
from mle_gym.sandbox.snapshots.store import current_store
from mle_gym.sandbox.spares import Client
from mle_gym.text import clean_text

__all__ = ["Episode"]

_SPENT = {"time": "the time is up", "steps": "no steps are left"}


class Episode:
    """What happens between ``reset`` and the end.

    :meth:`step` never raises because of an agent's action or a failure.

    Args:
        dataset: Mounted in the sandbox, and graded against.
        settings: The limits and the rules.
        potential: Decides what each step pays.
        snapshot: What to continue from, instead of an empty workspace.
        client: Who plays one episode after the other; None if no other one follows.

    Raises:
        ValueError: ``MLE_GYM_MAX_COMMANDS`` is not a number.
        SnapshotError: The snapshot does not fit the data, or its files are gone.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        potential: Potential,
        snapshot: Snapshot | None = None,
        client: Client | None = None,
    ) -> None:
        self.settings = settings
        self.dataset = dataset
        self._submit_commands = make_submit_commands(dataset, settings, snapshot)
        self._payments = Payments(potential, Progress() if snapshot is None else snapshot.progress)
        self._last = "", 0
        self._brought_down: SandboxEnded | None = None
        """Set when a snapshot found that the agent had brought the sandbox down. The next step
        reports it, since taking a snapshot must not end the episode."""
        self._snapshot = snapshot
        self._turn = threading.RLock()
        """Held by every thread that acts on the episode, except in :meth:`close`, :meth:`discard`
        and :meth:`interrupt`, which must get through to a step that is running."""
        # The budget begins after the sandbox, whose start must not be on the agent's clock.
        self._sandbox = make_sandbox(dataset, settings, snapshot, client)
        self.budget = make_budget(settings, snapshot)
        self._clock = Clock(self._sandbox, self.budget, settings.clock)
        self._turns = ScriptTurns(self._clock)
        filename = dataset.task.submission.filename
        self._actions = ActionPerformer(
            self._sandbox,
            self._submit_commands,
            filename,
            settings.command_timeout,
            settings.default_timeout,
            self._turns.turn,
        )
        self._ending = Ending(self._sandbox, self._submit_commands, self._actions, filename)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._ending.over

    @property
    def grade(self) -> Grade | None:
        """The grade that ended it; None before, and after a failure that leaves no grade."""
        return self._ending.grade

    def opening(self) -> tuple[dict[str, Any], Info]:
        """What ``reset`` returns: the brief, or the last observation before the snapshot."""
        if self._snapshot is None:
            return self.observe(make_brief(self.dataset, self.settings)), self.facts()
        info = self.facts()
        info["prefix_steps"] = self._snapshot.steps_taken
        return self.observe(self._snapshot.output, self._snapshot.exit_code), info

    def step(self, action: RawAction, on_output: ShowOutput | None = None) -> Outcome:
        """Take one action. If the machinery fails, the outcome has a failure.

        Args:
            action: What to do.
            on_output: Is shown what a script or a cell prints while it runs.

        Raises:
            ResetNeeded: The episode is over.
        """
        with self._turn:
            self._check_running()
            self._turns.admit()
            self._submit_commands.begin()
            return self._play(lambda: self._perform(action, on_output))

    def finish(self) -> Outcome:
        """End now, as if the budget were spent; raises what :meth:`step` raises."""
        with self._turn:
            self._check_running()
            return self._play(self._finish)

    def _check_running(self) -> None:
        if self.over:
            raise ResetNeeded("the episode is over: call reset() first")

    def _play(self, act: Callable[[], Execution]) -> Outcome:
        """Do something, and describe its outcome."""
        self._submit_commands.validation = None
        self._payments.clear()
        try:
            with self._on_the_clock():
                execution = act()
                if self.budget.spent and not self.over:
                    self._ending.cut_off(_SPENT[self.budget.spent])
                reward = self._payments.pay(self._look())
        except Exception as error:
            return self._fail(error)
        output = execution.output.decode("utf-8", errors="replace") + self._ending.note
        observation = self.observe(output, execution.exit_code)
        ending = self._ending
        info = self.facts(execution)
        return Outcome(observation, reward, ending.submitted, ending.truncated, info)

    @contextlib.contextmanager
    def _on_the_clock(self) -> Iterator[None]:
        """Let the agent's clock run. A sandbox that it has brought down is reported by a step."""
        try:
            self._clock.begin_action()
        except SandboxEnded as error:
            self._brought_down = error
        try:
            yield
        except BaseException:  # such as Ctrl-C, after which the episode goes on
            with contextlib.suppress(SandboxError):
                self._clock.end_action()
            raise
        if not self.over:
            try:
                self._clock.end_action()
            except SandboxEnded as error:
                self._brought_down = error

    def _fail(self, error: Exception) -> Outcome:
        """End the episode without a grade and without a score."""
        self._payments.clear()
        kind = self._ending.fail(error).kind
        # The agent reads only the kind: the message may quote answers that a grader raised with.
        observation = self.observe(f"the episode failed ({kind}): {KINDS[kind].meaning}\n", 255)
        return Outcome(observation, 0.0, False, True, self.facts(Execution(255, b"")))

    def _perform(self, action: RawAction, on_output: ShowOutput | None) -> Execution:
        """Perform an action; a malformed one gives an execution that says what is wrong."""
        read = _read(action)
        self.budget.take_step(free=not isinstance(read, ActionError) and read.is_thought)
        # Ctrl-C may end a step after it handed something in and before that was graded. This step
        # then does nothing but grade it.
        if self._submit_commands.handed_in is not None:
            execution = Execution(0, b"")
        elif self._brought_down is not None:
            return self._ending.brought_down(self._brought_down)
        elif self.budget.spent == "time":
            return Execution(124, b"there was no time left for this action\n", timed_out=True)
        else:
            execution = self._try(read, on_output)
        if self._submit_commands.handed_in is not None:
            self._ending.hand_in()
        return execution

    def _try(self, read: ReadAction | ActionError, on_output: ShowOutput | None) -> Execution:
        if isinstance(read, ActionError):
            return Execution(2, f"malformed action: {read}\n".encode())
        limit = self.settings.limits.output_bytes
        live = LiveText(on_output, limit, read.note) if on_output else None
        try:
            execution = self._actions.perform(read.action, self.budget.seconds_left, live)
        except CalledOff:
            return Execution(130, b"")
        except SandboxError as error:
            if self._submit_commands.handed_in is not None:
                return Execution(0, b"")  # a submission counts even if its sandbox died afterwards
            if isinstance(error, SandboxEnded):
                return self._ending.brought_down(error)
            raise
        note = read.note.encode()
        return dataclasses.replace(execution, output=note + execution.output) if note else execution

    def _finish(self) -> Execution:
        self._ending.cut_off("it was finished")
        return Execution(0, b"")

    def observe(self, output: str, exit_code: int = 0) -> dict[str, Any]:
        """The observation at this moment. All text that an agent sees is cleaned here."""
        output = clean_text(output)
        self._last = output, exit_code
        return {
            "output": output,
            "exit_code": exit_code,
            "steps_left": self.budget.steps_left,
            "seconds_left": np.array([self.budget.seconds_left]),
        }

    def facts(self, execution: Execution | None = None) -> Info:
        """The info of a reset, or of the step that ran ``execution``."""
        info = Info(
            task=self.dataset.task.id,
            variant=self.dataset.options.variant,
            reward_valid=self._ending.failure is None,
        )
        if execution is not None:
            info.add_execution(execution)
            info["reward_parts"] = dict(self._payments.parts)
        if self._submit_commands.validation is not None:
            info["validation"] = self._submit_commands.validation.to_dict()
        if self._ending.failure is not None:
            info["failure"] = self._ending.failure.to_dict()
        if self.grade is not None:
            info.add_grade(self.grade)
        return info

    def names(self, folder: str | None) -> list[str]:
        """What a person may complete a word of a command to. It is no step; see `Sandbox.names`.

        Raises:
            ResetNeeded: The episode is over.
            SandboxError: The sandbox failed.
        """
        with self._turn:
            self._check_running()
            return self._sandbox.names(folder)

    def snapshot(self) -> Snapshot:
        """This moment as a value. The agent's clock stops meanwhile.

        Raises:
            ResetNeeded: The episode is over.
            SnapshotError: The workspace is too large, or there is no room for it. The episode
                goes on.
            SandboxError: The sandbox failed. If that is the agent's doing, the next step or
                :meth:`finish` grades "no submission".
        """
        with self._turn:
            self._check_running()
            try:
                with self._clock.stopped():
                    return self._take_snapshot()
            except SandboxEnded as error:
                self._brought_down = error
                raise

    def _take_snapshot(self) -> Snapshot:
        output, exit_code = self._last
        return Snapshot(
            task=self.dataset.task.env_id,
            options=self.dataset.options,
            dataset=self.dataset.digest,
            steps_taken=self.budget.steps_taken,
            seconds_used=self.budget.seconds_used,
            score_calls_used=self._submit_commands.score_calls_used,
            validate_calls_used=self._submit_commands.validate_calls_used,
            progress=self._payments.progress,
            output=output,
            exit_code=exit_code,
            folder=current_store().folder,
            name=self._sandbox.snapshot(),
        )

    def record(self) -> Record:
        """How the episode was made, and its result so far."""
        commands = self._submit_commands
        return Record(
            dataset=self.dataset,
            settings=self.settings,
            validate_calls=commands.validate_calls_used,
            score_calls=commands.score_calls_used,
            grade=self.grade,
            predictions=commands.predictions,
            program=commands.program,
        )

    def interrupt(self) -> None:
        """End the running command, or the program that is run for a grade. From any thread."""
        self._turns.call_off()
        self._submit_commands.cancel()
        self._sandbox.interrupt()

    def close(self) -> None:
        """Free everything; a step in another thread ends immediately. Idempotent."""
        self._turns.call_off()
        self._submit_commands.close()
        self._sandbox.close()

    def discard(self) -> None:
        """Like :meth:`close`, but returns at once and cleans up in the background."""
        self._turns.call_off()
        self._submit_commands.close()
        self._sandbox.discard()

    def _look(self) -> Progress:
        """The progress now. The submission is read only if the reward depends on it."""
        if self._submit_commands.grade is not None:
            return Progress(grade=self._submit_commands.grade)
        if self.settings.reward != "milestones":
            return Progress()
        try:
            content = self._actions.submission()
        except SubmissionError:
            return Progress()
        except SandboxEnded as error:
            self._ending.brought_down(error)
            return self._look()
        seconds = self._actions.most_seconds(self.budget.seconds_left)
        return Progress(promising=self._submit_commands.promising(content, seconds))


def _read(action: RawAction) -> ReadAction | ActionError:
    try:
        return read_action(action)
    except ActionError as error:
        return error
