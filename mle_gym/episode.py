"""One episode: the sandbox, the budget and the judge that ``reset`` makes and ``close`` frees."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mle_gym import sandbox
from mle_gym.actions import (
    EditFile,
    ListFiles,
    RawAction,
    ReadFile,
    Score,
    Shell,
    Submit,
    Validate,
    WriteFile,
    parse_action,
)
from mle_gym.budget import Budget
from mle_gym.errors import ActionError, SandboxEnded, SandboxError, SubmissionError
from mle_gym.failures import Failure
from mle_gym.judge import Judge
from mle_gym.outcome import Info, Outcome
from mle_gym.rewards import Potential, Progress
from mle_gym.sandbox.base import Execution, Mount, Reply, Request, SandboxConfig
from mle_gym.sandbox.files import Files
from mle_gym.sandbox.store import current_store
from mle_gym.settings import Settings
from mle_gym.snapshot import Snapshot
from mle_gym.tasks.dataset import Dataset
from mle_gym.tasks.sources import hidden_files
from mle_gym.terminal import clean_text

if TYPE_CHECKING:
    from mle_gym.program import ProgramRunner

__all__ = ["Episode"]

_log = logging.getLogger(__name__)


class Episode:
    """What happens between ``reset`` and the end.

    :meth:`step` raises nothing, whatever the agent does and whatever fails.

    Args:
        dataset: What is mounted, and what is graded against.
        settings: The limits and the rules.
        potential: Decides what each step pays.
        snapshot: Where to continue from, instead of from an empty workspace.

    Raises:
        SnapshotError: The snapshot does not fit the data, or its files are gone.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        potential: Potential,
        snapshot: Snapshot | None = None,
    ) -> None:
        config = _config(dataset, settings)
        self.judge = Judge(
            dataset,
            feedback=settings.feedback,
            score_calls=settings.score_calls,
            runner=_runner(dataset, settings, config),
            sandbox=settings.sandbox,
        )
        self._submitted = False
        self._truncated = False
        self._failure: Failure | None = None
        self._ending = ""
        """What to tell the agent about a spent budget; empty while there is some."""
        self.settings = settings
        self.dataset = dataset
        self._filename = dataset.task.submission.filename
        self._last = "", 0
        self._potential = potential
        self._progress = Progress()
        self._paid = 0.0
        if snapshot is None:
            self._sandbox = sandbox.create(settings.sandbox, config)
            self.budget = Budget(settings.max_steps, settings.time_limit)
        else:
            snapshot.check_data(dataset)
            self._sandbox = _continued(settings.sandbox, config, snapshot)
            self._take_over(snapshot)

    def step(self, action: RawAction) -> Outcome:
        """Take one action. What goes wrong in the machinery is the outcome's failure."""
        self.budget.take_step()
        self.judge.validation = None
        try:
            execution = self._perform(action)
            self._end_if_spent()
            reward = self._earn()
        except Exception as error:
            return self._fail(error)
        output = execution.output.decode("utf-8", errors="replace") + self._ending
        observation = self.observe(output, execution.exit_code)
        info = self.facts(execution)
        return Outcome(observation, reward, self._submitted, self._truncated, info)

    def _fail(self, error: Exception) -> Outcome:
        """End the episode without a grade and without a score."""
        self._failure = Failure.of(error, self.judge.stage)
        if self._failure.kind == "host_error":
            _log.error("a step failed", exc_info=error)  # perhaps a bug, which must not stay hidden
        observation = self.observe(f"the episode failed: {self._failure.message}\n", 255)
        return Outcome(observation, 0.0, False, True, self.facts(Execution(255, b"")))

    def _perform(self, action: RawAction) -> Execution:
        """What an action did; a malformed one is an execution that says what is wrong."""
        if self.budget.spent == "time":
            return Execution(124, b"there was no time left for this action\n", timed_out=True)
        try:
            execution = self._dispatch(action)
        except ActionError as error:
            return Execution(2, f"malformed action: {error}\n".encode())
        except SandboxEnded as error:
            if self.judge.grade is None:
                return self._end_exhausted(error)
            execution = Execution(0, b"")
        except SandboxError:
            if self.judge.grade is None:
                raise
            execution = Execution(0, b"")  # what was handed in before the sandbox died, counts
        if self.judge.grade is not None:
            self._submitted = True
            self._progress = dataclasses.replace(self._progress, exists=True)
        return execution

    def _end_if_spent(self) -> None:
        """Grade what lies at the submission's path once the budget is spent."""
        spent = self.budget.spent
        if self._submitted or self._truncated or not spent:
            return
        try:
            content = self._fetch(self._filename)
            found = f"{self._filename} was graded as it is"
        except (SubmissionError, SandboxEnded) as error:
            content, found = None, f"no submission was found ({error})"
        self._progress = dataclasses.replace(self._progress, exists=content is not None)
        self.judge.grade_left(content)
        why = {"time": "the time is up", "steps": "no steps are left"}[spent]
        self._truncated, self._ending = True, f"\n[the episode is over: {why}; {found}]\n"

    def _earn(self) -> float:
        """What the step that just ended pays: by how much the potential rose."""
        self._progress = self._look()
        due = self._potential(self._progress)
        earned, self._paid = due - self._paid, due
        return earned

    def observe(self, output: str, exit_code: int = 0) -> dict[str, Any]:
        """The observation of this moment. Its text is cleaned here, wherever it came from."""
        output = clean_text(output)
        self._last = output, exit_code
        return {
            "output": output,
            "exit_code": exit_code,
            "steps_left": self.budget.steps_left,
            "seconds_left": np.array(self.budget.seconds_left),
        }

    def facts(self, execution: Execution | None = None) -> Info:
        """The info of a reset, or of a step that did ``execution``."""
        task, failure = self.dataset.task.id, self._failure
        info = Info(task=task, variant=self.dataset.options.variant, reward_valid=failure is None)
        if execution is not None:
            measured = dataclasses.asdict(execution)
            del measured["output"], measured["exit_code"]
            info["execution"] = measured
        if self.judge.validation is not None:
            info["validation"] = self.judge.validation.to_dict()
        if failure is not None:
            info["failure"] = failure.to_dict()
        elif self.judge.grade is not None:
            grade = self.judge.grade.to_dict()
            # Vector environments collect ranks in an integer array, which None doesn't fit.
            info["grade"] = grade | {"rank": grade["rank"] or 0}
        return info

    def snapshot(self) -> Snapshot:
        """This moment as a value. Taking it is not on the agent's time."""
        used = self.budget.seconds_used
        output, exit_code = self._last
        snapshot = Snapshot(
            task=self.dataset.task.env_id,
            options=self.dataset.options,
            dataset=self.dataset.digest,
            steps_taken=self.budget.steps_taken,
            seconds_used=used,
            score_calls_used=self.judge.score_calls_used,
            validate_calls_used=self.judge.validate_calls_used,
            progress=self._progress,
            output=output,
            exit_code=exit_code,
            folder=current_store().folder,
            name=self._sandbox.snapshot(),
        )
        self.budget.started += self.budget.seconds_used - used
        return snapshot

    def close(self) -> None:
        """Free everything. Idempotent."""
        self._sandbox.close()

    def discard(self) -> None:
        """The same without waiting: the next episode can begin."""
        self._sandbox.discard()

    def _end_exhausted(self, error: SandboxEnded) -> Execution:
        """The agent brought its own sandbox down, and with it whatever it could have handed in."""
        self._progress = dataclasses.replace(self._progress, exists=False)
        self.judge.grade_left(None)
        self._truncated = True
        why = "ran out of memory" if error.killed_by == "memory" else "was brought down"
        self._ending = f"\n[the episode is over: the sandbox {why} and is gone]\n"
        return Execution(137, f"{error}\n".encode(), killed_by=error.killed_by)

    def _take_over(self, snapshot: Snapshot) -> None:
        """Go on with what a snapshot has spent and reached."""
        self.budget = Budget(
            self.settings.max_steps,
            self.settings.time_limit,
            snapshot.steps_taken,
            time.monotonic() - snapshot.seconds_used,
        )
        self.judge.score_calls_used = snapshot.score_calls_used
        self.judge.validate_calls_used = snapshot.validate_calls_used
        self._progress = snapshot.progress
        self._paid = self._potential(snapshot.progress)

    def _dispatch(self, raw: RawAction) -> Execution:
        box = self._sandbox
        match parse_action(raw):
            case Shell(command, timeout):
                return self._shell(command, timeout)
            case WriteFile(path, content):
                return box.write_file(path, content.encode())
            case EditFile(path, old, new):
                return box.edit_file(path, old.encode(), new.encode())
            case ReadFile(path, start, lines):
                return box.read_file(path, start=start, lines=lines)
            case ListFiles(path):
                return box.list_files(path)
            case Validate() | Score() | Submit() as call:
                return self._ask(call)

    def _shell(self, command: str, timeout: float | None) -> Execution:
        limits = (timeout, self.settings.command_timeout, self.budget.seconds_left)
        seconds = min(limit for limit in limits if limit is not None)
        execution = self._sandbox.execute(command, timeout=seconds, on_request=self.judge.answer)
        if execution.exit_code == 0:
            self._progress = dataclasses.replace(self._progress, ran=True)
        return execution

    def _ask(self, call: Validate | Score | Submit) -> Execution:
        """What the commands of the same names do, as a tool call."""
        path = call.path or self._filename
        try:
            handed = self._fetch(path)
        except SubmissionError as error:
            reply = Reply(1, f"{call.tool}: {error}\n")
        else:
            file = isinstance(handed, bytes)
            request = (handed, None) if file else (b"", handed)
            reply = self.judge.answer(Request(call.tool, path, *request))
        return Execution(reply.exit_code, reply.output.encode())

    def _fetch(self, path: str) -> bytes | Files:
        fetch = self._sandbox.fetch if self.judge.runner is None else self._sandbox.fetch_files
        return fetch(path, max_bytes=self.judge.max_bytes)

    def _look(self) -> Progress:
        """The progress now. The submission is looked at only where the reward depends on it."""
        grade = self.judge.grade
        if grade is not None:
            return dataclasses.replace(self._progress, valid=grade.valid, grade=grade)
        if self.settings.reward != "milestones":
            return self._progress
        try:
            content = self._fetch(self._filename)
        except SubmissionError:
            return Progress(self._progress.ran)
        except SandboxEnded as error:
            self._end_exhausted(error)
            return self._look()
        return Progress(self._progress.ran, True, self.judge.validate(content).valid)


def _continued(backend: str, config: SandboxConfig, snapshot: Snapshot) -> sandbox.Sandbox:
    """A sandbox with a snapshot's files and shell."""
    lease = snapshot.lease()
    try:
        config = dataclasses.replace(config, layers=lease.layers, layers_bytes=lease.info.bytes)
        box = sandbox.create(backend, config)
        try:
            box.restore(lease)
        except BaseException:
            box.close()
            raise
        return box
    finally:
        lease.release()


def _runner(dataset: Dataset, settings: Settings, config: SandboxConfig) -> ProgramRunner | None:
    """What runs submitted programs, if the task asks for some."""
    if dataset.task.submission.code is None:
        return None
    from mle_gym.program import ProgramRunner

    return ProgramRunner(dataset, settings.sandbox, config)


def _config(dataset: Dataset, settings: Settings) -> SandboxConfig:
    """The sandbox that a dataset and its settings ask for."""
    filename = dataset.task.submission.filename
    usual = filename == "submission.csv"  # what `submit` takes without being told
    return SandboxConfig(
        limits=settings.limits,
        mounts=(Mount(dataset.public, "data"),),
        hidden=hidden_files(dataset.task),
        python=settings.sandbox_python,
        packages=settings.packages,
        environment=() if usual else (("MLE_GYM_SUBMISSION", filename),),
        network=settings.network,
        gpus=settings.gpus,
        runtime=settings.runtime,
        warm=settings.warm,
        preload=settings.preload,
    )
