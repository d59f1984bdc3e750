"""The programs that run elsewhere than in the host's process, and what they share.

Standard library only, and nothing else of mle_gym: they are started by interpreters that have none.
``runner`` is the first process inside every sandbox, ``launcher`` starts bubblewrap sandboxes,
``zygote`` is warm Python, ``tables`` searches what sandboxes show for tables.
"""
