"""Arenas are shared by many attacks, since most leave nothing behind that the next would notice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.conftest import isolating_backend, working_backend  # noqa: F401
from tests.sandbox.docker_daemon import docker_host  # noqa: F401
from tests.security.arena import Arena, Exposed, with_neighbour
from tests.security.bait import Bait, laid_out


@pytest.fixture(scope="module")
def bait(cache_folder: Path) -> Iterator[Bait]:
    """Secrets on this machine."""
    with laid_out() as bait:
        yield bait


@pytest.fixture(scope="module", params=["bubblewrap", "docker"])
def arena(request: pytest.FixtureRequest, bait: Bait) -> Iterator[Arena]:
    """An episode on each backend that promises isolation, with another one beside it."""
    name = working_backend(request)
    neighbour, arena = with_neighbour(name, bait), Arena(name, bait.variables)
    yield arena
    arena.close()
    neighbour.close()


@pytest.fixture(scope="module")
def exposed(bait: Bait) -> Iterator[Exposed]:
    """Where nothing, or not everything, stops an attack."""
    exposed = Exposed(bait)
    yield exposed
    exposed.close()


@pytest.fixture(autouse=True)
def _requires_root(request: pytest.FixtureRequest) -> None:
    attack = getattr(request.node, "callspec", None) and request.node.callspec.params.get("attack")
    if attack and attack.root and "exposed" in request.fixturenames and os.geteuid() != 0:
        pytest.skip("requires root even without isolation")
