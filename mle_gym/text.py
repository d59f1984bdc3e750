r"""Turns program output into text that is safe to show, store and train on.

>>> clean(b"\x1b[31mred\x1b[0m 10%\r 50%\r100%\nbell\x07 \xff")
'100%\nbell␇ �'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from itertools import islice
from numbers import Number
from typing import Any

__all__ = [
    "IN_BRACKETS",
    "clean",
    "clean_text",
    "did_you_mean",
    "listing",
    "nearest",
    "one_line",
    "show",
    "spelled_out",
]

IN_BRACKETS = " (did you mean {}?)"
"""A form of :func:`did_you_mean` for the middle of a message."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x9b[0-?]*[ -/]*[@-~]"  # the same, one-byte form
    r"|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # window titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)"  # device control strings
    r"|\x1b[ -/]*[0-~]"  # everything shorter
)
_OVERSTRUCK = re.compile(r"[^\n\r\x08]\x08")
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Bidirectional embeddings, overrides and isolates, which show text in another order."""
_VISIBLE = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), *_REORDERING, *range(0xD800, 0xE000)), 0xFFFD),
}


def clean(output: bytes) -> str:
    """Returns what a terminal would show in the end, as plain text.

    Invalid UTF-8 becomes U+FFFD. Escape sequences are removed. A line that carriage returns
    rewrote, such as a progress bar, keeps its last state. Other control characters become their
    pictures (``␇``) or U+FFFD, one character each, so that the text never has more characters than
    the output has bytes. Characters that reorder text, and lone surrogates, also become U+FFFD.
    """
    return clean_text(output.decode("utf-8", errors="replace"))


def clean_text(text: str) -> str:
    """Like :func:`clean`, for text that is already decoded."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\x08" in text:
        text = _OVERSTRUCK.sub("", text).replace("\x08", "")
    if "\r" in text:
        text = "\n".join(map(_last_state, text.split("\n")))
    return text.translate(_VISIBLE)


def spelled_out(text: str) -> str:
    """A text with pictures in place of all control characters, so that none hides what it says.

    For what an agent writes: its output is cleaned as a terminal would show it, but a carriage
    return or an escape sequence in a command must not hide the command's beginning.
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def _last_state(line: str) -> str:
    """Returns what a line shows after its carriage returns."""
    if "\r" not in line:
        return line
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1] if states else ""


def show(value: object, longest: int = 40) -> str:
    """Formats a value as messages quote it: on one line, escaped, cut to ``longest`` characters."""
    try:
        text = str(value) if isinstance(value, (str, Number)) else repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; a deep nesting
        return f"an unprintable {type(value).__name__}"
    shown = repr(text[:longest]) if isinstance(value, str) else text[:longest]
    return shown if len(text) <= longest else f"{shown}…"


def one_line(text: str, longest: int = 200) -> str:
    """Returns a text without its line breaks, cut to ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def listing(values: Collection[Any], most: int = 10) -> str:
    """Lists the first values as messages quote them, and how many more there are."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(map(show, islice(values, most))) + more


def did_you_mean(name: object, known: Iterable[str], form: str = "; did you mean {}?") -> str:
    """The end of a message about an unknown name: similar names, or nothing.

    Args:
        name: What the user wrote. Only a string is similar to anything.
        known: All known names.
        form: A format with a place for the similar names.
    """
    wanted = name[:100] if isinstance(name, str) else ""
    names = sorted(known)
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.55)
    if wanted and not near:  # difflib finds the beginning of a long name too different from it
        near = [each for each in names if each.startswith(wanted)][:3]
    return form.format(" or ".join(map(repr, near))) if near else ""


def nearest(name: object, known: Iterable[str]) -> str:
    """Like :func:`did_you_mean`, but lists every known name if none is similar."""
    options = sorted(known)
    everything = f"; known: {', '.join(options)}" if options else ""
    return did_you_mean(name, options) or everything
