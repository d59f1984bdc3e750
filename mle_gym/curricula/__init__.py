"""Which task or state comes next: drawn, or chosen by what an agent can learn most from."""

from mle_gym.curricula.any_task import AnyTask
from mle_gym.curricula.curriculum import Curriculum
from mle_gym.curricula.sampling import sample_task
from mle_gym.curricula.state_buffer import KeptState, StateBuffer

__all__ = ["AnyTask", "Curriculum", "KeptState", "StateBuffer", "sample_task"]
