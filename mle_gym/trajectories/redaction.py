"""Removes from a record what identifies the machine and the person that made it.

Programs print where Python is installed, error messages name folders, and the header contains the
environment's arguments. A redacted record has placeholders for these, its own hash chain, and a
field ``redacted`` that says so. Placeholders are plain words without a meaning to a shell, so that
the record's actions can be played again.
"""

from __future__ import annotations

import getpass
import platform
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mle_gym.paths import PACKAGE, cache_folder, checkout, user_tasks

__all__ = ["Redact", "redactor"]

Redact = Callable[[Any], Any]

SHORTEST_PATH, SHORTEST_NAME = 5, 3
"""The fewest characters that are replaced. A shorter path (``/``, ``/opt``) identifies nobody."""
EVERYWHERE = frozenset({"root", "user", "localhost", "runner", "ubuntu", "jovyan"})
"""Names of users and machines that identify nobody."""
_PRIVATE = re.compile(
    r"(?<![\w/.~>-])/(?:home|Users|root|mnt|media|scratch|srv|nfs)/[^\s'\":,;()<>]+"
)
"""Paths where people keep their files, on any machine."""


def redactor() -> Redact:
    """Returns a function that removes from JSON what identifies this machine."""
    words = dict(sorted([*_folders(), *_names()], key=lambda pair: -len(pair[0])))
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in words))

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            return _PRIVATE.sub("/redacted/path", pattern.sub(lambda found: words[found[0]], value))
        if isinstance(value, list):
            return [redact(item) for item in value]
        if isinstance(value, dict):
            return {redact(key): redact(item) for key, item in value.items() if _kept(key, item)}
        return value

    return redact


def _kept(key: str, value: Any) -> bool:
    """Whether a key is kept. A task's folder is not: a replay looks the task up by its id."""
    return key != "task" or not (isinstance(value, str) and value.startswith("/"))


def _folders() -> Iterator[tuple[str, str]]:
    """This machine's folders, as they are written and with links resolved, and their words."""
    folders = {
        "/redacted/python": (Path(sys.prefix), Path(sys.base_prefix)),
        "/redacted/mle-gym": (checkout() or PACKAGE,),
        "/redacted/cache": (cache_folder(),),
        "/redacted/tasks": (user_tasks(),),
        "/redacted/folder": (Path.cwd(),),
        "/redacted/home": (Path.home(),),
    }
    for word, paths in folders.items():
        for path in paths:
            for text in {str(path.absolute()), str(path.resolve())}:
                if len(text) >= SHORTEST_PATH:
                    yield text, word


def _names() -> Iterator[tuple[str, str]]:
    """The names of this machine and of its user."""
    yield platform.platform(), f"{platform.system()}-{platform.machine()}"
    names = {platform.node(): "redacted-host", platform.node().partition(".")[0]: "redacted-host"}
    with suppress(KeyError, OSError):  # an account without a name
        names[getpass.getuser()] = "redacted-user"
    for name, word in names.items():
        if len(name) >= SHORTEST_NAME and name.lower() not in EVERYWHERE:
            yield name, word
