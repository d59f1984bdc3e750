"""``python -m mle_gym``: the command line, where its program is not on the PATH."""

from mle_gym.cli import main

main()
