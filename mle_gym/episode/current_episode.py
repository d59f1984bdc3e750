"""The episode that an environment is playing: how it starts, and how any thread may end it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from gymnasium.error import ResetNeeded

from mle_gym.datasets.prepare import prepare
from mle_gym.episode.episode import Episode
from mle_gym.episode.outcome import Record
from mle_gym.episode.rewards import NEED_NO_CEILING, load_reward
from mle_gym.episode.variants import draw_variant
from mle_gym.errors import SandboxCrashed, SnapshotError
from mle_gym.sandbox.spares import Client, current_spares

if TYPE_CHECKING:
    import numpy as np

    from mle_gym.episode.live_output import ShowOutput
    from mle_gym.episode.outcome import Info, Outcome
    from mle_gym.episode.settings import Settings
    from mle_gym.episode.snapshot import Snapshot
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["CurrentEpisode", "PlayedEpisode", "start_episode"]

_SWITCHING = threading.Lock()
"""Held while an environment changes its episode. All environments share it, since environments must
be copied and pickled, and locks can't be."""


class PlayedEpisode(Protocol):
    """An episode that is played here or on a server; see :class:`Episode`."""

    settings: Settings

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    def opening(self) -> tuple[dict[str, Any], Info]:
        """What ``reset`` returns."""

    def step(self, action: Any, on_output: ShowOutput | None = None) -> Outcome:
        """Take one action."""

    def finish(self) -> Outcome:
        """End now, as if the budget were spent."""

    def names(self, folder: str | None) -> list[str]:
        """What a person may complete a word of a command to. It is no step."""

    def snapshot(self) -> Snapshot:
        """This moment as a value."""

    def record(self) -> Record | None:
        """How the episode was made, and its result so far; None if only a server knows."""

    def interrupt(self) -> None:
        """End the running command. From any thread."""

    def close(self) -> None:
        """Free everything. Idempotent."""

    def discard(self) -> None:
        """Like :meth:`close`, but returns at once."""


def start_episode(
    task: TaskSpec,
    settings: Settings,
    snapshot: Snapshot | None,
    rng: np.random.Generator,
    client: Client,
) -> PlayedEpisode:
    """Draw the variant, prepare its data, and start an episode on them, here or on a server."""
    variant = draw_variant(settings.variant, rng)
    if settings.remote:
        # It imports an extra, and threads and sockets that nothing else requires.
        from mle_gym.episode.remote_episode import RemoteEpisode

        if snapshot is not None:
            raise SnapshotError("an episode on a server can't continue from a snapshot")
        return RemoteEpisode(task.env_id, settings, variant)
    dataset = prepare(task, settings.dataset_options(variant))
    if settings.reward not in NEED_NO_CEILING:
        # Only these rewards require a grader at a reset, and a grader is slow to import.
        from mle_gym.episode.reference_programs import measure_ceiling

        measure_ceiling(dataset, settings.sandbox)
    return Episode(dataset, settings, load_reward(settings.reward), snapshot, client)


class CurrentEpisode:
    """The episode that an environment is playing, if it is playing one."""

    def __init__(self) -> None:
        self.episode: PlayedEpisode | None = None
        self.record: Record | None = None
        """How the current episode, or the last one, was made, and its result so far."""
        self.client = Client()
        """For whom sandboxes are started ahead."""
        self._turns = 0
        """Counts replacements and ends, to notice one by another thread while an episode starts."""

    def running(self) -> PlayedEpisode:
        """The episode.

        Raises:
            ResetNeeded: There is none.
        """
        if self.episode is None:
            raise ResetNeeded("no episode is running: call reset() before step()")
        return self.episode

    def replace(self, start: Callable[[], PlayedEpisode]) -> PlayedEpisode:
        """Discard the running episode, and start another in its place.

        Raises:
            SandboxCrashed: Another thread replaced or ended the episode meanwhile.
        """
        turn, old = self._take()
        if old is not None:
            old.discard()
        # Not under the lock: starting is slow, and another thread may want to close meanwhile.
        episode = start()
        with _SWITCHING:
            if turn == self._turns:
                self.episode, self.record = episode, episode.record()
        if self.episode is not episode:
            episode.discard()
            raise SandboxCrashed("it was closed or reset again meanwhile", kind="interrupted")
        return episode

    def keep_record(self, episode: PlayedEpisode) -> None:
        """Keep the result of a step, and give the episode up if that was its last one."""
        self.record = episode.record()
        if episode.over:
            # Without waiting, since the next episode may begin while this sandbox is removed.
            episode.discard()
            with _SWITCHING:
                if self.episode is episode:
                    self.episode = None

    def interrupt(self) -> None:
        """End the command that the episode is running, if it is running one."""
        episode = self.episode  # another thread may end it meanwhile
        if episode is not None:
            episode.interrupt()

    def close(self) -> None:
        """End the episode and what was started ahead, and wait until that is gone. Idempotent."""
        _, episode = self._take()
        if episode is not None:
            episode.close()
        current_spares().leave(self.client)

    def _take(self) -> tuple[int, PlayedEpisode | None]:
        """Take the episode away. The number shows later whether another thread did so too."""
        with _SWITCHING:
            self._turns += 1
            episode, self.episode = self.episode, None
            return self._turns, episode

    def __getstate__(self) -> dict[str, Any]:
        """A copy plays no episode until its first reset."""
        return {**vars(self), "episode": None, "record": None}
