"""Fetches a competition's files from Kaggle; imports what the extra ``kaggle`` installs.

The maintained client ``kagglehub`` finds the credentials and asks for the address of the data. The
bytes are fetched here: kagglehub continues a download even if the data were replaced meanwhile,
doesn't check one that was complete before, and never tries again or asks how much room there is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from kagglehub.clients import build_kaggle_client
from kagglehub.config import get_kaggle_credentials
from kagglesdk.competitions.types.competition_api_service import (
    ApiDownloadDataFilesRequest,
    ApiGetLeaderboardRequest,
)

from mle_gym.datasets.disk_space import check_space, size
from mle_gym.datasets.sources.kaggle.raw_files import ARCHIVE, LEADERBOARD, RECORD, page
from mle_gym.errors import DatasetError

__all__ = ["Progress", "fetch_competition"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are and the bytes there will be (None where nobody knows)."""

TOKENS = "https://www.kaggle.com/settings"
ATTEMPTS = 5
"""Connections that may break one after the other without a byte in between."""
PAUSE = 2.0
"""Seconds before the second attempt; doubled for each further one."""
CHUNK = 1 << 16
"""Bytes taken at once, and the most that are lost when a connection breaks."""
TIMEOUT = (10, 60)
"""Seconds to connect, and between two pieces of data."""
PAGE = 200
"""Teams asked for at once."""


def fetch_competition(competition: str, folder: Path, progress: Progress) -> None:
    """Fetch the data of a competition into a folder, and the leaderboard where it can be had.

    Raises:
        DatasetError: Kaggle can't be reached or refuses; says what to click or type.
        OSError: The folder can't be written.
    """
    with _explained(competition), _client(competition) as client:
        _download(client, competition, folder, progress)
        _download_leaderboard(client, competition, folder)


def _client(competition: str) -> Any:
    """Kaggle's client with the user's credentials; a context manager."""
    try:
        known = get_kaggle_credentials()
    except ValueError as error:
        raise DatasetError(f"{error}; make a new token at {TOKENS}") from None
    if known is None:
        raise DatasetError(
            f"no Kaggle credentials: log in, open {TOKENS}, 'Create New Token' under API, and move "
            "the file to ~/.kaggle/kaggle.json (or set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and "
            f"KAGGLE_KEY). Then accept the rules at {page(competition, '/rules')}"
        )
    return build_kaggle_client()


@contextmanager
def _explained(competition: str) -> Iterator[None]:
    """Turns the client's and the connection's errors into what the user can do about them."""
    try:
        yield
    except requests.HTTPError as error:
        raise DatasetError(_refusal(competition, error)) from error
    except requests.RequestException as error:
        raise DatasetError(
            f"no connection to Kaggle ({type(error).__name__}: {error}); run the same command "
            "again when this machine is online, or download the data on another machine "
            f"({page(competition, '/data')}) and use --from DIR"
        ) from error


def _refusal(competition: str, error: Any) -> str:
    """What an HTTP status means for the user, and Kaggle's own words."""
    response = error.response
    status = response.status_code if response is not None else 0
    said = f"Kaggle answered {status}: {error}"
    if status == 401:
        return f"{said}. Your credentials are not accepted: make a new token at {TOKENS}"
    if status == 403:
        return (
            f"{said}. Open {page(competition, '/rules')}, click 'Late Submission' or 'Join "
            "Competition' and accept the rules (where that button is grey, the page "
            f"{page(competition, '/data')} asks for it; Kaggle may want your phone number first), "
            "then run the same command again"
        )
    if status == 404:
        return (
            f"{said}. Kaggle has no competition {competition!r} any more, or not for you: see "
            f"{page(competition)}. If you have its data, use --from DIR"
        )
    if status == 429:
        return f"{said}. Too many requests; wait some minutes and run the same command again"
    return f"{said}. Run the same command again later; see {page(competition)}"


def _download(client: Any, competition: str, folder: Path, progress: Progress) -> None:
    """Fetch ``data.zip`` and its record; the last of several renames makes it visible."""
    request = ApiDownloadDataFilesRequest()
    request.competition_name = competition
    part, failures, before = folder / f"{ARCHIVE}.part", 0, -1
    while True:
        try:
            with client.competitions.competition_api_client.download_data_files(request) as answer:
                expected = _fetch(answer, part, progress)
            break
        except requests.HTTPError:
            raise
        except (requests.RequestException, ConnectionError) as error:
            there = part.stat().st_size if part.is_file() else 0
            failures = failures + 1 if there == before else 1
            before = there
            if failures >= ATTEMPTS:
                raise requests.ConnectionError(str(error)) from error
            time.sleep(PAUSE * 2 ** (failures - 1))
    _keep(part, expected, folder, competition)


def _fetch(answer: Any, part: Path, progress: Progress) -> dict[str, Any]:
    """Stream an answer into ``part``, from where an earlier one of the same data stopped.

    Returns what the answer says of the whole file: identity, bytes, MD5.
    """
    whole = _identity(answer)
    note = part.with_name(f"{part.name}.json")
    there = part.stat().st_size if part.is_file() and _noted(note) == whole else 0
    total = whole["bytes"]
    if there and there == total:
        return whole
    note.write_text(json.dumps(whole), encoding="utf-8")
    check_space(part.parent, (total or 0) - there, "downloading")
    if not answer.history:  # the data themselves, and not the address where they are
        _append(answer, part, "wb", 0, total, progress)
        return whole
    headers = {"Range": f"bytes={there}-", "If-Range": whole["validator"]} if there else {}
    with requests.get(answer.url, headers=headers, stream=True, timeout=TIMEOUT) as rest:
        rest.raise_for_status()
        resumed = rest.status_code == requests.codes.partial_content
        _append(rest, part, *(("ab", there) if resumed else ("wb", 0)), total, progress)
    return whole


def _identity(answer: Any) -> dict[str, Any]:
    """Identifies a version of the data by what the headers say."""
    headers = answer.headers
    hashes = dict(
        item.strip().split("=", 1)
        for item in headers.get("x-goog-hash", "").split(",")
        if "=" in item
    )
    length = headers.get("Content-Length")
    return {
        "validator": headers.get("ETag") or headers.get("Last-Modified") or "",
        "bytes": int(length) if length else None,
        "md5": hashes.get("md5"),
    }


def _noted(note: Path) -> dict[str, Any] | None:
    """The identity that a part belongs to; None where it can't be trusted to go on with."""
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("validator") else None


def _append(
    answer: Any, part: Path, mode: str, there: int, total: int | None, progress: Progress
) -> None:
    """Write what comes; a connection that ends early is an error, as it isn't for requests."""
    with part.open(mode) as file:
        progress(there, total)
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
            there += len(chunk)
            progress(there, total)
    if total is not None and there < total:
        raise ConnectionError(f"the connection ended after {size(there)} of {size(total)}")


def _keep(part: Path, expected: dict[str, Any], folder: Path, competition: str) -> None:
    """Check a finished download, and give it its name."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
    found = base64.b64encode(md5.digest()).decode()
    broken = expected["md5"] not in (None, found) and f"MD5 {found}, expected {expected['md5']}"
    if not broken and not zipfile.is_zipfile(part):
        broken = "it is not a zip archive"
    if broken:
        part.unlink()
        raise DatasetError(
            f"what Kaggle sent for {competition} is damaged ({broken}); run the same command again"
        )
    record = {
        "from": page(competition, "/data"),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bytes": part.stat().st_size,
        "sha256": sha256.hexdigest(),
    }
    part.rename(folder / ARCHIVE)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)
    unfinished = folder / f".{RECORD}"
    unfinished.write_text(json.dumps(record, indent=1), encoding="utf-8")
    unfinished.rename(folder / RECORD)


def _download_leaderboard(client: Any, competition: str, folder: Path) -> None:
    """All pages of the final leaderboard, as a CSV file; without it there is no percentile."""
    scores: list[str] = []
    request = ApiGetLeaderboardRequest()
    request.competition_name, request.page_size = competition, PAGE
    try:
        while True:
            answer = client.competitions.competition_api_client.get_leaderboard(request)
            scores += [team.score for team in answer.submissions or () if team.score]
            if not answer.next_page_token or not answer.submissions:
                break
            request.page_token = answer.next_page_token
    except requests.RequestException:  # the data are there, which is what was asked for
        return
    if scores:
        unfinished = folder / f".{LEADERBOARD}"
        unfinished.write_text("\n".join(["score", *scores, ""]), encoding="utf-8")
        unfinished.rename(folder / LEADERBOARD)
