"""The entry point: serve a host, or be one of the commands that call the runner."""

from __future__ import annotations

import os
import signal
import sys

from .calls import call
from .loop import Runner
from .processes import harden, kill_descendants


def serve(folder: str = "", line: str = "") -> None:
    """Move the stream out of the agent's reach, then answer the host until it leaves.

    Args:
        folder: Removed at the end, if given: where nothing isolates, nobody else would remove it
            after a ``kill -9`` of the host.
        line: Descriptor that leads to warm Python, if there is any.
    """
    if line:
        os.set_inheritable(int(line), False)
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    harden()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        Runner(source, sink, int(line) if line else None).serve()
    except BrokenPipeError:
        pass
    finally:
        kill_descendants()
        if folder:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run what the first argument names."""
    name, arguments = sys.argv[1], sys.argv[2:]
    if name == "serve":
        serve(*arguments)
        return 0
    return call(name, arguments[0], arguments[1:])
