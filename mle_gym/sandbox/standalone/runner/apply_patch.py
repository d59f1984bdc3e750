"""The program ``apply_patch``, with which models that know it edit files.

A patch names files below the current folder, and says what becomes of them::

    *** Begin Patch
    *** Update File: train.py
    @@ def fit(data):
         model = Ridge()
    -    return model
    +    return model.fit(data)
    *** Add File: notes.txt
    +a line
    *** Delete File: old.py
    *** End Patch

A piece of an update begins with ``@@``, and may name a line above the change. Its lines begin with
a space (as they are), ``-`` (removed) or ``+`` (added). Line numbers aren't used: the old lines are
searched from where the last piece ended, as written at first, then without regard to white space at
their ends, then on both sides. Nothing is written unless every piece fits.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, END, END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
ADD, DELETE, UPDATE, MOVE = (
    "*** Add File: ", "*** Delete File: ", "*** Update File: ", "*** Move to: "
)  # fmt: skip
_AS: tuple[Callable[[str], str], ...] = (str, str.rstrip, str.strip)
"""In which respects lines must be equal, the strictest first."""


class PatchError(Exception):
    """A patch that can't be applied; the message says where, and what was expected."""


def main(arguments: list[str]) -> int:
    """Apply the patch in the only argument, or on standard input; returns the exit code."""
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print("usage: apply_patch [PATCH]    (default: standard input)", file=sys.stderr)
        return 2
    text = arguments[0] if arguments else sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    try:
        changes = read_patch(text, _read)
        for path, content in changes.items():
            _write(path, content)
    except (PatchError, OSError) as error:
        print(f"apply_patch: {error}", file=sys.stderr)
        return 1
    for path, content in changes.items():
        print(f"{'deleted' if content is None else 'wrote'} {path}")
    return 0


def read_patch(text: str, read: Callable[[str], str]) -> dict[str, str | None]:
    """The new content of each file that a patch names; None for one that is deleted.

    Args:
        text: The patch.
        read: Returns a file's content.

    Raises:
        PatchError: The patch is malformed, or doesn't fit the files.
    """
    lines = text.strip().split("\n")
    if len(lines) < 2 or lines[0].strip() != BEGIN or lines[-1].strip() != END:
        raise PatchError(f"a patch begins with {BEGIN!r} and ends with {END!r}")
    changes: dict[str, str | None] = {}
    at, end = 1, len(lines) - 1
    while at < end:
        line = lines[at]
        stop = at + 1
        while stop < end and not lines[stop].startswith((ADD, DELETE, UPDATE)):
            stop += 1
        body = lines[at + 1 : stop]
        if line.startswith(ADD):
            changes[line[len(ADD) :].strip()] = _added(body, at + 2)
        elif line.startswith(DELETE):
            path = line[len(DELETE) :].strip()
            read(path)  # which must be there
            changes[path] = None
        elif line.startswith(UPDATE):
            _update(changes, line[len(UPDATE) :].strip(), body, read)
        else:
            raise PatchError(f"line {at + 1}: expected '{UPDATE}PATH', found {line[:60]!r}")
        at = stop
    return changes


def _added(body: list[str], first: int) -> str:
    for number, line in enumerate(body, start=first):
        if not line.startswith("+"):
            raise PatchError(f"line {number}: a line of a new file begins with '+'")
    return "".join(f"{line[1:]}\n" for line in body)


def _update(
    changes: dict[str, str | None], path: str, body: list[str], read: Callable[[str], str]
) -> None:
    """Add what becomes of a file, and of the one that it is moved to."""
    target = path
    if body and body[0].startswith(MOVE):
        target = body.pop(0)[len(MOVE) :].strip()
    # A patch may name a file more than once.
    before = changes.get(path)
    content = read(path) if before is None else before
    lines, at = content.removesuffix("\n").split("\n"), 0
    for header, piece in _pieces(body, path):
        at = _apply(lines, at, header, piece, path)
    if target != path:
        changes[path] = None
    changes[target] = "".join(f"{line}\n" for line in lines)


def _pieces(body: list[str], path: str) -> list[tuple[str, list[str]]]:
    """The pieces of an update: the line named after ``@@``, and the piece's own lines."""
    pieces: list[tuple[str, list[str]]] = []
    for line in body:
        if line.startswith("@@"):
            pieces.append((line[2:].removesuffix("@@").strip(), []))
        elif line.strip() == END_OF_FILE or line[:1] in ("+", "-", " ", ""):
            if not pieces:
                pieces.append(("", []))
            pieces[-1][1].append(line or " ")
        else:
            raise PatchError(f"{path}: a line of an update begins with ' ', '-', '+' or '@@', "
                             f"not {line[:60]!r}")  # fmt: skip
    return pieces


def _apply(lines: list[str], at: int, header: str, piece: list[str], path: str) -> int:
    """Change the lines; returns where the next piece is searched."""
    if header:
        found = _find(lines, [header], at, (str.strip,))
        if found is None:
            raise PatchError(f"{path}: there is no line {header[:80]!r}")
        at = found + 1
    at_end = bool(piece) and piece[-1].strip() == END_OF_FILE
    edits = piece[:-1] if at_end else piece
    old = [line[1:] for line in edits if line[0] in " -"]
    if not old:  # nothing but new lines: after the header, or at the end
        found = at if header and not at_end else len(lines)
    else:
        start = max(at, len(lines) - len(old)) if at_end else at
        found = _find(lines, old, start, _AS)
    if found is None:
        shown = "\n".join(old[:10])
        raise PatchError(f"{path}: these lines are not in the file in this order:\n{shown}")
    # Lines that stay are kept as the file has them.
    kept, fresh = iter(lines[found : found + len(old)]), []
    for line in edits:
        if line[0] == "+":
            fresh.append(line[1:])
        else:
            before = next(kept)
            if line[0] == " ":
                fresh.append(before)
    lines[found : found + len(old)] = fresh
    return found + len(fresh)


def _find(
    lines: list[str], wanted: list[str], start: int, ways: tuple[Callable[[str], str], ...]
) -> int | None:
    """Where some lines occur at or after a line, the strictest way first; None if nowhere."""
    for way in ways:
        seen, goal = [way(line) for line in lines], [way(line) for line in wanted]
        for at in range(start, len(lines) - len(wanted) + 1):
            if seen[at : at + len(wanted)] == goal:
                return at
    return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except IsADirectoryError:
        raise PatchError(f"{path}: is a folder") from None
    except FileNotFoundError:
        raise PatchError(f"{path}: no such file") from None


def _write(path: str, content: str | None) -> None:
    if content is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(content)
