"""Grades programs by their predictions for inputs that nobody has seen."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from typing import TYPE_CHECKING

from mle_gym.errors import SubmissionError
from mle_gym.grading.csv.hidden_answers import parse_answers
from mle_gym.grading.grade import Grade, Validation
from mle_gym.grading.graders.grader import Grader
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.graders.several_files import SeveralFilesGrader
from mle_gym.sandbox import Files, pack_files

if TYPE_CHECKING:
    from mle_gym.datasets.anchors import Anchors
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.grading.graders.program_run import ProgramRunner

__all__ = ["ProgramGrader"]

UNTOLD = (
    "the program does not lead to valid predictions for the hidden rows; what went wrong is not "
    "shown, since that could reveal these rows. `validate` shows what goes wrong on the examples"
)


class ProgramGrader:
    """Runs a program on inputs that nobody has seen, and grades its predictions.

    Args:
        dataset: What to grade against.
        runner: Runs the programs.
        score_ci: As :class:`PredictionsGrader` has it.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.

    Every method raises :class:`~mle_gym.errors.SandboxError` when a sandbox fails.
    """

    def __init__(
        self,
        dataset: Dataset,
        runner: ProgramRunner,
        *,
        score_ci: bool = False,
        sandbox: str = "auto",
    ) -> None:
        self._dataset = dataset
        self._runner = runner
        self._predictions: Grader[bytes] = (
            SeveralFilesGrader(dataset, sandbox=sandbox)
            if dataset.task.submission.is_packed
            else PredictionsGrader(dataset, score_ci=score_ci, sandbox=sandbox)
        )
        self._last: tuple[str, bytes | Validation, float] | None = None
        """The last program's digest, its result, and the longest time that wouldn't change that."""

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without its solution."""
        return self._predictions.anchors

    def validate(self, files: Files, /) -> Validation:
        """Whether the program predicts the examples in a sandbox of its own.

        The same program is run only once in a row, unless it had too little time.
        """
        found = self._try(files)
        return found if isinstance(found, Validation) else self._examples.validate(found)

    def promising(self, files: Files, /) -> bool:
        """Whether its predictions for the examples are valid and differ from row to row."""
        found = self._try(files)
        return not isinstance(found, Validation) and self._examples.promising(found)

    def public_score(self, files: Files, /) -> float:
        """The score of its predictions on the public part of the hidden rows.

        Raises:
            SubmissionError: There is no score. The message doesn't say why.
        """
        try:
            return self._predictions.public_score(self._runner.on_hidden_inputs(files))
        except SubmissionError:
            error = SubmissionError("no_score", UNTOLD)
            error.saw_answers = True
            raise error from None

    def grade(self, files: Files | None, /) -> Grade:
        """Grade the predictions for the hidden rows; None stands for no submission at all."""
        if files is None:
            return self._predictions.grade(None)
        try:
            predictions = self._runner.on_hidden_inputs(files)
        except SubmissionError as error:
            return self._predictions.refuse(error)
        return self._predictions.grade(predictions)

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for the reason given."""
        return self._predictions.refuse(error, sha256)

    def _try(self, files: Files) -> bytes | Validation:
        """The program's predictions for the examples, or why there are none."""
        digest, seconds = hashlib.sha256(pack_files(files)).hexdigest(), self._runner.seconds
        if self._last is None or self._last[0] != digest or self._last[2] < seconds:
            enough = math.inf
            try:
                found: bytes | Validation = self._runner.on_examples(files)
            except SubmissionError as error:
                found = Validation(False, error.code, error.message)
                if error.code == "program_timeout":
                    enough = seconds
            self._last = digest, found, enough
        return self._last[1]

    @cached_property
    def _examples(self) -> Grader[bytes]:
        """A grader of predictions for the examples."""
        if self._dataset.task.submission.is_packed:
            return self._predictions
        sample = self._dataset.public / "sample_submission.csv"
        spec = self._dataset.task.submission
        return PredictionsGrader(
            self._dataset, parse_answers(sample.read_bytes(), spec, str(sample))
        )
