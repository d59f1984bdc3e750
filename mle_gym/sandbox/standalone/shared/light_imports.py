"""Parts of the standard library without the imports of their public modules.

``signal``, ``socket``, ``json`` and ``ctypes`` import ``enum``, ``re`` and ``selectors``. That
takes longer than the interpreter's own start, and every sandbox would pay for it. The C modules
behind them do everything that the runner needs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Callable
    from typing import Any
else:
    import _signal as signal
    import _socket as socket

__all__ = ["accept", "dumps", "loads", "signal", "socket"]


class _Format:
    """Settings of the scanner, as :func:`json.loads` has them."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_int = int
    parse_float = parse_constant = float


def _codec() -> tuple[Callable[[Any], str], Callable[[str | bytes], Any]]:
    """``dumps`` and ``loads`` of what is in C."""

    def refuse(value: Any) -> Any:
        raise TypeError(f"{value!r} is not JSON")

    scan = _json.make_scanner(_Format)  # type: ignore[arg-type]
    encode = _json.make_encoder(
        None, refuse, _json.encode_basestring_ascii, None, ": ", ", ", False, False, True
    )

    def dumps(value: Any) -> str:
        return "".join(encode(value, 0))

    def loads(text: str | bytes) -> Any:
        """Raises ValueError, or RecursionError where it is nested too deeply."""
        text = (text if isinstance(text, str) else text.decode()).strip()
        try:
            value, end = scan(text, 0)
        except (StopIteration, SystemError):
            # The scanner looks for JSONDecodeError among the imported modules; not finding it, it
            # fails without an exception, which the interpreter reports as a SystemError.
            end = -1
        if end != len(text):
            raise ValueError("not JSON")
        return value

    return dumps, loads


try:
    import _json
except ImportError:  # another Python keeps its JSON elsewhere
    import json

    dumps: Callable[[Any], str] = json.dumps
    loads: Callable[[str | bytes], Any] = json.loads
else:
    dumps, loads = _codec()


def accept(listener: socket.socket) -> socket.socket:
    """The next connection."""
    descriptor, _ = listener._accept()  # type: ignore[attr-defined]
    return socket.socket(fileno=descriptor)
