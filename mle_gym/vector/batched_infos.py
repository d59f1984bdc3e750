"""The infos of several environments as one dict of arrays."""

from __future__ import annotations

from typing import Any

__all__ = ["first", "valid_unless_failed"]


def valid_unless_failed(infos: dict[str, Any]) -> dict[str, Any]:
    """A batch's infos with ``reward_valid`` True for the environments without such an info.

    Gymnasium fills the places of those that were not reset, or did not end, with False, which a
    trainer would read as a failure.
    """
    for each in (infos, infos.get("final_info", {})):
        if "reward_valid" in each:
            each["reward_valid"] |= ~each["_reward_valid"]
    return infos


def first(infos: dict[str, Any], count: int) -> dict[str, Any]:
    """The first entries of every array in a batch's infos."""
    return {
        key: first(value, count) if isinstance(value, dict) else value[:count]
        for key, value in infos.items()
    }
