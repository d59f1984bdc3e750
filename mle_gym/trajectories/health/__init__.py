"""Whether episodes are fit for training: failures, false zeros, groups that teach nothing."""

from mle_gym.trajectories.health.judge_health import Health, health
from mle_gym.trajectories.health.measures import HealthCheck, Limits

__all__ = ["Health", "HealthCheck", "Limits", "health"]
