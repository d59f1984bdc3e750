"""Language models as agents: a model behind an API, and an episode as a conversation with it."""
