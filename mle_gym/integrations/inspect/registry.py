"""What Inspect loads through the entry point: the tasks, the scorer and the sandbox."""

from mle_gym.integrations.inspect.sandbox_environment import MleGymSandbox
from mle_gym.integrations.inspect.scorer import mle_gym_scorer
from mle_gym.integrations.inspect.tasks import register_tasks

__all__ = ["MleGymSandbox", "mle_gym_scorer"]

register_tasks()
