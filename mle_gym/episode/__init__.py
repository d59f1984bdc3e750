"""One episode: everything that happens between ``reset`` and the end."""
