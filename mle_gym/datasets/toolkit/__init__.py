"""What a task's ``generate.py`` and ``prepare.py`` may use of this package.

With :mod:`mle_gym.errors`, there is nothing else that they should import.
"""

from mle_gym.datasets.dataset import MLE_BENCH
from mle_gym.datasets.disk_space import check_space
from mle_gym.datasets.instance import Instance
from mle_gym.datasets.splits import Resplit
from mle_gym.datasets.toolkit.competition_files import (
    place,
    place_all,
    read_table,
    write_table,
    zip_files,
    zip_member,
)
from mle_gym.datasets.toolkit.spoken_text import plain_language, prepare_language
from mle_gym.paths import below

__all__ = [
    "MLE_BENCH",
    "Instance",
    "Resplit",
    "below",
    "check_space",
    "place",
    "place_all",
    "plain_language",
    "prepare_language",
    "read_table",
    "write_table",
    "zip_files",
    "zip_member",
]
