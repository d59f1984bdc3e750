"""``python -m mle_gym``: the command line, if the program ``mle-gym`` is not on the PATH."""

from mle_gym.cli import main

main()
