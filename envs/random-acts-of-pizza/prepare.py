"""Splits Kaggle's labelled requests in the proportion of Kaggle's own test set, as MLE-bench does.

Unlike there, the test does not say who gave: only who was given a pizza has a giver.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mle_gym.datasets.toolkit import Resplit, write_table, zip_member

TARGET = "requester_received_pizza"
GIVER, UNKNOWN = "giver_username_if_known", "N/A"


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    labelled = json.loads((raw / "train.json").read_bytes())
    unlabelled = json.loads((raw / "test.json").read_bytes())
    share = len(unlabelled) / (len(labelled) + len(unlabelled))
    train, test = resplit(*train_test_split(labelled, test_size=share, random_state=0))
    told = list(unlabelled[0])  # what was known when the request was posted
    write_requests(train, public / "train.json")
    asked = [{name: one[name] for name in told} for one in test]
    write_requests([without_giver(one) for one in asked], public / "test.json")
    answers = pd.DataFrame(
        {"request_id": [one["request_id"] for one in test], TARGET: [int(o[TARGET]) for o in test]}
    )
    write_table(answers, private / "answers.csv")
    write_table(answers.assign(**{TARGET: 0}), public / "sampleSubmission.csv")


def without_giver(request: dict[str, object]) -> dict[str, object]:
    return {**request, GIVER: UNKNOWN} if GIVER in request else request


def clean(public: Path) -> None:
    """Take the givers out of the test that MLE-bench prepared."""
    requests = json.loads((public / "test.json").read_bytes())
    for name in ("test.json", "test.zip"):
        (public / name).unlink(missing_ok=True)  # perhaps a link to the user's own
    write_requests([without_giver(one) for one in requests], public / "test.json")


def write_requests(requests: list[dict[str, object]], path: Path) -> None:
    """As JSON, and once more in a zip."""
    content = json.dumps(requests, indent=4).encode()
    path.write_bytes(content)
    packed = path.with_suffix(".zip")
    with (
        zipfile.ZipFile(packed, "w") as archive,
        zip_member(archive, path.name, deflate=True) as member,
    ):
        member.write(content)
