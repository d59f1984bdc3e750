"""What the ``prepare.py`` of a task may use, with :mod:`mle_gym.errors`: nothing else of ours."""

from mle_gym.datasets.dataset import MLE_BENCH
from mle_gym.datasets.disk_space import check_space
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
