"""One episode: everything that lies between ``reset`` and the end."""
