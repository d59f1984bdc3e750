"""Writes a run as one HTML file that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import base64
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mle_gym.errors import MleGymError
from mle_gym.regular_files import write_atomically
from mle_gym.report.overview import FIELDS
from mle_gym.report.page import page
from mle_gym.report.shortening import to_json
from mle_gym.report.sources import Source

__all__ = ["MOST_MB", "Report", "write_report"]

MOST_MB = 20.0


@dataclass(frozen=True)
class Report:
    """What was written."""

    path: Path
    bytes: int
    episodes: int
    """How many the list has."""
    stories: int
    """How many of them can be opened."""
    left_out: int
    """How many have a record that the file has no room for."""


def write_report(
    source: Source,
    path: Path,
    *,
    most_mb: float = MOST_MB,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Write a page with everything in it.

    Args:
        source: What is shown.
        path: The file, which is replaced.
        most_mb: Room for the steps of episodes, in MB of the file. Failures, violations and one
            episode of each agent and task come first.
        on_progress: Called with the number of episodes that were read, and of all.

    Raises:
        MleGymError: A file of the run is damaged.
        OSError: A file can't be read or written.
    """
    overview = source.overview()
    stories = dict(_stories(source, overview, most_mb * 1e6, on_progress))
    at = FIELDS.index("recorded")
    recorded = sum(bool(row[at]) for row in overview["episodes"])
    left_out = recorded - len(stories)
    overview |= {"stories": sorted(stories), "left_out": left_out}
    made = page(f"{overview['name']} · mle-gym", _elements(overview, stories))
    content = made.encoded()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return Report(path, len(content), len(overview["episodes"]), len(stories), left_out)


def _elements(overview: dict[str, Any], stories: dict[int, str]) -> Iterator[str]:
    yield f'<script type="application/json" id="overview">{to_json(overview)}</script>\n'
    for row, packed in stories.items():
        yield f'<script type="text/plain" id="story-{row}">{packed}</script>\n'


def _stories(
    source: Source, overview: dict[str, Any], room: float, on_progress: Callable[[int, int], None]
) -> Iterator[tuple[int, str]]:
    """Stories by the number of their row, as long as there is room for them."""
    rows = overview["episodes"]
    order = list(_by_interest(rows))
    for done, number in enumerate(order):
        on_progress(done, len(order))
        try:
            story = source.story(rows[number][FIELDS.index("id")])
        except (MleGymError, OSError):
            continue  # the record is gone or damaged; the row says how the episode ended
        packed = pack(story)
        room -= len(packed)
        if room < 0:
            break
        yield number, packed
    on_progress(len(order), len(order))


def pack(story: dict[str, Any]) -> str:
    """A story compressed, in characters that mean nothing in HTML."""
    return base64.b64encode(gzip.compress(to_json(story).encode(), mtime=0)).decode()


def _by_interest(rows: list[list[Any]]) -> Iterator[int]:
    """Numbers of recorded rows: what went wrong first, then agents and tasks in turns."""
    values = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    groups: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    urgent = []
    for number, row in enumerate(values):
        if not row["recorded"]:
            continue
        if row["outcome"] in ("failed", "agent_failed") or row["integrity"] == "violation":
            urgent.append(number)
        else:
            groups[row["agent"], row["task"]].append(number)
    yield from urgent
    for turn in zip_longest(*groups.values()):
        yield from (number for number in turn if number is not None)
