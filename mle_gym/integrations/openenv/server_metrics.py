"""What a server counts, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["ServerMetrics"]

_SECONDS = (0.01, 0.1, 0.5, 1, 5, 10, 60, 300, 1800)


class ServerMetrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def named(kind: Any, name: str, meaning: str, *labels: str, **more: Any) -> Any:
            return kind(f"mle_gym_{name}", meaning, labels, registry=self.registry, **more)

        self.sessions = named(Gauge, "sessions", "Connections that are open.")
        self.playing = named(Gauge, "episodes_playing", "Episodes that are running.")
        self.refused = named(Counter, "refused", "Connections that were refused.", "reason")
        self.lost = named(Counter, "sessions_lost", "Sessions that clients did not end.", "reason")
        self.resets = named(
            Histogram, "reset_seconds", "Seconds that resets took.", buckets=_SECONDS
        )
        self.steps = named(Histogram, "step_seconds", "Seconds of a step.", buckets=_SECONDS)
        self.episodes = named(Counter, "episodes", "Episodes that are over.", "task", "ending")
        self.failures = named(Counter, "failures", "Episodes that failed.", "kind", "cause")
        self.rewards = named(Counter, "rewards", "Rewards of valid episodes, summed.", "task")

    def ended(self, task: str, terminated: bool, info: Mapping[str, Any]) -> None:
        """Count an episode that is over."""
        failure = info.get("failure")
        if failure is not None:
            self.failures.labels(failure["kind"], failure["cause"]).inc()
        ending = "failed" if failure else "submitted" if terminated else "truncated"
        self.episodes.labels(task, ending).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return bytes(generate_latest(self.registry))
