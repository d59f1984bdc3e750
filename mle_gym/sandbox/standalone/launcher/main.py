"""The entry point: ``main`` serves the host at the other end of the socket that argv names."""

from __future__ import annotations

import socket
import sys

from .kernel_files import raise_open_files
from .server import Launcher


def main() -> None:
    """Serve until the host is gone."""
    raise_open_files()
    Launcher(socket.socket(fileno=int(sys.argv[1]))).serve()
