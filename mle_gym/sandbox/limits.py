"""What one sandbox may use, with the defaults."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use. Reaching a limit ends commands, never the host."""

    memory_mb: int = 2048
    """Memory of all processes together, in MiB."""
    cpus: float = 1.0
    """CPU time per wall-clock time."""
    processes: int = 256
    """Processes and threads alive at once."""
    disk_mb: int = 1024
    """Writable space in MiB, for the workspace and again for ``/tmp``."""
    output_bytes: int = 20_000
    """How much of one command's output is returned: its head and its tail."""
    output_file_bytes: int = 8 * 2**20
    """How much of one command's output stays readable inside the sandbox."""
