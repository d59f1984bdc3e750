"""A hash chain over the lines of a trajectory: each line's hash covers all lines before it.

A line is a JSON object whose last key, ``hash``, is the hexadecimal SHA-256 of the hash of the
line before and of its own content without ``hash``. The content is hashed in one canonical form
(keys sorted, no blanks), so that white space and the order of keys don't matter and everything else
does. With a key, the hash is HMAC-SHA256: without the key, nobody can make such a chain.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["HMAC", "SHA256", "Chain", "canonical", "check_key"]

SHA256: Final = "sha256"
HMAC: Final = "hmac-sha256"
SHORTEST_KEY: Final = 16
_DOMAIN: Final = b"mle-gym trajectory\n"


class Chain:
    """Links lines one after the other.

    Args:
        key: Makes it an HMAC chain.

    Raises:
        ValueError: The key has fewer than 16 bytes.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self.name = SHA256 if key is None else HMAC
        self.head = ""
        """The hash of the last line; empty before the first."""
        self._key = None if key is None else check_key(key)

    def add(self, line: Mapping[str, Any]) -> str:
        """The hash of the next line, which becomes the head. ``line`` is plain JSON without it."""
        return self.add_canonical(canonical(line))

    def add_canonical(self, line: bytes) -> str:
        """Like :meth:`add`, for a line in its canonical form."""
        message = _DOMAIN + self.head.encode() + b"\n" + line
        self.head = (
            hashlib.sha256(message).hexdigest()
            if self._key is None
            else hmac.digest(self._key, message, "sha256").hex()
        )
        return self.head


def check_key(key: bytes) -> bytes:
    """The key, if it is too long to be guessed.

    Raises:
        ValueError: The key has fewer than 16 bytes.
    """
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"expected a key of at least {SHORTEST_KEY} bytes, found {len(key)}")
    return key


def canonical(line: Mapping[str, Any]) -> bytes:
    """The one form of a line, without its hash, that is hashed.

    Raises:
        ValueError: The line has a number that is not finite.
    """
    return json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
