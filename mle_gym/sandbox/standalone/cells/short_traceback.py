"""Tracebacks for agents: without our own frames, and without the middle of long ways."""

from __future__ import annotations

import traceback

MOST_FRAMES = 10
"""Longer tracebacks lose frames in the middle, which are most often a library's."""
_OWN = __file__.rpartition("/")[0] + "/"
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe(error: BaseException) -> str:
    """The traceback of an exception, and of those from which it came."""
    try:
        return "".join(_lines(traceback.TracebackException.from_exception(error)))
    except Exception as another:  # such as one whose own __str__ fails
        return f"{type(error).__name__} (its traceback can't be shown: {type(another).__name__})\n"


def _lines(error: traceback.TracebackException) -> list[str]:
    if getattr(error, "exceptions", None):  # a group, whose own format shows the members
        return list(error.format())
    lines = []
    if error.__cause__ is not None:
        lines += [*_lines(error.__cause__), _CAUSE]
    elif error.__context__ is not None and not error.__suppress_context__:
        lines += [*_lines(error.__context__), _CONTEXT]
    frames = [frame for frame in error.stack if not frame.filename.startswith(_OWN)]
    if frames:
        lines.append("Traceback (most recent call last):\n")
    left_out = len(frames) - MOST_FRAMES
    if left_out > 1:
        half = MOST_FRAMES // 2
        lines += traceback.StackSummary.from_list(frames[:half]).format()
        lines.append(f"  [{left_out} calls left out]\n")
        frames = frames[-half:]
    lines += traceback.StackSummary.from_list(frames).format()
    return lines + list(error.format_exception_only())
