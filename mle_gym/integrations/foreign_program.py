"""Runs another benchmark's prepare and grade functions as they stand, in a process of its own.

Started by its path in whatever Python has what that benchmark needs, so it uses nothing but the
standard library and the benchmark itself, and knows nothing of mle_gym. Arguments: a file with the
request and a file for the answer, both JSON. The request names the benchmark (``mle-bench`` or
``mle-dojo``), its ``root``, and a list of ``jobs``; the answer is a list with one result a job:
``{"score": "0.25"}`` (text, since JSON has no NaN), ``{}`` for a preparation, or
``{"error": KIND, "message": ...}``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

Job = dict[str, str]


def main(request_file: str, answer_file: str) -> None:
    """Do every job of the request; one that fails doesn't keep the others from being done."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    sys.path.insert(0, request["root"])
    run = {"mle-bench": run_mle_bench, "mle-dojo": run_mle_dojo}[request["benchmark"]]
    answers = [attempt(run, job) for job in request["jobs"]]
    scratch = Path(f"{answer_file}.part")
    scratch.write_text(json.dumps(answers), encoding="utf-8")
    scratch.replace(answer_file)


def attempt(run: Any, job: Job) -> dict[str, str]:
    """One job's result, whatever happens."""
    try:
        return dict(run(job))
    except ModuleNotFoundError as error:
        return {"error": "missing", "message": error.name or str(error)}
    except Exception as error:
        kind = "invalid" if type(error).__name__ == "InvalidSubmissionError" else "failed"
        return {"error": kind, "type": type(error).__name__, "message": str(error)[:2000]}


def run_mle_bench(job: Job) -> dict[str, str]:
    """``function`` is its own ``package.module:name``."""
    function = load(job["function"])
    if job["do"] == "prepare":
        function(raw=Path(job["raw"]), public=Path(job["public"]), private=Path(job["private"]))
        return {}
    utils = importlib.import_module("mlebench.utils")
    answers = utils.load_answers(Path(job["answers"]))
    score = function(utils.read_csv(Path(job["submission"])), answers)
    return {"score": repr(float(round(score, 5)))}


def run_mle_dojo(job: Job) -> dict[str, str]:
    """``function`` is a competition's file: ``prepare.py``, or ``metric.py`` with its class."""
    module = load_file(Path(job["function"]))
    if job["do"] == "prepare":
        module.prepare(Path(job["raw"]), Path(job["public"]), Path(job["private"]))
        return {}
    import pandas as pd

    metrics = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type) and name.endswith("Metrics") and name != "CompetitionMetrics"
    ]
    metric = metrics[0]()
    if job["do"] == "direction":
        return {"higher_is_better": str(bool(metric.higher_is_better))}
    read = [pd.read_csv(job[name]) for name in ("submission", "answers", "submission", "answers")]
    metric.validate_submission(read[0], read[1])
    return {"score": repr(float(metric.evaluate(read[3], read[2])))}


def load(name: str) -> Any:
    """The function of ``package.module:name``."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def load_file(path: Path) -> Any:
    """A module from a file whose folder is no package."""
    spec = importlib.util.spec_from_file_location("competition", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
