"""The shim and the keeper: two small C programs, compiled once for each machine."""

from __future__ import annotations

import functools
import hashlib
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from mle_gym.ownership import check_owner, checked_cache, make_private
from mle_gym.sandbox.standalone.start_commands import FOLDER

__all__ = ["COMPILERS", "programs"]

_SOURCES = FOLDER / "zygote"
COMPILERS = ("cc", "gcc", "clang")


def programs() -> tuple[Path, ...] | None:
    """The shim, the zygote's library and the keeper, compiled once; None if they can't be."""
    folder = checked_cache("programs")
    made = _compiled(folder)
    if made and not all(program.exists() for program in made):  # the cache was deleted
        _compiled.cache_clear()
        made = _compiled(folder)
    return made


@functools.cache
def _compiled(folder: Path) -> tuple[Path, ...] | None:
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    make = functools.partial(_compile, compiler, folder)
    found = [make([source], ["-static"]) or make([source], []) for source in ("shim.c", "keeper.c")]
    found.insert(1, make(["program.c", "handover.c"], ["-shared", "-fPIC"]))
    programs = tuple(program for program in found if program)
    return programs if len(programs) == len(found) else None


def _compile(
    compiler: str | None, folder: Path, sources: list[str], options: list[str]
) -> Path | None:
    """Compile into the cache, atomically. What is already there needs no compiler."""
    text = b"".join((_SOURCES / source).read_bytes() for source in sources)
    digest = hashlib.sha256(text + repr((options, platform.machine())).encode()).hexdigest()[:16]
    target = folder / f"{Path(sources[0]).stem}-{digest}"
    if target.exists():
        check_owner(target)
        return target
    if compiler is None:
        return None
    try:
        make_private(folder)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            made = Path(place) / "program"
            command = [compiler, "-Os", *options, "-o", str(made)]
            command += [str(_SOURCES / source) for source in sources]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            made.chmod(0o755)
            made.replace(target)
    except (OSError, subprocess.SubprocessError):
        return None
    return target
