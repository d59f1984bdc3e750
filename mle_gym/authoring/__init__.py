"""Tasks of one's own: new ones, and the checks that a task must pass."""
