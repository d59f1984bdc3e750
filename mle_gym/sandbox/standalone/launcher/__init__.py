"""A small process beside the host's that starts, accounts for and ends bubblewrap sandboxes.

Standard library only, and nothing of mle_gym: the folder is run as a program of its own, for four
reasons:

- bubblewrap's ``--die-with-parent`` follows the *thread* that spawned it; this process has one
  thread and lives as long as the host;
- when the host is killed, this process sees its socket close and ends every sandbox;
- run by root, sandboxes belong to another user each, and folders that only root may enter are
  bound to a neutral path first, in a mount namespace of this process's own;
- control groups are made and removed in one place.

A message is JSON; ``start`` carries the runner's stream as a descriptor. The host's end is
:mod:`mle_gym.sandbox.bubblewrap.launcher_client`.
"""
