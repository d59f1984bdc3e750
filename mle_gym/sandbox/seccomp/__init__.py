"""A filter of system calls that every sandbox's processes have, whichever backend made them.

One list of rules, :mod:`.rules`, written out twice: as the program that bubblewrap and warm Python
install, and as Docker's profile.
"""

from __future__ import annotations

from mle_gym.sandbox.seccomp.docker_profile import docker_profile
from mle_gym.sandbox.seccomp.kernel_filter import filter_program

__all__ = ["docker_profile", "filter_program"]
