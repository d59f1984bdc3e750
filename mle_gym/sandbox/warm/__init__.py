"""Warm Python, the host's part. The other ends are ``zygote/`` and the runner's ``warm.py``."""
