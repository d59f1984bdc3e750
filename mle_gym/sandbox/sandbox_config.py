"""What a sandbox is made from: limits, mounts, packages, the commands that it offers inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.spares import Client

__all__ = ["MOST_HANDED_IN", "PRELOAD", "InsideCommand", "Mount", "SandboxConfig"]

PRELOAD = (
    "numpy",
    "pandas",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.compose",
    "sklearn.datasets",
    "sklearn.decomposition",
    "sklearn.dummy",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.feature_selection",
    "sklearn.gaussian_process",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.neural_network",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.svm",
    "sklearn.tree",
)
"""What warm Python imports ahead of time unless told otherwise."""

MOST_HANDED_IN = (1 << 28) - (1 << 20)
"""The size of the largest submission that may leave a sandbox, in bytes: what one message holds,
minus room for the names of files."""


@dataclass(frozen=True)
class Mount:
    """A host folder that the sandbox sees read-only."""

    source: Path
    target: str
    """Relative to the workspace (``"data"``)."""


@dataclass(frozen=True)
class InsideCommand:
    """A command that hands a file or a folder over to the caller and prints its answer.

    Called as ``NAME [PATH]``. What it means is the caller's business: the sandbox only passes on
    what lies at the path, as a :class:`Request`.
    """

    default_path: str
    """What it hands over when no path is given."""
    default_variable: str = ""
    """A variable that names another default in the commands whose environment has it."""


@dataclass(frozen=True)
class SandboxConfig:
    """Everything a backend needs to make a sandbox."""

    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    hidden: tuple[str, ...] = ()
    """Paths to mask because they hold a task's answers: absolute, or relative to ``site-packages``
    (``"sklearn/datasets/data/iris.csv"``). ``mle_gym`` and its checkout are always masked."""
    python: Path | None = None
    """Interpreter offered to the agent; None for the one that runs this process."""
    packages: tuple[str, ...] = ()
    """Distributions of that Python to show beside the usual ones; no others are shown."""
    all_packages: bool = False
    """Show every distribution: for a task's own code, never for an agent's. Docker ignores this."""
    environment: tuple[tuple[str, str], ...] = ()
    """Extra environment variables for commands."""
    network: bool = False
    gpus: tuple[str, ...] = ()
    """GPU indices or UUIDs to pass through."""
    runtime: str = ""
    """The runtime with which the Docker daemon runs containers, by its name there (``"runsc"``);
    empty for the daemon's default. Backends without a choice of runtimes ignore it."""
    commands: Mapping[str, InsideCommand] = field(default_factory=dict)
    """Name to what the caller offers on the ``PATH`` inside; see :meth:`Sandbox.begin`."""
    most_handed_in: int = MOST_HANDED_IN
    """Bytes of what one call of these commands hands over; larger files are refused unread."""
    layers: tuple[Path, ...] = ()
    """A snapshot's files: the host folders with which the workspace starts, stacked with the
    topmost first, and never written to. A backend that can't mount them ignores them, and
    :meth:`Sandbox.restore` sends the files."""
    layers_bytes: int = 0
    """The size of these files together."""
    warm: bool = True
    """Run ``python`` in forks of a process that has imported its libraries, on backends that can do
    so. For the program, only the time differs."""
    preload: tuple[str, ...] = PRELOAD
    """The modules that this process imports; those that are not installed are left out."""
    client: Client | None = field(default=None, compare=False)
    """Who will make more sandboxes like this one, one after the other, so that the next one may be
    started ahead; see :mod:`mle_gym.sandbox.spares`."""
