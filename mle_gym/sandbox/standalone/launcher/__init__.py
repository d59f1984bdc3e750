"""A small process beside the host that starts, accounts for and ends bubblewrap sandboxes.

It uses the standard library only and nothing of mle_gym. It is a program of its own for four
reasons:

- bubblewrap's ``--die-with-parent`` follows the *thread* that spawned it; this process has one
  thread and lives as long as the host;
- when the host is killed, this process sees its socket close and ends every sandbox;
- when root runs it, each sandbox belongs to another user, and folders that only root may enter are
  first bound to a neutral path, in a mount namespace of this process's own;
- control groups are made and removed in one place.

Messages are JSON; ``start`` comes with the runner's stream as a descriptor. The host's end is
:mod:`mle_gym.sandbox.bubblewrap.launcher_client`.
"""
