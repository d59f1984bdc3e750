"""Warm Python in containers: the folder that a container sees, and the zygote in it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from docker.types import Mount

from mle_gym.ownership import check_owner, own_cache
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.standalone.shared.launcher_messages import ZygotePlan
from mle_gym.sandbox.standalone.start_commands import FOLDER, SANDBOX_PARTS
from mle_gym.sandbox.warm.compiled_programs import programs
from mle_gym.sandbox.warm.zygote_plan import zygote_plan

__all__ = ["SHIMS", "STANDALONE", "ImagePython", "own_mounts", "trial_mounts", "zygote_of"]

OURS = "/opt/mle-gym"
"""The folder in a container for everything that doesn't come from the image."""
SHIMS = f"{OURS}/bin"
STANDALONE = f"{OURS}/standalone"
_KEEPER_MODE = 0o711
"""Agents can't read the keeper, so the kernel opens no process that executes it to its user."""
_WARM_PARTS = (*SANDBOX_PARTS, "zygote")
LEAST_MEMORY_MB = 512
"""A zygote holds about 100 MiB. With less memory than this, Python stays cold."""


@dataclass(frozen=True)
class ImagePython:
    """What must be known about an image's Python to warm it."""

    executable: str
    names: tuple[str, ...] = ()
    """The names by which it may be called, ``python`` first; empty if our programs don't run
    there."""
    folders: tuple[str, ...] = ()
    """Where its modules are."""

    def warms(self, config: SandboxConfig) -> bool:
        """Whether a sandbox of it gets warm Python."""
        return config.warm and bool(self.names) and config.limits.memory_mb >= LEAST_MEMORY_MB


def trial_mounts() -> tuple[list[Mount], list[str]]:
    """The programs that an image must be able to run: mounts, and paths inside, the shim first."""
    made = _programs()
    inside = [f"{OURS}/{program.name}" for program in made]
    return [_bind(path, source) for path, source in zip(inside, made, strict=True)], inside


def own_mounts(python: ImagePython, config: SandboxConfig) -> list[Mount]:
    """The runner of this very version, and what warm Python needs."""
    if not python.warms(config):
        return [_bind(f"{STANDALONE}/{part}", FOLDER / part) for part in SANDBOX_PARTS]
    parts = [_bind(f"{STANDALONE}/{part}", FOLDER / part) for part in _WARM_PARTS]
    return [_bind(OURS, _folder(python, _programs())), *parts]


def zygote_of(
    python: ImagePython, config: SandboxConfig, environment: dict[str, str]
) -> ZygotePlan | None:
    """How the runner starts a zygote; None if it should not."""
    if not python.warms(config):
        return None
    others = [f"{OURS}/{program.name}" for program in _programs()[1:]]
    # It is in the sandbox, so its system calls are already filtered.
    return zygote_plan(
        python.executable,
        STANDALONE,
        others,
        list(python.folders),
        {},
        config.preload,
        environment,
        b"",
    )


def _programs() -> tuple[Path, ...]:
    """The programs of :func:`programs`, if a container can run them."""
    return (programs() or ()) if sys.platform == "linux" else ()


def _bind(target: str, source: Path) -> Mount:
    return Mount(target, str(source), type="bind", read_only=True)


@functools.lru_cache(maxsize=64)
def _key(python: ImagePython, names: tuple[str, ...]) -> str:
    return hashlib.sha256(repr((python, names, _WARM_PARTS, _KEEPER_MODE)).encode()).hexdigest()[
        :16
    ]


def _folder(python: ImagePython, made: tuple[Path, ...]) -> Path:
    """The folder that is mounted at :data:`OURS`. It is made once, atomically.

    The programs are copied, so that changes of the cache never reach a container.
    """
    parent = own_cache("programs")
    target = parent / f"container-{_key(python, tuple(program.name for program in made))}"
    if target.is_dir():
        check_owner(target)
        return target
    place = Path(tempfile.mkdtemp(dir=parent))
    try:
        _fill(place, python, made)
        place.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was faster
            place.rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return target


def _fill(place: Path, python: ImagePython, made: tuple[Path, ...]) -> None:
    (place / "bin").mkdir()
    for part in _WARM_PARTS:  # a mount needs an existing place
        point = place / "standalone" / part
        point.parent.mkdir(exist_ok=True)
        point.touch() if point.suffix else point.mkdir()
    shim, *others = made
    first, *names = python.names
    shutil.copy2(shim, place / "bin" / first)
    for name in names:
        (place / "bin" / name).symlink_to(first)
    for program in others:
        shutil.copy2(program, place / program.name)
    (place / others[-1].name).chmod(_KEEPER_MODE)
    (place / "interpreter").symlink_to(python.executable)
