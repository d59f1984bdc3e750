"""An episode on disk: how it is recorded and replayed, and what can be shown from the record."""
