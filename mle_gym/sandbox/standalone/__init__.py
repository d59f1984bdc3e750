"""The programs that run outside the host's process, and what they share.

They use the standard library and nothing else of mle_gym, because the interpreters that run them
don't have it. ``runner`` is the first process inside every sandbox, ``launcher`` starts bubblewrap
sandboxes, ``zygote`` is warm Python, ``tables`` searches what sandboxes show for tables.
"""
