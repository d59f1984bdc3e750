"""Stable-Baselines3 on our vector environment: parallel episodes for ``PPO`` and ``MaskablePPO``.

envs = mle_gym.make_vec("titanic", num_envs=8, autoreset_mode="same_step", env_wrappers=[…])
model = PPO("MlpPolicy", StableBaselinesVecEnv(envs))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv

from mle_gym.vector.thread_vector import ThreadVectorEnv

__all__ = ["StableBaselinesVecEnv"]


class StableBaselinesVecEnv(VecEnv):  # type: ignore[misc]
    """A vector environment of ours as Stable-Baselines3's ``VecEnv``.

    Stable-Baselines3 requires observations and actions that are arrays: wrap each environment in
    :class:`~mle_gym.wrappers.CommandMenu`, and in :class:`~mle_gym.wrappers.TextFeatures`
    (``MlpPolicy``) or :class:`~mle_gym.wrappers.EncodedText` (``MultiInputPolicy``).

    An episode that ran out of steps or time was graded, so it has ended for the trainer too. One
    that failed has no reward: it is reported as cut short (``TimeLimit.truncated``), so that the
    trainer puts its own estimate in the place of what would have followed, and it is left out of
    the statistics in ``info["episode"]``.

    Args:
        envs: Made with ``autoreset_mode="same_step"``.

    Raises:
        ValueError: It resets at other times.
    """

    def __init__(self, envs: ThreadVectorEnv) -> None:
        if envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError("StableBaselinesVecEnv requires autoreset_mode='same_step'")
        self.envs = envs
        self._actions: Any = None
        self._returns, self._lengths = np.zeros((2, envs.num_envs))
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode in each, with the seeds and options that were set beforehand."""
        options = [each or None for each in self._options]
        observations, infos = self.envs.reset(seed=self._seeds, options=options)
        self.reset_infos = [info_of(infos, i) for i in range(self.num_envs)]
        self._returns[:] = self._lengths[:] = 0
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: Any) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        """Step all environments in parallel. Those whose episodes end begin another.

        Raises:
            MleGymError: An automatic reset failed, and failed again.
        """
        observations, rewards, terminations, truncations, infos = self.envs.step(self._actions)
        dones = terminations | truncations
        self._returns += rewards
        self._lengths += 1
        each = [info_of(infos, i) for i in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            each[i] = self._ended(int(i), each[i])
        failed = np.array([not info["reward_valid"] for info in self.reset_infos]) & dones
        if failed.any():
            observations, _ = self.envs.reset(mask=failed)
        return observations, rewards.astype(np.float32), dones, each

    def _ended(self, i: int, info: dict[str, Any]) -> dict[str, Any]:
        """The info of an episode's last step; that of the next reset is put aside."""
        terminal, last = info.pop("final_obs"), info.pop("final_info")
        self.reset_infos[i] = info
        valid = bool(last["reward_valid"])
        if valid:
            last["episode"] = {"r": float(self._returns[i]), "l": int(self._lengths[i])}
        self._returns[i] = self._lengths[i] = 0
        return {**last, "terminal_observation": terminal, "TimeLimit.truncated": not valid}

    def close(self) -> None:
        """Close every environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of some environments."""
        return [self.envs.envs[i].get_wrapper_attr(attr_name) for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of some environments."""
        for i in self._get_indices(indices):
            self.envs.envs[i].set_wrapper_attr(attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of some environments, one after the other."""
        methods = self.get_attr(method_name, indices)
        return [method(*method_args, **method_kwargs) for method in methods]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Whether some environments have a wrapper."""
        chosen = self._get_indices(indices)
        return [is_wrapped(self.envs.envs[i], wrapper_class) for i in chosen]

    def get_images(self) -> Sequence[Any]:
        """What each environment renders."""
        return self.envs.render()


def info_of(infos: Mapping[str, Any], i: int) -> dict[str, Any]:
    """The info of one environment, out of those of all that a vector environment returns."""
    return {
        name: info_of(value, i) if isinstance(value, Mapping) else value[i]
        for name, value in infos.items()
        if not name.startswith("_") and (f"_{name}" not in infos or infos[f"_{name}"][i])
    }
