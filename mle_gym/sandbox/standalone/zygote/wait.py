"""What a zygote inside a sandbox does before the first program of an agent runs, and no later.

It shares a user with the agent. A process that has just been executed may be read, written and
traced by all processes of its user, and whoever opened its memory then keeps it. So it is executed
while no program of the agent's runs, and imports nothing before it is wanted.
"""

from __future__ import annotations

import os
import select

from ..shared.light_imports import socket
from ..shared.process_control import prctl

PR_SET_DUMPABLE = 4
HIDDEN = b"h"
"""Says that nobody can open its memory any more."""
NAME = b"idle-zygote"
"""Matches no word of a program's command line."""


def wait_for_order(control: int) -> bool:
    """Hide from agents, say so, and wait until there is an order; False if none will come.

    Args:
        control: The descriptor of the runner's socket.
    """
    with open("/proc/self/comm", "wb", buffering=0) as file:
        file.write(NAME)
    prctl(PR_SET_DUMPABLE, 0)
    os.write(control, HIDDEN)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.poll()
    line = socket.socket(fileno=control)
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
    finally:
        line.detach()
