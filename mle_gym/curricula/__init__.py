"""Which task comes next: drawn from a suite, or chosen by what an agent can learn most from."""

from mle_gym.curricula.any_task import AnyTask
from mle_gym.curricula.curriculum import Curriculum
from mle_gym.curricula.sampling import sample_task

__all__ = ["AnyTask", "Curriculum", "sample_task"]
