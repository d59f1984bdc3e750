"""Every built-in task whose data are here passes the checks that `mle-gym validate-task` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mle_gym.authoring.validate_task import validate_task
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task
from tests.tiers import few_quick
from tests.with_data import needs_data


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "folder",
    few_quick(
        [f for f in sorted(bundled("envs").iterdir()) if load_task(f).data.loader != "kaggle"],
        lambda folder: folder.name == "zoo",
        "it runs all checks of a task with its programs",
    ),
    ids=lambda path: path.name,
)
def test_a_built_in_task_is_sound(folder: Path) -> None:
    needs_data(folder)
    # The programs on real data at real size take minutes; whoever changes such a task runs them.
    programs = load_task(folder).data.loader != "package"
    checks = validate_task(str(folder), run_programs=programs)
    failed = [check for check in checks if not check.passed]
    assert failed == []
