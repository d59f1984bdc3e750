"""TorchRL on our environments: importing this module tells it what our spaces are.

import mle_gym.integrations.torchrl_specs
env = torchrl.envs.GymWrapper(mle_gym.make("titanic"))

Texts and actions become ``NonTensor`` specs, so that a policy reads and writes strings. With
:class:`~mle_gym.wrappers.CommandMenu` and :class:`~mle_gym.wrappers.TextFeatures` all specs are
those of tensors, and this module isn't required.
"""

from __future__ import annotations

from typing import Any

from torchrl.data import NonTensor
from torchrl.envs.libs.gym import register_gym_spec_conversion

from mle_gym.episode.spaces import ActionSpace, UnicodeText

__all__: list[str] = []


def _text(space: UnicodeText, device: Any = None, **others: Any) -> NonTensor:
    return NonTensor((), device=device, example_data="a text")


def _action(space: ActionSpace, device: Any = None, **others: Any) -> NonTensor:
    return NonTensor((), device=device, example_data="ls")


register_gym_spec_conversion(UnicodeText)(_text)
register_gym_spec_conversion(ActionSpace)(_action)
