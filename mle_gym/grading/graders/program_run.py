"""Submitted programs: run in a sandbox of their own, from which only predictions come back.

An agent never sees the inputs that its program is graded on, and the program never sees an answer.
A program could print its inputs, so an agent sees its output only where the inputs are the examples
that the agent has anyway (``validate``). After ``score`` the agent sees a number, or that there is
none. In the final grade, when the episode is over, the output's end explains a failure.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.dataset import Dataset
from mle_gym.errors import DatasetError, SandboxCrashed, SandboxEnded, SubmissionError
from mle_gym.grading.graders.program_runs import ProgramRun, measured_runs
from mle_gym.grading.graders.stream_dialogue import Dialogue
from mle_gym.grading.graders.stream_replies import Replies
from mle_gym.sandbox import Files, pack_files
from mle_gym.sandbox.protocol import Execution, Request, Sandbox
from mle_gym.text import clean

if TYPE_CHECKING:
    from mle_gym.tasks.submission_schema import CodeSpec

__all__ = ["FAILURES", "ProgramRunner"]

FAILURES = (
    "program_missing",
    "program_files",
    "program_failed",
    "program_exhausted",
    "program_timeout",
    "no_output",
)
"""Codes of the errors that a program ends with before there is anything to grade."""

EXCHANGE = "exchange"
"""The command that a sandbox for streams has to offer: it hands an answer over for a chunk."""
STREAM = "stream"
"""The folder of inputs whose files are the chunks."""
FEEDER = Path(__file__).with_name("stream_feeder.py")
_LAST_SECONDS = 1.0
_TAIL = 1_000
"""Characters of a failed program's output that its error quotes."""


class ProgramRunner:
    """Turns the files that were handed in into predictions.

    Args:
        dataset: Of a task whose submissions are programs.
        open_sandbox: Starts a fresh sandbox that shows a folder as ``data/``. A program has the
            limits of the agent's own sandbox, and no network.
    """

    def __init__(self, dataset: Dataset, open_sandbox: Callable[[Path], Sandbox]) -> None:
        code = dataset.task.submission.code
        if code is None:
            raise ValueError(f"{dataset.task.id}: its submissions are not programs")
        self.code: CodeSpec = code
        self.predictions: bytes | None = None
        """What the last program predicted for the hidden rows; None if it failed."""
        self._deadline = math.inf
        self._sandbox: Sandbox | None = None
        self._cancelled = self._closed = False
        """Whether what runs, or is about to, is to end; and whether nothing runs any more."""
        self._dataset = dataset
        self._spec = dataset.task.submission
        self._open_sandbox = open_sandbox

    @property
    def seconds(self) -> float:
        """How long a program that starts now may run."""
        return max(0.0, min(self.code.seconds, self._deadline - time.monotonic()))

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End programs that a block runs after so many seconds, even if the task allows more."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = math.inf

    def on_examples(self, files: Files) -> bytes:
        """The predictions for the examples that the agent has; packed runs where those are graded.

        Raises:
            SubmissionError: There are none. The message may quote the program's output.
            SandboxError: The sandbox failed.
        """
        if not self._spec.is_packed:
            return self._run(files, self._dataset.public).output
        return self._packed(files, (self._dataset.public,))

    def on_hidden_inputs(self, files: Files) -> bytes:
        """The predictions to grade. No agent may see the message of the error in its episode.

        Raises:
            As :meth:`on_examples`.
        """
        self.predictions = None
        if self._spec.is_packed:
            repeats, reference = self.code.runs, self._reference()
            sets = self._dataset.input_sets
            self.predictions = self._packed(files, sets, repeats=repeats, reference=reference)
        else:
            self.predictions = self._run(files, self._dataset.inputs).output
        return self.predictions

    def begin(self) -> None:
        """What is asked for from now on runs, although something before it was ended."""
        self._cancelled = False

    def close(self) -> None:
        """End the program that runs, and every later one. From any thread."""
        self._closed = True
        self.cancel()

    def cancel(self) -> None:
        """End the program that runs or is about to; its caller gets a SandboxError.

        From any thread. It holds until :meth:`begin` is called.
        """
        self._cancelled = True
        sandbox = self._sandbox
        if sandbox is not None:
            sandbox.close()

    def call_off(self) -> None:
        """Like :meth:`cancel`, for a program whose caller no longer waits.

        A program whose time is nearly up is left alone: it ends by itself and says why.
        """
        if self._deadline - time.monotonic() > _LAST_SECONDS:
            self.cancel()

    def _packed(
        self,
        files: Files,
        sets: Sequence[Path],
        *,
        repeats: int = 1,
        reference: Files | None = None,
    ) -> bytes:
        """What runs on all sets of inputs left and took, packed for the task's ``grade_files``."""
        output = self.code.output
        found = measured_runs(self._run, files, sets, output, repeats=repeats, reference=reference)
        content = pack_files(found)
        if len(content) > self._spec.max_bytes:
            size = f"{len(content):,} bytes, at most {self._spec.max_bytes:,} are allowed"
            raise SubmissionError("too_large", f"the outputs of all runs have {size}")
        return content

    def _reference(self) -> Files | None:
        """The program that is run in turn with the one that was handed in."""
        if not self.code.reference:
            return None
        file = self._dataset.private / self.code.reference
        try:
            return {self.code.entry: file.read_bytes()}
        except OSError as error:
            raise DatasetError(f"{file}: can't be read: {error.strerror}") from None

    def _run(self, files: Files, data: Path) -> ProgramRun:
        entry = self._entry(files)
        self._check_wanted()
        shown = self._dataset.public if self.code.stream else data  # chunks come one by one
        with self._open_sandbox(shown) as sandbox:
            self._sandbox = sandbox
            try:
                self._check_wanted()  # whoever cancels from now on sees the sandbox
                return self._done(sandbox, files, entry, data)
            except SandboxEnded as error:
                message = f"{entry} brought down the sandbox that it was run in: {error}"
                raise SubmissionError("program_exhausted", message) from None
            finally:
                self._sandbox = None

    def _check_wanted(self) -> None:
        if self._cancelled or self._closed:
            raise SandboxCrashed("the program was ended before it began", kind="interrupted")

    def _done(self, sandbox: Sandbox, files: Files, entry: str, data: Path) -> ProgramRun:
        _write(sandbox, files)
        seconds, answers = self.seconds, b""
        if self.code.stream:
            run, answers = self._fed(sandbox, entry, data, seconds)
        else:
            run = sandbox.execute(f"python {shlex.quote(entry)}", timeout=seconds)
        if run.killed_by == "timeout":
            why = f"ran longer than {seconds:g} s"
            if seconds < self.code.seconds:
                allowed = f"the task allows {self.code.seconds:g} s"
                why = f"was ended after {seconds:.1f} s, when no time was left ({allowed})"
            raise SubmissionError("program_timeout", f"{entry} {why}{_tail(run.output)}")
        if run.exit_code != 0:
            raise SubmissionError(
                "program_failed",
                f"{entry} ended with exit code {run.exit_code}{_tail(run.output)}",
            )
        if self.code.stream:
            return ProgramRun(answers, run)
        sandbox.expire(0)  # nothing may go on with the output after what is measured has ended
        try:
            output = sandbox.fetch(self.code.output, max_bytes=self._spec.max_bytes)
            return ProgramRun(output, run)
        except SubmissionError as error:
            found = str(error).strip()
            message = f"{entry} left no predictions: {found}{_tail(run.output)}"
            raise SubmissionError("no_output", message) from None

    def _fed(
        self, sandbox: Sandbox, entry: str, data: Path, seconds: float
    ) -> tuple[Execution, bytes]:
        """Feed it the chunks one by one, and collect its answers."""
        asked = self.code.replies
        replies = None if asked is None else Replies(data / asked.file, asked)
        dialogue = Dialogue(data / STREAM, self._spec, replies)
        sandbox.write_file(FEEDER.name, FEEDER.read_bytes())
        command = f"python {FEEDER.name} {shlex.quote(entry)} {EXCHANGE}"
        event = sandbox.begin(command, timeout=seconds)
        while isinstance(event, Request):
            event = sandbox.answer(dialogue.reply(event.content))
        if event.exit_code == 0 and dialogue.unanswered:
            left = f"left {dialogue.unanswered} chunks unanswered"
            raise SubmissionError("no_output", f"{entry} {left}{_tail(event.output)}")
        return event, dialogue.output

    def _entry(self, files: Files) -> str:
        """The file to run."""
        if self.code.entry in files:
            return self.code.entry
        if len(files) == 1:
            return next(iter(files))
        found = ", ".join(sorted(files)[:10]) or "no file"
        message = f"expected a file {self.code.entry} in the folder, found {found}"
        raise SubmissionError("program_missing", message)


def _write(sandbox: Sandbox, files: Files) -> None:
    for name, content in files.items():
        written = sandbox.write_file(name, content)
        if written.exit_code != 0:
            raise SubmissionError("program_files", clean(written.output).strip())


def _tail(output: bytes) -> str:
    """The end of what a program printed, on lines of its own; nothing if it printed nothing."""
    text = clean(output).strip()
    return f"; it printed:\n{'…' if len(text) > _TAIL else ''}{text[-_TAIL:]}" if text else ""
