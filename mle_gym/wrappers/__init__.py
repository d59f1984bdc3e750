"""Wrappers that make an environment fit the usual RL libraries."""

from mle_gym.wrappers.command_menu import CommandMenu
from mle_gym.wrappers.text_features import TextFeatures

__all__ = ["CommandMenu", "TextFeatures"]
