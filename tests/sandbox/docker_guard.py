"""Runs a Docker daemon for as long as another process lives, then removes all of it.

Standard library only; run as ``python docker_guard.py PID FOLDER``. A test run that is killed
leaves nothing behind, and the workers of one run need not agree on who stops the daemon.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path


def main(owner: int, folder: Path) -> None:
    with contextlib.suppress(ProcessLookupError), (folder / "log").open("wb") as log:
        watched = os.pidfd_open(owner)
        daemon = subprocess.Popen(
            ["dockerd", "--config-file", str(folder / "daemon.json")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        select.select([watched, os.pidfd_open(daemon.pid)], [], [])
        daemon.terminate()
        try:
            daemon.wait(60)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
