"""Sandboxes made of rootless namespaces by bubblewrap."""
