"""Serves a host: what process 1 of a sandbox does."""

from __future__ import annotations

import os

from ..shared.descriptors import close_all_but
from ..shared.light_imports import signal
from .loop import Runner
from .meters import Meters
from .processes import harden, keep_precedence, kill_descendants, take_name


def serve(folder: str = "", line: str = "", seconds: str = "", memory: str = "") -> None:
    """Move the stream out of the agent's reach, then answer the host until it leaves.

    Args:
        folder: Removed at the end, if given: where nothing isolates, nobody else would remove it
            after a ``kill -9`` of the host.
        line: Descriptor that leads to warm Python, if there is any.
        seconds: Descriptor of what counts the sandbox's processor time, if anything does.
        memory: Descriptor of what counts the most memory that it has used, if anything does.
    """
    given = [int(number) if number else None for number in (line, seconds, memory)]
    source, sink = _move_stream([number for number in given if number is not None])
    take_name(b"init")
    harden()
    keep_precedence()
    # The agent may signal even PID 1 where that has handlers; the host ends it by SIGKILL.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        Runner(source, sink, given[0], Meters(*given[1:])).serve()
    except BrokenPipeError:
        pass
    finally:
        kill_descendants()
        if folder:
            import shutil  # which only a sandbox that removes itself takes

            shutil.rmtree(folder, ignore_errors=True)
    # Taking the interpreter down in good order would take as long as most of its start did.
    os._exit(0)


def _move_stream(given: list[int]) -> tuple[int, int]:
    """Move the stream to descriptors that no command inherits; close all but those given."""
    for descriptor in given:
        os.set_inheritable(descriptor, False)
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    kept = {source, sink, *given}
    highest = max(map(int, os.listdir("/proc/self/fd")))
    close_all_but(kept, highest + 1)
    return source, sink
