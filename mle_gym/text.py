r"""Program output made into text that is safe to show, store and train on.

>>> clean(b"\x1b[31mred\x1b[0m 10%\r 50%\r100%\nbell\x07 \xff")
'100%\nbell␇ �'
"""

from __future__ import annotations

import re

__all__ = ["clean", "clean_text"]

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x9b[0-?]*[ -/]*[@-~]"  # the same, one-byte form
    r"|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # window titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)"  # device control strings
    r"|\x1b[ -/]*[0-~]"  # everything shorter
)
_OVERSTRUCK = re.compile(r"[^\n\r\x08]\x08")
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Bidirectional embeddings, overrides and isolates: they show text in another order than it has."""
_VISIBLE = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), *_REORDERING, *range(0xD800, 0xE000)), 0xFFFD),
}


def clean(output: bytes) -> str:
    """What a terminal would be left showing, as plain text.

    Invalid UTF-8 becomes U+FFFD. Escape sequences go. A line that a carriage return rewrote, such
    as a progress bar, keeps its last state. Other control characters become their pictures
    (``␇``) or U+FFFD, one character each, so the text never grows beyond one character a byte.
    The same goes for what reorders text and for halves of surrogate pairs, which can't be printed.
    """
    return clean_text(output.decode("utf-8", errors="replace"))


def clean_text(text: str) -> str:
    """The same for text that is decoded already."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\x08" in text:
        text = _OVERSTRUCK.sub("", text).replace("\x08", "")
    if "\r" in text:
        text = "\n".join(map(_last_state, text.split("\n")))
    return text.translate(_VISIBLE)


def _last_state(line: str) -> str:
    """What a line shows after its carriage returns."""
    if "\r" not in line:
        return line
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1] if states else ""
