"""Calls another benchmark's prepare and grade functions unchanged.

It runs in a Python with that benchmark's packages, so it uses only the standard library and the
benchmark itself. It is used in two ways:

- The ``grade.py`` of an imported competition imports it, inside the grader's sandbox.
- Preparations start it by its path, in a separate process. The arguments are a file with the
  request and a file for the answer, both JSON. The request names the benchmark (``mle-bench`` or
  ``mle-dojo``), its ``root``, and a list of ``jobs``. The answer is a list with one result for each
  job: ``{}`` for a preparation, ``{"score": "0.25"}`` (text, since JSON has no NaN), or
  ``{"error": KIND, "message": ...}``. The process ends when its standard input does, since its host
  is then gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Job = dict[str, str]
GradeFile = Callable[[Path, Path], float]


# ------------------------------------------------------------------------- for a task's grade.py


def mle_bench_grader(function: str, answers: str) -> GradeFile:
    """The ``grade_file`` of a competition of MLE-bench.

    Args:
        function: MLE-bench's own ``package.module:name``.
        answers: The file of answers, below the private folder.
    """
    grade, utils = load(function), importlib.import_module("mlebench.utils")

    def grade_file(submission: Path, private: Path) -> float:
        truth = utils.load_answers(_expected(private / answers))
        with _Refusals():
            return float(round(grade(utils.read_csv(submission), truth), 5))

    return grade_file


def mle_dojo_grader(file: str, answers: str) -> GradeFile:
    """The ``grade_file`` of a competition of MLE-Dojo.

    Args:
        file: Its ``metric.py``, below a folder on Python's path.
        answers: The file of answers, below the private folder.
    """
    import pandas as pd  # only this benchmark requires it

    places = [Path(folder, file) for folder in sys.path]
    metric = find_metric(next(place for place in places if place.is_file()))

    def grade_file(submission: Path, private: Path) -> float:
        paths = (submission, _expected(private / answers))
        with _Refusals():
            handed, truth, again, truth_again = (pd.read_csv(path) for path in (*paths, *paths))
            metric.validate_submission(handed, truth)
            return float(metric.evaluate(truth_again, again))

    return grade_file


class _Refusals:
    """Passes on a grader's refusal of a submission. Its other errors are bugs and stay hidden."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Turn the benchmark's own exception into ours."""
        if any(each.__name__ == "InvalidSubmissionError" for each in type(error).__mro__):
            raise _errors().SubmissionError("refused", str(error)) from error


def _errors() -> Any:
    """Our exceptions. The grader's sandbox has them, but a preparation's Python may not."""
    return importlib.import_module("mle_gym.errors")


def _expected(answers: Path) -> Path:
    if not answers.is_file():
        raise _errors().DatasetError(
            f"expected the competition's answers in {answers.name}, found none"
        )
    return answers


# -------------------------------------------------------------------------- as a process's program


def main(request_file: str, answer_file: str) -> None:
    """Do every job in the request. If one fails, the others are still done."""
    # The benchmark's code gets an empty standard input, and the real one shows when the host ends.
    host = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=leave_with_host, args=(host,), daemon=True).start()
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    sys.path.insert(0, request["root"])
    run = {"mle-bench": run_mle_bench, "mle-dojo": run_mle_dojo}[request["benchmark"]]
    answers = [attempt(run, job) for job in request["jobs"]]
    scratch = Path(f"{answer_file}.part")
    scratch.write_text(json.dumps(answers), encoding="utf-8")
    scratch.replace(answer_file)


def leave_with_host(host: int) -> None:
    """Wait until the host has ended in any way, and end with every process started here."""
    while os.read(host, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def attempt(run: Any, job: Job) -> dict[str, str]:
    """One job's result, which is an error if anything is raised."""
    try:
        return dict(run(job))
    except ModuleNotFoundError as error:
        return {"error": "missing", "message": error.name or str(error)}
    except Exception as error:
        kind = "invalid" if type(error).__name__ == "InvalidSubmissionError" else "failed"
        return {"error": kind, "type": type(error).__name__, "message": str(error)[:2000]}


def run_mle_bench(job: Job) -> dict[str, str]:
    """Do a job of MLE-bench, whose ``function`` is its own ``package.module:name``."""
    function = load(job["function"])
    if job["do"] == "prepare":
        function(raw=Path(job["raw"]), public=Path(job["public"]), private=Path(job["private"]))
        return {}
    utils = importlib.import_module("mlebench.utils")
    answers = utils.load_answers(Path(job["answers"]))
    score = function(utils.read_csv(Path(job["submission"])), answers)
    return {"score": repr(float(round(score, 5)))}


def run_mle_dojo(job: Job) -> dict[str, str]:
    """Do a job of MLE-Dojo, whose ``function`` is a competition's ``prepare.py``."""
    module = load_file(Path(job["function"]))
    module.prepare(Path(job["raw"]), Path(job["public"]), Path(job["private"]))
    return {}


def find_metric(file: Path) -> Any:
    """The competition's metric, from its ``metric.py``."""
    for name, value in vars(load_file(file)).items():
        if isinstance(value, type) and name.endswith("Metrics") and name != "CompetitionMetrics":
            return value()
    raise LookupError(f"{file}: expected a class named …Metrics, found none")


def load(name: str) -> Any:
    """The function of ``package.module:name``."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def load_file(path: Path) -> Any:
    """Load a module from a file whose folder is not a package."""
    spec = importlib.util.spec_from_file_location("competition", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
