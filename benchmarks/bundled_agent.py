"""Loads the file of a bundled agent as a module."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from mle_gym.paths import bundled

__all__ = ["bundled_agent"]


def bundled_agent(name: str) -> ModuleType:
    """The module of ``agents/NAME.py``, loaded once.

    Raises:
        ModuleNotFoundError: It imports an extra that is not installed.
    """
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, bundled("agents") / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look it up there while it is executed
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
