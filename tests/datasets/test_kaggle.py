"""Downloads, from a server that answers as Kaggle does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import socket
import sys
import threading
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.datasets.sources.kaggle import fetch
from mle_gym.datasets.sources.kaggle.download import download
from mle_gym.datasets.sources.kaggle.raw_files import download_folder, leaderboard_file
from mle_gym.errors import DatasetError
from tests.datasets.kaggle_server import Competition, Kaggle, running

NAME = "some-competition"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


DATA = zipped(train=bytes(range(256)) * 4000, test=b"x\n1\n")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without credentials, and a cache of its own."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home" / ".kaggle"))
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PAUSE", 0.0)


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """The server, with one competition and a known user."""
    from kagglesdk import kaggle_env

    with running() as server:
        server.competitions[NAME] = Competition(DATA)
        address = {kaggle_env.KaggleEnv.LOCAL: f"http://localhost:{server.port}"}
        monkeypatch.setattr(kaggle_env, "_env_to_endpoint", address)
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        monkeypatch.setenv("KAGGLE_API_TOKEN", server.token)
        yield server


def test_data_and_leaderboard_come_once_with_progress_and_checksums(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].scores = ["0.9", "0.8", "0.7"]
    seen: list[tuple[int, int | None]] = []
    archive = download(NAME, lambda done, total: seen.append((done, total)))
    assert archive.read_bytes() == DATA
    assert (seen[0], seen[-1]) == ((0, len(DATA)), (len(DATA), len(DATA)))
    record = json.loads((archive.parent / "download.json").read_text())
    assert record["bytes"] == len(DATA)
    assert len(record["sha256"]) == 64
    board = leaderboard_file(NAME)
    assert board is not None
    assert board.read_text() == "score\n0.9\n0.8\n0.7\n"
    asked = len(kaggle.requests)
    assert download(NAME) == archive
    assert len(kaggle.requests) == asked


def test_a_connection_that_breaks_is_continued(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].cuts = [300_000] * 4  # the client follows redirects, and we do
    assert download(NAME).read_bytes() == DATA
    starts = [int(span.removeprefix("bytes=").rstrip("-")) for span in kaggle.ranges() if span]
    assert starts
    assert starts == sorted(starts)
    assert starts[0] > 0


def test_a_later_process_goes_on_where_an_earlier_one_was_killed(kaggle: Kaggle) -> None:
    folder = download_folder(NAME)
    folder.mkdir(parents=True)
    (folder / "data.zip.part").write_bytes(DATA[:1000])
    digest = hashlib.md5(DATA, usedforsecurity=False).digest()
    md5 = base64.b64encode(digest).decode()
    note = {"validator": '"1"', "bytes": len(DATA), "md5": md5}
    (folder / "data.zip.part.json").write_text(json.dumps(note))
    assert download(NAME).read_bytes() == DATA
    assert "bytes=1000-" in kaggle.ranges()


def test_a_part_of_other_data_is_not_continued(kaggle: Kaggle) -> None:
    folder = download_folder(NAME)
    folder.mkdir(parents=True)
    (folder / "data.zip.part").write_bytes(b"old" * 1000)
    old = {"validator": '"0"', "bytes": len(DATA), "md5": None}
    (folder / "data.zip.part.json").write_text(json.dumps(old))
    assert download(NAME).read_bytes() == DATA
    assert set(kaggle.ranges()) == {""}


def test_data_without_a_redirect_come_too(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].redirect = False
    assert download(NAME).read_bytes() == DATA


def test_a_server_that_always_breaks_off_is_given_up(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].cuts = [0] * 100
    with pytest.raises(DatasetError, match=r"no connection to Kaggle .* --from DIR"):
        download(NAME)


def test_bytes_that_are_not_the_announced_ones_are_thrown_away(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].md5 = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(DatasetError, match=r"damaged .MD5 .* run the same command again"):
        download(NAME)
    kaggle.competitions[NAME].md5 = None
    assert download(NAME).read_bytes() == DATA


def test_what_is_no_archive_is_damaged(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].content = b"<html>sorry</html>"
    with pytest.raises(DatasetError, match="not a zip archive"):
        download(NAME)


def test_rules_that_were_not_accepted(kaggle: Kaggle) -> None:
    kaggle.competitions[NAME].accepted = False
    page = f"https://www.kaggle.com/competitions/{NAME}/rules"
    with pytest.raises(DatasetError, match=rf"Open {page}, click 'Late Submission'") as caught:
        download(NAME)
    assert "You must accept this competition's rules" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message"),
    [(429, "Too many requests; wait"), (500, "Run the same command again later")],
)
def test_other_refusals(kaggle: Kaggle, status: int, message: str) -> None:
    kaggle.competitions[NAME].failure = status
    with pytest.raises(DatasetError, match=f"Kaggle answered {status}.*{message}"):
        download(NAME)


def test_a_competition_that_is_gone(kaggle: Kaggle) -> None:
    with pytest.raises(DatasetError, match=r"no competition 'gone' any more.*use --from DIR"):
        download("gone")


def test_credentials_that_are_not_accepted(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "stale")
    with pytest.raises(DatasetError, match=r"401.*make a new token at https://www.kaggle.com/set"):
        download(NAME)


def test_no_credentials() -> None:
    with pytest.raises(DatasetError, match=r"no Kaggle credentials: .*'Create New Token'") as error:
        download(NAME)
    assert f"https://www.kaggle.com/competitions/{NAME}/rules" in str(error.value)


def test_a_credentials_file_that_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "home" / ".kaggle" / "kaggle.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    with pytest.raises(DatasetError, match="Invalid Kaggle credentials file"):
        download(NAME)


def test_no_network(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    from kagglesdk import kaggle_env

    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        address = {kaggle_env.KaggleEnv.LOCAL: f"http://localhost:{unused.getsockname()[1]}"}
        monkeypatch.setattr(kaggle_env, "_env_to_endpoint", address)
        with pytest.raises(DatasetError, match=r"no connection to Kaggle.*this machine is online"):
            download(NAME)


def test_a_disk_that_is_too_small_is_noticed_first(
    kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    with pytest.raises(DatasetError, match=r"downloading requires .* which has 1.0 MB free"):
        download(NAME)
    assert not (download_folder(NAME) / "data.zip.part").exists()


def test_of_many_at_once_one_downloads(kaggle: Kaggle) -> None:
    threads = [threading.Thread(target=download, args=(NAME,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = [path for path, _ in kaggle.requests if path.endswith("DownloadDataFiles")]
    assert len(asked) == 1


def test_without_the_client_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub.clients", None)
    monkeypatch.delitem(sys.modules, fetch.__name__)  # as in a process that hasn't imported it
    with pytest.raises(DatasetError, match=r"pip install 'mle-gym\[kaggle\]'"):
        download(NAME)
