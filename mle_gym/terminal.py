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
_VISIBLE = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def clean(output: bytes) -> str:
    """What a terminal would be left showing, as plain text.

    Invalid UTF-8 becomes U+FFFD. Escape sequences go. A line that a carriage return rewrote, such
    as a progress bar, keeps its last state. Other control characters become their pictures
    (``␇``), one character each, so the text never grows beyond one character a byte.
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
