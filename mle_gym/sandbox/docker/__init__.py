"""Sandboxes made of containers by a Docker daemon."""
