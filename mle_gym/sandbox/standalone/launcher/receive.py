"""Receives a message together with the descriptor that comes with it."""

from __future__ import annotations

import os
import socket


def receive(connection: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """Receive a message and at most one descriptor, which no started program inherits."""
    message, descriptors, _, _ = socket.recv_fds(connection, size, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return message, descriptors
