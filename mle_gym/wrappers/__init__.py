"""Wrappers that make an environment fit RL libraries and asyncio, and ``fork`` for search."""

from mle_gym.wrappers.async_env import AsyncMLEEnv
from mle_gym.wrappers.command_menu import CommandMenu
from mle_gym.wrappers.encoded_text import EncodedText, HashedWords
from mle_gym.wrappers.fork import fork
from mle_gym.wrappers.text_features import TextFeatures

__all__ = ["AsyncMLEEnv", "CommandMenu", "EncodedText", "HashedWords", "TextFeatures", "fork"]
