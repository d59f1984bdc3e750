"""Small files that take gigabytes to read; run as a program, with limited memory, on each of them.

    python -m tests.trajectories.verify.attacks FOLDER RECORD

prints, for each attack and each way to read it, ``refused`` (one line of error), ``read`` or
``out of memory``; then the same without caps.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import resource
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mle_gym.cli.app import app
from mle_gym.errors import MleGymError
from mle_gym.trajectories import space_json, stored_submission, trajectory
from mle_gym.trajectories.audit import audit_trajectory, hand_labels
from mle_gym.trajectories.hash_chain import Chain
from mle_gym.trajectories.verify import rescore
from mle_gym.trajectories.verify.run_verification import verify_trajectory

ROOM = 300 * 2**20
"""Bytes of address space beyond what the program has when it starts."""
HUGE = 2**60
LINES = list[dict[str, Any]]


def bomb(lines: LINES) -> None:
    """A submission of 400 MB in less than 2 MB."""
    packer, size = zlib.compressobj(1), 400 * 2**20
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20))
    content = base64.b64encode(packed + packer.flush()).decode()
    lines[-1]["submission"] |= {"bytes": size, "zlib": content}


def wide(lines: LINES) -> None:
    """Two texts of a gigabyte each, in a few bytes."""
    lines[1]["info"]["x"] = {"$array": ["a", "b"], "dtype": "<U250000000"}


def many(lines: LINES) -> None:
    """Two and a half million empty lists."""
    lines[1]["info"]["x"] = [[]] * 2_500_000


def small(lines: LINES) -> None:
    """A million small objects."""
    lines[1]["info"]["x"] = [{"a": 1}] * 1_000_000


ATTACKS = (bomb, wide, many, small)


def _write(folder: Path, record: Path, attack: Callable[[LINES], None]) -> Path:
    lines = [json.loads(line) for line in record.read_bytes().splitlines()]
    attack(lines)
    chain = Chain()
    path = folder / f"{attack.__name__}.jsonl"
    with path.open("w") as file:
        for line in lines:
            line.pop("hash")
            file.write(json.dumps({**line, "hash": chain.add(line)}, separators=(",", ":")) + "\n")
    return path


def _uncap() -> None:
    trajectory.MOST_BYTES = rescore.MOST_UNPACKED = hand_labels.MOST_BYTES = HUGE  # type: ignore[misc]
    space_json._DTYPE = re.compile(".*")  # type: ignore[misc]
    unpack = stored_submission.unpack_submission
    rescore.unpack_submission = lambda packed, most: unpack(packed, HUGE)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _show(path: Path) -> None:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = app(["replay", "--show", str(path)], standalone_mode=False)
    if "MemoryError" in stream.getvalue():
        raise MemoryError
    if code == 2:
        raise MleGymError


READERS: dict[str, Callable[[Path], object]] = {
    "verify": verify_trajectory,
    "audit": audit_trajectory,
    "show": _show,
}


def _outcomes(path: Path, readers: Iterable[str]) -> Iterator[str]:
    for name in readers:
        try:
            READERS[name](path)
            outcome = "read"
        except MleGymError:
            outcome = "refused"
        except MemoryError:
            outcome = "out of memory"
        yield f"{path.stem} {name}: {outcome}"


if __name__ == "__main__":
    files = [_write(Path(sys.argv[1]), Path(sys.argv[2]), attack) for attack in ATTACKS]
    verify_trajectory(sys.argv[2])  # imports, and the dataset
    _limit()
    for file in files:
        print(*_outcomes(file, READERS), sep="\n")
    _uncap()
    for file in files:
        print("without caps,", *_outcomes(file, ["verify"]))
