"""Sandboxes that continue from a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from mle_gym.sandbox import Sandbox, SandboxConfig
from mle_gym.sandbox.snapshots.store import Store, current_store
from tests.sandbox.conftest import (
    BACKENDS,
    PATIENCE,
    start,
    working_backend,
)

Continue = Callable[..., Sandbox]


@pytest.fixture(params=BACKENDS)
def onward(request: pytest.FixtureRequest) -> str:
    """The backend on which a snapshot is continued: each, for snapshots from each."""
    return working_backend(request)


@pytest.fixture
def resume(backend: str) -> Iterator[Continue]:
    """Start a sandbox that continues from a snapshot; closed with the test."""
    with ExitStack() as stack:

        def resume_one(name: str, on: str = backend, **options: Any) -> Sandbox:
            lease = current_store().lease(name)
            layers = {"layers": lease.layers, "layers_bytes": lease.info.bytes}
            box = stack.enter_context(start(on, SandboxConfig(**layers, **options)))
            box.restore(lease)
            lease.release()
            return box

        yield resume_one


def run(box: Sandbox, command: str) -> str:
    """What a command prints, which must succeed."""
    execution = box.execute(command, timeout=PATIENCE)
    assert execution.exit_code == 0, execution.output
    return execution.output.decode("utf-8", "surrogateescape")


def remaining(store: Store) -> set[str]:
    """The names of the snapshots that the store has."""
    return {name for name in os.listdir(store.folder) if not name.startswith(".")}  # noqa: PTH208
