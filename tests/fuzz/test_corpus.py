"""Every input on which a fuzzer found a fault, and the inputs that it starts from."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_no_input_is_a_finding(path: Path) -> None:
    target = import_module(f"tests.fuzz.targets.{path.parent.name}")
    target.check(path.read_bytes())
