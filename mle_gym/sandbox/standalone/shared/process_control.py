"""``prctl`` of libc, without what ``ctypes`` brings along: ``light_imports.py`` says why."""

from __future__ import annotations

import os

__all__ = ["prctl"]

try:
    from _ctypes import call_cdeclfunction, dlopen, dlsym
except ImportError:  # another Python calls C by other means
    from ctypes import CDLL

    def prctl(option: int, value: int) -> None:
        """Call ``prctl``."""
        CDLL(None).prctl(option, value, 0, 0, 0)

else:

    def prctl(option: int, value: int) -> None:
        """Call ``prctl``."""
        library = dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]
        call_cdeclfunction(dlsym(library, "prctl"), (option, value, 0, 0, 0))
