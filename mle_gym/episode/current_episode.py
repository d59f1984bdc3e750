"""Which episode an environment is playing: any thread may replace it or end it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gymnasium.error import ResetNeeded

from mle_gym.episode.episode import Episode
from mle_gym.episode.outcome import Record
from mle_gym.errors import SandboxCrashed

__all__ = ["CurrentEpisode"]

_SWITCHING = threading.Lock()
"""Held while an environment changes its episode. One for all: locks can't be copied or pickled."""


class CurrentEpisode:
    """The episode that an environment is playing, if it is playing one."""

    def __init__(self) -> None:
        self.episode: Episode | None = None
        self.record: Record | None = None
        """What the episode that runs, or that ended last, was made of and what came of it."""
        self._turns = 0
        """Counts replacements and ends: another thread may make one while an episode starts."""

    def running(self) -> Episode:
        """The episode.

        Raises:
            ResetNeeded: There is none.
        """
        if self.episode is None:
            raise ResetNeeded("no episode is running: call reset() before step()")
        return self.episode

    def replace(self, start: Callable[[], Episode]) -> Episode:
        """Discard the episode that runs, and start another in its place.

        Raises:
            SandboxCrashed: Another thread replaced or ended the episode meanwhile.
        """
        turn, old = self._take()
        if old is not None:
            old.discard()
        episode = start()
        with _SWITCHING:
            if turn == self._turns:
                self.episode, self.record = episode, episode.record()
        if self.episode is not episode:
            episode.discard()
            raise SandboxCrashed("it was closed or reset again meanwhile", kind="interrupted")
        return episode

    def keep_record(self, episode: Episode) -> None:
        """Note what came of a step, and leave the episode if that was the last one."""
        self.record = episode.record()
        if episode.over:
            # Not waited for: the next episode may begin while the sandbox goes.
            episode.discard()
            with _SWITCHING:
                if self.episode is episode:
                    self.episode = None

    def close(self) -> None:
        """End the episode and wait until its sandbox is gone. Idempotent."""
        _, episode = self._take()
        if episode is not None:
            episode.close()

    def _take(self) -> tuple[int, Episode | None]:
        """Take the episode away; the number shows later whether another thread came."""
        with _SWITCHING:
            self._turns += 1
            episode, self.episode = self.episode, None
            return self._turns, episode

    def __getstate__(self) -> dict[str, Any]:
        """A copy plays no episode: it starts with a reset."""
        return {**vars(self), "episode": None, "record": None}
