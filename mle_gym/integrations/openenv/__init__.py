"""A server that plays episodes for clients elsewhere, in OpenEnv's protocol (``mle-gym serve``).

    from mle_gym.integrations.openenv import EpisodeService, make_app

    app = make_app(EpisodeService(tasks=("titanic",), sessions=8), token="…")

It requires ``pip install "mle-gym[openenv]"``. Clients require OpenEnv's own client, or, for
``gymnasium.make("mle/titanic-v0", remote="http://…")``, ``pip install "mle-gym[remote]"``.
"""

from mle_gym.integrations.openenv.episode_service import EpisodeService
from mle_gym.integrations.openenv.server_app import make_app, serve, server_options
from mle_gym.integrations.openenv.wire_types import MLEAction, MLEObservation, MLEState

__all__ = [
    "EpisodeService",
    "MLEAction",
    "MLEObservation",
    "MLEState",
    "make_app",
    "serve",
    "server_options",
]
