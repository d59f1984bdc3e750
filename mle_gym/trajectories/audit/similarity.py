"""Compares what an agent wrote with references, by copydetect's fingerprints."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.regular_files import read_whole
from mle_gym.text import one_line
from mle_gym.trajectories.audit.written_code import Script

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

__all__ = ["Reference", "Similarity", "read_references", "similarities"]

NOISE = 25
"""Characters of code (without names and comments) that must agree to count at all."""
GUARANTEED = 40
"""Agreement of this many such characters is always found."""
SHORTEST = 150
"""Characters of a program without its imports. In a shorter one, everything is boilerplate."""
MOST_BYTES = 64 * 2**20
"""Size of a reference. Notebooks contain their pictures."""
MOST_FRAGMENTS = 5
"""How many common fragments are quoted."""
_IMPORT = re.compile(r"^[ \t]*(?:from\s+[\w.]+\s+)?import\s+(?:\([^)]*\)|[^\n;#]*)", re.MULTILINE)
KINDS = (".py", ".ipynb", ".r", ".jl")


@dataclass(frozen=True)
class Reference:
    """A notebook or script to compare with."""

    path: str
    code: str


@dataclass(frozen=True)
class Similarity:
    """A program of the agent's that resembles a reference."""

    step: int
    path: str
    """The file that was written, or empty for a program that was run directly."""
    reference: str
    share: float
    """How much of the agent's program also appears in the reference, from 0 to 1."""
    reference_share: float
    """How much of the reference also appears in the agent's program."""
    fragments: tuple[str, ...]
    """What they have in common, as the agent wrote it, the longest first."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "fragments": list(self.fragments)}


def read_references(folder: str | Path) -> list[Reference]:
    """Every script below a folder, and the code cells of every notebook.

    Raises:
        OSError: There is no such folder, or a file can't be read.
        ValueError: The folder has no references, or one of them can't be understood.
    """
    root = Path(folder)
    files = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in KINDS]
    if not root.is_dir():
        raise NotADirectoryError(20, "expected a folder of notebooks and scripts", str(folder))
    if not files:
        raise ValueError(f"{folder}: expected files that end in {', '.join(KINDS)}, found none")
    return [Reference(str(path.relative_to(root)), _code(path)) for path in files]


def similarities(
    written: list[Script], references: list[Reference], threshold: float
) -> tuple[Similarity, ...]:
    """For each pair of a program and a reference that are similar, its most similar version.

    Raises:
        ModuleNotFoundError: copydetect is not installed.
    """
    known = [(reference, _fingerprint(reference.code)) for reference in references]
    best: dict[tuple[str, int, str], Similarity] = {}
    for script in written:
        if script.language != "python" or len(_without_imports(script.text).strip()) < SHORTEST:
            continue
        for found in _compared(script, known):
            key = (found.path, 0 if found.path else found.step, found.reference)
            if found.share >= max(threshold, best[key].share if key in best else 0):
                best[key] = found
    return tuple(sorted(best.values(), key=lambda each: -each.share))


def _compared(
    script: Script, known: list[tuple[Reference, CodeFingerprint]]
) -> Iterator[Similarity]:
    mine = _fingerprint(script.text)
    for reference, theirs in known:
        if not mine.hashes & theirs.hashes:
            continue
        _, (share, reference_share), (slices, _) = _copydetect().compare_files(mine, theirs)
        texts = [script.text[int(start) : int(end)].strip() for start, end in slices.T]
        longest = sorted(filter(None, texts), key=len, reverse=True)[:MOST_FRAGMENTS]
        yield Similarity(
            step=script.step,
            path=script.path,
            reference=reference.path,
            share=round(min(1.0, float(share)), 4),
            reference_share=round(min(1.0, float(reference_share)), 4),
            fragments=tuple(map(one_line, longest)),
        )


def _copydetect() -> Any:
    try:
        import copydetect  # of the extra plagiarism
    except ModuleNotFoundError as error:
        if error.name != "copydetect":
            raise
        message = "comparing with references requires copydetect: pip install 'mle-gym[plagiarism]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    return copydetect


def _without_imports(code: str) -> str:
    """The same with blanks for imports, which everyone shares; every character stays in place."""
    return _IMPORT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)


def _fingerprint(code: str) -> CodeFingerprint:
    window = GUARANTEED - NOISE + 1
    fingerprint: CodeFingerprint = _copydetect().CodeFingerprint(
        "code.py", k=NOISE, win_size=window, fp=io.StringIO(_without_imports(code))
    )
    return fingerprint


def _code(path: Path) -> str:
    """A script's text, or the code cells of a notebook.

    Raises:
        ValueError: The file is not a notebook.
    """
    text = read_whole(path, MOST_BYTES).decode(errors="replace")
    if path.suffix.lower() != ".ipynb":
        return text
    try:
        cells = json.loads(text)["cells"]
        code = [each["source"] for each in cells if each["cell_type"] == "code"]
        return "\n".join(each if isinstance(each, str) else "".join(each) for each in code)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: expected a notebook, found {error!r}") from None
