"""The filter of system calls that all processes in sandboxes have, whichever backend made them.

There is one list of rules, :mod:`.denied_calls`. It is written out twice: as the program that
bubblewrap and warm Python install, and as Docker's profile.
"""

from __future__ import annotations

from mle_gym.sandbox.seccomp.docker_profile import docker_profile
from mle_gym.sandbox.seccomp.kernel_filter import filter_program

__all__ = ["docker_profile", "filter_program"]
