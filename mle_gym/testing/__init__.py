"""Checks for those who write backends, tasks and agents; each raises, and says all that is wrong.

    from mle_gym.testing import check_agent, check_sandbox, check_task

    check_sandbox("my-backend")

They are for tests: they run programs, and take seconds.
"""

from mle_gym.testing.agents_and_tasks import check_agent, check_task
from mle_gym.testing.sandbox_promises import PROMISES, check_sandbox

__all__ = ["PROMISES", "check_agent", "check_sandbox", "check_task"]
