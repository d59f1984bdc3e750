"""Randomness that nobody can compute: every draw of a dataset comes from its task's key.

Agents may know the code, the source table and the variant's number. What they don't know is the
256-bit key in the task's folder, which no sandbox shows, nor :data:`SECRET`, with which a lab gets
variants that nobody else has. The canonical variant 0 does without the secret, so that its results
compare between labs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["KEY_FILE", "SECRET", "generator", "secret_fingerprint", "write_key"]

KEY_FILE = "key"
"""In the task's folder: 64 hexadecimal digits."""
SECRET = "MLE_GYM_SECRET"
"""Environment variable: a passphrase of your own for the variants other than 0."""
SHORTEST_SECRET = 16
"""Characters; each guess at the secret costs one :func:`_stretched`, so short ones are found."""


def generator(task: TaskSpec, variant: int, purpose: str) -> np.random.Generator:
    """A random generator of its own for each task, variant and purpose, equal on every machine.

    Philox is a block cipher in counter mode: the numbers that show in a public file don't give
    away those that made the private one.

    Raises:
        DatasetError: The task has no key, or the secret is too short.
    """
    key = _read_key(task.folder)
    if variant != 0:
        key = hmac.digest(key, _secret(), "sha256")
    seed = hmac.digest(key, f"{variant} {purpose}".encode(), "sha256")
    return np.random.Generator(np.random.Philox(int.from_bytes(seed)))


def write_key(folder: Path) -> Path:
    """Give a task a key of its own; one that it has is kept."""
    file = folder / KEY_FILE
    if not file.exists():
        file.write_text(f"{secrets.token_hex(32)}\n", encoding="ascii")
    return file


def secret_fingerprint() -> str:
    """Distinguishes datasets made with different secrets; empty without a secret.

    It is part of the digests in records, and as slow to test guesses against as the secret is.

    Raises:
        DatasetError: The secret is too short.
    """
    secret = _secret()
    return hmac.digest(secret, b"fingerprint", "sha256").hex() if secret else ""


def _read_key(folder: Path) -> bytes:
    file = folder / KEY_FILE
    try:
        text = file.read_bytes()[:100].strip()
    except OSError as error:
        raise DatasetError(
            f"{file}: expected the task's key, found: {error.strerror}; "
            f"`mle-gym validate-task {folder} --fix` makes one"
        ) from None
    if not re.fullmatch(rb"[0-9a-f]{64}", text):
        raise DatasetError(
            f"{file}: expected 64 hexadecimal digits, found something else; delete it, and "
            f"`mle-gym validate-task {folder} --fix` makes another"
        )
    return bytes.fromhex(text.decode())


def _secret() -> bytes:
    secret = os.environ.get(SECRET, "")
    if secret and len(secret) < SHORTEST_SECRET:
        raise DatasetError(
            f"{SECRET}: expected {SHORTEST_SECRET} characters or more, found {len(secret)}"
        )
    return _stretched(secret) if secret else b""


@lru_cache(maxsize=1)
def _stretched(secret: str) -> bytes:
    """Slow on purpose: what is published of a dataset must not make guesses cheap."""
    return hashlib.scrypt(secret.encode(), salt=b"mle-gym", n=2**14, r=8, p=1, dklen=32)
