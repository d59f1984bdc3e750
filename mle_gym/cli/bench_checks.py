"""What ``prepare`` and ``show`` say of a competition of MLE-bench: checksums, and known issues."""

from __future__ import annotations

from typing import Any

from mle_gym.cli.console import err, print_error, warn
from mle_gym.datasets.dataset import Dataset
from mle_gym.errors import MleGymError
from mle_gym.integrations.mle_bench.checksums import Checked, check_checksums
from mle_gym.integrations.mle_bench.known_issues import issues_of
from mle_gym.tasks.spec import TaskSpec

__all__ = ["compare_checksums", "issues_as_data", "issues_as_markdown"]


def compare_checksums(dataset: Dataset) -> Checked | None:
    """Compare, and say on stderr what came out."""
    name = dataset.task.id
    try:
        with err().status(f"comparing checksums of {name}"):
            checked = check_checksums(dataset)
    except (MleGymError, OSError) as error:
        print_error(error)
        return None
    if checked is None:
        return None
    if checked.matching:
        agreeing = ", ".join(checked.matching)
        err().print(f"{name}: MLE-bench's checksums agree: {agreeing}", style="dim", markup=False)
    for what, files in (("differs", checked.differing), ("is missing", checked.missing)):
        for file in files:
            warn(
                f"{name}: {file} {what}, by MLE-bench's checksums; scores may not be comparable "
                "with published ones"
            )
    return checked


def issues_as_markdown(task: TaskSpec) -> str:
    """A section for ``show``; empty without known issues."""
    issues = issues_of(task)
    lines = "\n".join(f"- {issue}" for issue in issues)
    return f"## Known issues of MLE-bench\n\n{lines}" if issues else ""


def issues_as_data(task: TaskSpec) -> list[dict[str, Any]]:
    """The same for ``show --json``."""
    return [issue.to_dict() for issue in issues_of(task)]
