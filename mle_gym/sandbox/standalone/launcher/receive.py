"""A message and the descriptors that come with it."""

from __future__ import annotations

import os
import socket


def receive(connection: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """A message and at most one descriptor, which no program that is started must inherit."""
    message, descriptors, _, _ = socket.recv_fds(connection, size, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return message, descriptors
