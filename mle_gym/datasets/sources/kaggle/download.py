"""Downloads competitions from Kaggle into the cache, once for all processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.datasets.sources.kaggle.raw_files import ARCHIVE, RECORD, download_folder, page
from mle_gym.errors import DatasetError
from mle_gym.file_lock import file_lock
from mle_gym.ownership import make_private

if TYPE_CHECKING:
    from mle_gym.datasets.sources.kaggle.fetch import Progress

__all__ = ["download"]


def download(competition: str, progress: Progress | None = None) -> Path:
    """The archive of a competition's data, from the cache or else from Kaggle.

    A download that was cut off, in this process or an earlier one, is continued. One process
    downloads, others wait for it. Kaggle's leaderboard comes along where it can be had.

    Raises:
        DatasetError: No client, no credentials, rules not accepted, no such competition, no
            connection, no space, or damaged data; says what to click or type.
    """
    folder = download_folder(competition)
    try:
        make_private(folder)
        with file_lock(folder.with_name(f"{competition}.lock")):
            if not (folder / RECORD).is_file():
                _fetch(competition, folder, progress or (lambda done, total: None))
    except OSError as error:
        raise DatasetError(
            f"{error.filename or folder}: can't be written: {error.strerror or error}; make room "
            "or access there, or set MLE_GYM_CACHE to a folder that can be written"
        ) from error
    return folder / ARCHIVE


def _fetch(competition: str, folder: Path, progress: Progress) -> None:
    try:
        from mle_gym.datasets.sources.kaggle.fetch import fetch_competition  # of the extra kaggle
    except ImportError:
        raise DatasetError(
            "downloading from Kaggle requires kagglehub: pip install 'mle-gym[kaggle]'. Without "
            f"it: download the data in a browser ({page(competition, '/data')}) and use --from DIR"
        ) from None
    fetch_competition(competition, folder, progress)
