"""Episodes on disk: how they are recorded, replayed, verified and audited."""
