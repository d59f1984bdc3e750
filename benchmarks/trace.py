"""Counts system calls and instructions, which hardly depend on noise."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.features import lacks_counter, lacks_tracer
from benchmarks.measure import Skip
from benchmarks.memory import descendants

__all__ = ["instructions", "system_calls"]

ATTACH_SECONDS = 20.0


def system_calls(call: Callable[[], object], times: int, others: set[int]) -> float:
    """System calls of a call, in this process, in those that it starts, and in ``others``."""
    if lacks_tracer():
        raise Skip(lacks_tracer())
    with tempfile.NamedTemporaryFile("r") as report:
        pids = descendants() | others
        with _attached(["strace", "-f", "-c", "-o", report.name, *_each("-p", pids)], pids):
            for _ in range(times):
                call()
        total = [line.split() for line in report if line.rstrip().endswith("total")]
    if not total:
        raise RuntimeError("strace gave no total")
    return int(total[-1][3]) / times


def instructions(call: Callable[[], object], times: int, others: set[int]) -> float:
    """Millions of instructions of a call in user space, counted in the same processes."""
    if lacks_counter():
        raise Skip(lacks_counter())
    pids = ",".join(map(str, descendants() | others))
    command = ["perf", "stat", "-x,", "-e", "instructions:u", "-p", pids]
    with tempfile.NamedTemporaryFile("r") as report:
        process = subprocess.Popen([*command, "-o", report.name], stdin=subprocess.DEVNULL)
        try:
            time.sleep(0.5)  # perf doesn't say when it has begun
            for _ in range(times):
                call()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
        counts = [line.split(",")[0] for line in report if "instructions" in line]
    if not counts or not counts[0].isdecimal():
        raise RuntimeError("perf gave no count")
    return int(counts[0]) / times / 1e6


def _each(option: str, pids: set[int]) -> list[str]:
    return [part for pid in sorted(pids) for part in (option, str(pid))]


@contextlib.contextmanager
def _attached(command: list[str], pids: set[int]) -> Iterator[None]:
    """Run the block once strace follows every process, and wait for strace's end after it."""
    with tempfile.NamedTemporaryFile("w+b") as messages:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=messages)
        try:
            deadline = time.monotonic() + ATTACH_SECONDS
            while Path(messages.name).read_bytes().count(b" attached") < len(pids):
                if process.poll() is not None or time.monotonic() > deadline:
                    last = Path(messages.name).read_text(encoding="utf-8").strip().splitlines()[-1:]
                    raise Skip(f"strace can't attach: {''.join(last)}")
                time.sleep(0.01)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
