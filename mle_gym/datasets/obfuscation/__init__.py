"""Hides the names that a model may have memorised."""
