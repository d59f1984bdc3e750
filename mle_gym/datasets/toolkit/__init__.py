"""What the ``prepare.py`` of a task may use."""
