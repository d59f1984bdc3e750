"""Numbers with their units, in the words of the brief."""

from __future__ import annotations

__all__ = ["bytes_text", "count_text", "duration_text"]


def count_text(number: int, noun: str) -> str:
    """``2,000 rows``, ``1 row``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def bytes_text(number: int) -> str:
    """A number of bytes in the unit that fits, as in ``1.5 MiB``."""
    value = float(number)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB" if value < 1000 else f"{value:,.0f} GiB"


def duration_text(seconds: float) -> str:
    """Seconds in the unit that fits, as in ``45 minutes``."""
    if seconds < 120:
        return f"{seconds:g} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.3g} minutes"
    return f"{seconds / 3600:.3g} hours"
