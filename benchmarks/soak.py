"""Plays thousands of short episodes in one process and looks for what grows.

There are episodes of every kind: submitted, abandoned, out of budget, forked, with programs left
running and with a sandbox that is killed. At times, while no episode runs, it counts the resources
of this process and of all that it started. Leaks grow with the number of episodes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium
from rich.console import Console
from rich.progress import track
from rich.table import Table

import mle_gym
from benchmarks.docker_exec import container_processes
from benchmarks.memory import descendants, memory
from mle_gym.errors import MleGymError
from mle_gym.paths import cache_folder
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.docker.daemon import OWNER_LABEL, identity

SUBMIT = "cp data/sample_submission.csv submission.csv; submit"
SAMPLES = 20
"""How often everything is counted."""
ALLOWED_MB = 8.0
"""How much memory may grow from the first to the last quarter, since allocators vary."""
SETTLE_SECONDS, SETTLE_TURNS = 0.1, 50
EXAMPLES = """
examples:
  python -m benchmarks.soak                             2,000 episodes on every backend that works
  python -m benchmarks.soak --episodes 200 --backends bubblewrap

Exit code 1: something grew.
"""


@dataclass(frozen=True)
class Sample:
    """The counts between two episodes."""

    episodes: int
    memory_mb: float
    """PSS of this process and all that it started."""
    descriptors: int
    """File descriptors of this process and all that it started."""
    processes: int
    threads: int
    mounts: int
    """In mount namespaces that were made for sandboxes."""
    groups: int
    """Control groups of sandboxes."""
    containers: int
    files: int
    """Entries in the folder for temporary files and in the store of snapshots."""


def submitted(env: Any) -> None:
    """The agent submits."""
    env.reset()
    assert env.step(SUBMIT)[4]["grade"]["valid"]


def computed(env: Any) -> None:
    """The agent uses warm Python, and the tool call instead of the command."""
    env.reset()
    observation, *_ = env.step("python -c 'import pandas; print(len(pandas.__name__))'")
    assert observation["output"] == "6\n"
    env.step({"tool": "submit", "path": "data/sample_submission.csv"})


def abandoned(env: Any) -> None:
    """The episode is ended early, with programs running."""
    env.reset()
    env.step("sleep 1000 & setsid sleep 1000 & head -c 1M /dev/urandom > noise")


def spent(env: Any) -> None:
    """The steps run out."""
    env.reset()
    for _ in range(3):
        over = env.step({"tool": "list_files"})[3]
    assert over


def forked(env: Any) -> None:
    """A copy runs beside the original."""
    env.reset()
    env.step("echo one > notes")
    twin = env.unwrapped.fork()
    try:
        assert twin.step("cat notes")[0]["output"] == "one\n"
    finally:
        twin.close()
    env.step(SUBMIT)


RUNNER = "init"
"""The command line that a sandbox's first process shows."""


def killed(env: Any) -> None:
    """The sandbox is killed from outside.

    Only bubblewrap reports that as a failure. Without isolation it looks like the agent's doing,
    and a container's processes are not descendants of this one, so its sandbox is only closed.
    """
    env.reset()
    runners = [pid for pid in descendants() if _command(pid) == RUNNER]
    for runner in runners:
        with contextlib.suppress(ProcessLookupError):  # the last episode's may just be ending
            os.kill(runner, signal.SIGKILL)
    failed = not env.step("true")[4]["reward_valid"]
    assert failed == (env.unwrapped.settings.sandbox == "bubblewrap")


def _command(pid: int) -> str:
    try:
        shown = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return shown.rstrip("\0")


KINDS: tuple[Callable[[Any], None], ...] = (submitted, computed, abandoned, spent, forked, killed)


def main(arguments: list[str] | None = None) -> int:
    """Play, count, and report what grew."""
    parser = _parser()
    options = parser.parse_args(arguments)
    backends = [name for name in options.backends if _works(name)]
    least = len(KINDS) * len(backends) + 2
    if options.episodes < least:
        parser.error(f"--episodes: growth shows from {least} episodes on {len(backends)} backends")
    with tempfile.TemporaryDirectory() as folder, temporary_files_in(folder):
        samples = play(backends, options.episodes)
    options.out.mkdir(parents=True, exist_ok=True)
    found = {
        "version": mle_gym.__version__,
        "backends": backends,
        "samples": [asdict(sample) for sample in samples],
        "grew": grown(samples),
    }
    (options.out / "soak.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print_samples(samples)
    print(f"backends: {', '.join(backends)}; written: {options.out / 'soak.json'}")
    for line in found["grew"]:
        print(f"grew: {line}")
    return int(bool(found["grew"]))


@contextlib.contextmanager
def temporary_files_in(folder: str) -> Iterator[None]:
    """Put temporary files into a folder in which no others are counted."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = None
        del os.environ["TMPDIR"]
        os.environ |= {"TMPDIR": before} if before else {}


def play(backends: list[str], episodes: int) -> list[Sample]:
    """Play episodes of each kind on each backend in turn."""
    samples = []
    first = len(KINDS) * len(backends)  # before each kind was played once, counts still grow
    every = max(1, (episodes - first) // SAMPLES)
    with contextlib.ExitStack() as stack:
        envs = [_make(stack, backend) for backend in backends]
        console = Console(stderr=True)
        for number in track(range(episodes), "episodes", console=console, transient=True):
            kind = KINDS[number // len(envs) % len(KINDS)]
            env = envs[number % len(envs)]
            kind(env)
            env.close()
            if number >= first and (number - first) % every == every - 1:
                samples.append(count(number + 1))
    return samples


def _make(stack: contextlib.ExitStack, backend: str) -> Any:
    env = gymnasium.make("mle/zoo-v0", sandbox=backend, max_steps=3)
    stack.callback(env.close)
    return env


def count(episodes: int) -> Sample:
    """Count everything that could leak, once the last sandbox is gone."""
    for _ in range(SETTLE_TURNS):
        time.sleep(SETTLE_SECONDS)
        pids = descendants()
        groups = _groups(pids)
        if not groups:
            break
    label = f"{OWNER_LABEL}={identity(os.getpid())}"
    return Sample(
        episodes,
        round(memory(pids).pss, 1),
        sum(_entries(f"/proc/{pid}/fd") for pid in pids),
        len(pids),
        threading.active_count(),
        _mounts(pids),
        len(groups),
        len(container_processes(label)) if _works("docker") else 0,
        _entries(tempfile.gettempdir()) + _entries(str(cache_folder() / "snapshots")),
    )


def _groups(pids: set[int]) -> list[str]:
    """Control groups that one of these processes made."""
    return [
        f"{folder}/{name}"
        for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith("mle-gym-") and int(name.split("-")[2]) in pids
    ]


def _mounts(pids: set[int]) -> int:
    """The mounts in namespaces that these processes are in and this one is not."""
    own = Path("/proc/self/ns/mnt").stat().st_ino
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            namespace = Path(f"/proc/{pid}/ns/mnt").stat().st_ino
            found[namespace] = Path(f"/proc/{pid}/mountinfo").read_bytes().count(b"\n")
    return sum(count for namespace, count in found.items() if namespace != own)


def _entries(folder: str) -> int:
    try:
        return len(os.listdir(folder))  # noqa: PTH208  a process may end meanwhile
    except OSError:
        return 0


def grown(samples: list[Sample]) -> list[str]:
    """What grew from the first quarter of the samples (after warming up) to the last."""
    kept = samples[max(1, len(samples) // 10) :]
    quarter = max(1, len(kept) // 4)
    found = []
    for field in fields(Sample)[1:]:
        first, last = (
            statistics.median(getattr(sample, field.name) for sample in part)
            for part in (kept[:quarter], kept[-quarter:])
        )
        if last - first > (ALLOWED_MB if field.name == "memory_mb" else 0):
            found.append(f"{field.name}, from {first:g} to {last:g}")
    return found


def _works(name: str) -> bool:
    try:
        get_backend(name).check()
    except MleGymError:
        return False
    return True


def print_samples(samples: list[Sample]) -> None:
    """Print the counts as a table."""
    table = Table(title="Between episodes: this process and everything it started")
    names = [field.name for field in fields(Sample)]
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for sample in samples:
        table.add_row(*(f"{getattr(sample, name):,}" for name in names))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--episodes", type=int, default=2000, help="how many (default: 2000)")
    add("--backends", nargs="+", default=["bubblewrap", "docker", "subprocess"], metavar="NAME")
    add("--out", type=Path, default=Path("runs/soak"), metavar="DIR", help="for soak.json")
    return parser


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "sandbox='subprocess' isolates nothing")
    sys.exit(main())
