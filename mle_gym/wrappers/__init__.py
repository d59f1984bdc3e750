"""Wrappers that make an environment fit the usual RL libraries, and ``fork`` for search."""

from mle_gym.wrappers.command_menu import CommandMenu
from mle_gym.wrappers.fork import fork
from mle_gym.wrappers.text_features import TextFeatures

__all__ = ["CommandMenu", "TextFeatures", "fork"]
