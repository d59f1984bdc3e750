"""One episode as a server of the Model Context Protocol (``mle-gym mcp``).

    from mle_gym.integrations.mcp import EpisodeSession, make_server

    with mle_gym.make("titanic") as env:
        make_server(EpisodeSession(env)).run("stdio")

It requires ``pip install "mle-gym[mcp]"``.
"""

from mle_gym.integrations.mcp.episode_server import make_server
from mle_gym.integrations.mcp.episode_session import EpisodeSession

__all__ = ["EpisodeSession", "make_server"]
