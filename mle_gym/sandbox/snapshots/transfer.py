"""Moves a workspace between a sandbox and the store, through the runner's own operations."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Protocol

from mle_gym.errors import SandboxError, SnapshotError
from mle_gym.sandbox.snapshots.listing import Entry, Listing, UnknownFile, read_listing
from mle_gym.sandbox.snapshots.store import Lease, Store
from mle_gym.sandbox.standalone.shared import runner_messages as messages
from mle_gym.sandbox.standalone.shared.runner_messages import Done
from mle_gym.sandbox.standalone.shared.snapshot_listing import (
    Detail,
    RestoredShell,
    Row,
    ScannedWorkspace,
)

__all__ = ["restore_workspace", "take_workspace"]

_CHUNK = 1 << 21
_MOST_SHELL = 1 << 24


class Operate(Protocol):
    """One order to a runner, and its answer."""

    def __call__(self, order: messages.Order, payload: bytes = b"") -> tuple[Done, bytes]:
        """Wait for it."""


class _Hostile(SandboxError):
    """No honest runner sends this."""


def take_workspace(
    operate: Operate, store: Store, base: Lease | None, *, skip: list[str], most_bytes: int
) -> Lease:
    """Keep a sandbox's files and shell in the store.

    Args:
        operate: Gives orders to the sandbox's runner.
        store: Where to keep them.
        base: The last snapshot of this sandbox, or the one from which it started.
        skip: Paths that don't belong to the workspace: mounts.
        most_bytes: The most bytes that the files may hold together.

    Raises:
        SnapshotError: The workspace is too large, or the store is full.
        SandboxError: The runner failed.
    """
    answer, text = operate(messages.Scan(op="scan", base=base.name if base else "", skip=skip))
    if answer["exit_code"] != 0:
        reason = text[:1000].decode("utf-8", "replace").strip()
        raise SnapshotError(f"the workspace can't be read: {reason}")
    kept = None
    try:
        try:
            scan: ScannedWorkspace = json.loads(text)
            before = (base.listing, base.info.bytes) if base else ({}, 0)
            change = read_listing(scan, *before, most_bytes)
            shell = scan["shell"]
            if not isinstance(shell, dict):
                raise ValueError("bad shell")
            if len(json.dumps(shell)) > _MOST_SHELL:
                raise SnapshotError("the shell's variables hold too much for a snapshot")
        except SnapshotError:
            raise
        except UnknownFile:
            if base is None:
                raise _Hostile("the runner tells of a snapshot that it has not got") from None
            return take_workspace(operate, store, None, skip=skip, most_bytes=most_bytes)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _Hostile(f"the runner sent a listing that can't be: {error!r}"[:300]) from None
        kept = store.make(change, shell, base, lambda: _contents(operate))
    finally:
        operate(messages.Resume(op="resume", id=kept.name if kept else ""))
    return kept


def _contents(operate: Operate) -> bytes:
    answer, data = operate(messages.Contents(op="contents"))
    if answer["exit_code"] != 0 or not data:
        reason = data[:200].decode("utf-8", "replace").strip()
        raise SandboxError(f"a file of the workspace can't be read: {reason or 'it is gone'}")
    return data


def restore_workspace(operate: Operate, lease: Lease) -> None:
    """Put files and shell into a sandbox that has just started.

    If the backend could mount the layers, the files are there already. Otherwise they are sent.

    Raises:
        SnapshotError: The snapshot is damaged.
        SandboxError: The files don't fit, or the runner failed.
    """
    info = lease.info
    shell: RestoredShell = {"state": info.shell, "modes": info.modes}
    order = messages.Restore(op="restore", id=lease.name, witness=info.witness)
    if _check(operate(order, json.dumps(shell).encode()))["present"]:
        return
    listing = lease.listing
    _check(operate(messages.Unpack(op="unpack", begin=True), json.dumps(_rows(listing)).encode()))
    for chunk in _chunks(lease, listing):
        _check(operate(messages.Unpack(op="unpack", begin=False), chunk))
    _check(operate(messages.Unpacked(op="unpacked", id=lease.name)))


def _check(answer: tuple[Done, bytes]) -> Done:
    done, text = answer
    if done["exit_code"] != 0:
        reason = text[:1000].decode("utf-8", "replace").strip()
        raise SandboxError(f"a snapshot could not be put into the sandbox: {reason}")
    return done


def _rows(listing: Listing) -> list[Row]:
    return [
        (path, entry.kind, entry.mode, entry.modified, _detail(entry))
        for path, entry in listing.items()
    ]


def _detail(entry: Entry) -> Detail:
    match entry.kind:
        case "f":
            return entry.size, entry.extents
        case "l":
            return entry.target
        case "d":
            return None


def _chunks(lease: Lease, listing: Listing) -> Iterator[bytes]:
    """All contents in the listing's order; many small files share a chunk."""
    chunk = bytearray()
    for entry in listing.values():
        for part in _parts(lease, entry):
            chunk += part
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
    if chunk:
        yield bytes(chunk)


def _parts(lease: Lease, entry: Entry) -> Iterator[bytes]:
    if not entry.extents:
        return
    path = lease.store.folder / entry.layer / "tree" / entry.place
    damaged = SnapshotError(f"snapshot {lease.name} is damaged: {path} has changed or is missing")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise damaged from None
    try:
        if os.fstat(descriptor).st_size != entry.size:
            raise damaged
        for offset, length in entry.extents:
            end = offset + length
            while offset < end:
                part = os.pread(descriptor, min(_CHUNK, end - offset), offset)
                if not part:
                    raise damaged
                yield part
                offset += len(part)
    finally:
        os.close(descriptor)
