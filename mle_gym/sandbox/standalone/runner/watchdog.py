"""Enforces time and memory on the running command, and on what earlier ones left running."""

from __future__ import annotations

import os
import time

from .processes import (
    exact_memory_in_use,
    has_children,
    kill_descendants,
    memory_in_use,
    socket_memory,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.runner_messages import Configure
    from .run_commands import Commands
    from .running_command import Command

EXPIRED_LOOKS = 0.2
"""Seconds between looks for processes once everything here has expired."""
WATCH_EVERY = 0.1
"""Seconds between looks at memory while a command runs."""
WATCH_IDLE = 1.0
"""The longest time between looks at what earlier commands have left, such as an interpreter that
waits for the next cell. It grows to this while their memory stays the same, and hundreds of idle
sandboxes take next to no processor time."""


class Watchdog:
    """Looks at the clock and at the memory in use, and ends what goes beyond its limits.

    Args:
        options: The host's configuration.
        commands: The commands to watch.
    """

    def __init__(self, options: Configure, commands: Commands) -> None:
        self._commands, self._memory_mb = commands, options["memory_mb"]
        # Elsewhere what waits in sockets may be anybody's.
        self._counts_sockets = os.getpid() == 1 and options["own_network"]
        self._look_at = 0.0
        """When to look at the background processes' memory again."""
        self._every, self._used = WATCH_EVERY, -1
        """Seconds between these looks, and what the last one saw."""
        self._expires: float | None = None
        """When everything that the agent started is ended, for good."""

    def patience(self) -> float | None:
        """Seconds until there is something to do; None if there never is."""
        now, waits = time.monotonic(), []
        command = self._commands.current
        if command:
            waits += [WATCH_EVERY, (command.kill_at or command.deadline) - now]
        elif self._commands.may_have_left:
            waits.append(self._every)
        if self._expires is not None:
            waits.append(self._expires - now if now < self._expires else EXPIRED_LOOKS)
        return min(waits) if waits else None

    def expire(self, seconds: float | None) -> None:
        """End everything in so many seconds; None takes that back."""
        self._expires = None if seconds is None else time.monotonic() + seconds
        self.keep_expired()

    def keep_expired(self) -> None:
        """Once the time is up nothing lives: no command, nothing in the background, no newcomer."""
        if self._expires is None or time.monotonic() < self._expires:
            return
        if self._commands.current:
            self._commands.current.spare_nothing("timeout")
        self._commands.end_all()

    def look(self) -> None:
        """Enforce time and memory on the running command, or memory on what others left."""
        command, now = self._commands.current, time.monotonic()
        if command:
            self._every, self._look_at = WATCH_EVERY, 0.0
        if not command:
            # Not on the time of a command that has just ended.
            next_look = max(self._look_at, self._commands.ended + WATCH_EVERY)
            if self._commands.may_have_left and now >= next_look:
                self._look_at_background(now)
        elif command.kill_at is not None:
            if now >= command.kill_at:
                self._commands.kill()
        elif now >= command.deadline:
            self._commands.interrupt("timeout")
        elif now >= command.look_at:
            # Not more often: an agent's signals, and every child's end, wake this process.
            command.look_at = now + WATCH_EVERY * 0.9
            self._look_at_memory(command)

    def _look_at_memory(self, command: Command) -> None:
        used = self._memory_in_use()
        self._commands.account.saw(used)
        if used > self._memory_mb << 20:
            command.spare_nothing("memory")
            self._commands.kill()

    def _look_at_background(self, now: float) -> None:
        """Between commands: the agent may think for long before the next one."""
        self._commands.may_have_left = has_children()
        used = self._memory_in_use() if self._commands.may_have_left else 0
        self._every = min(2 * self._every, WATCH_IDLE) if used == self._used else WATCH_EVERY
        self._look_at, self._used = now + self._every * 0.9, used
        if used > self._memory_mb << 20:
            kill_descendants()
            what = f"what earlier commands left used more than {self._memory_mb} MB of memory"
            self._commands.note = f"[killed: {what}]\n".encode()

    def _memory_in_use(self) -> int:
        """Bytes; those of shared pages are counted once where they would be too many."""
        waiting = socket_memory() if self._counts_sockets else 0
        used = memory_in_use() + waiting
        return used if used <= self._memory_mb << 20 else exact_memory_in_use() + waiting
