"""Made-up raw data of competitions: tiny, and of exactly the shape that Kaggle gives them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.tasks.catalog import load_task

Maker = Callable[[Path, np.random.Generator], None]
MAKERS: dict[str, Maker] = {}
"""Competition to what writes its raw files into a folder."""
WORDS = [
    "the",
    "of",
    "grave",
    "horror",
    "door",
    "raven",
    "night",
    "madness",
    "elder",
    "gods",
    "monster",
    "storm",
    "ice",
    "letter",
]


def maker(competition: str) -> Callable[[Maker], Maker]:
    """Register a function for a competition."""

    def register(function: Maker) -> Maker:
        MAKERS[competition] = function
        return function

    return register


def csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def zipped(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def sentence(rng: np.random.Generator, *more: str) -> str:
    return " ".join([*rng.choice(WORDS, 6), *more])


@maker("spooky-author-identification")
def spooky(raw: Path, rng: np.random.Generator) -> None:
    authors = rng.choice(["EAP", "HPL", "MWS"], 60)
    table = pd.DataFrame(
        {
            "id": [f"id{number:05d}" for number in rng.permutation(30_000)[:60]],
            "text": [sentence(rng, f'"{author}", he said, null') for author in authors],
            "author": authors,
        }
    )
    zipped(raw / "train.zip", {"train.csv": csv(table)})
    zipped(raw / "test.zip", {"test.csv": csv(table[["id", "text"]])})
    sample = table[["id"]].assign(EAP=0.4, HPL=0.3, MWS=0.3)
    zipped(raw / "sample_submission.zip", {"sample_submission.csv": csv(sample)})


def image(
    size: tuple[int, int], rng: np.random.Generator, kind: str, mode: str = "RGB", light: int = 0
) -> bytes:
    """A picture of noise; ``light`` (0 to 100) is added to every pixel."""
    from PIL import Image

    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    pixels = rng.integers(0, 155, shape, dtype=np.uint8) + np.uint8(light)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@maker("random-acts-of-pizza")
def pizza(raw: Path, rng: np.random.Generator) -> None:
    known = [
        {
            "giver_username_if_known": "N/A",
            "request_id": f"t3_{number:05x}",
            "request_text_edit_aware": sentence(rng, "pizza"),
            "request_title": "[Request] NA",
            "requester_account_age_in_days_at_request": float(rng.normal(300, 50)),
            "requester_number_of_posts_at_request": int(rng.integers(100)),
            "requester_subreddits_at_request": ["pics", "null"],
        }
        for number in rng.permutation(100)
    ]
    after = [
        {**one, "request_text": "x", "requester_received_pizza": bool(rng.integers(2))}
        for one in known
    ]
    for name, requests in (("train", after[:70]), ("test", known[70:])):
        (raw / f"{name}.json").write_text(json.dumps(requests))


@maker("detecting-insults-in-social-commentary")
def insults(raw: Path, rng: np.random.Generator) -> None:
    table = pd.DataFrame(
        {
            "Insult": rng.integers(0, 2, 60),
            "Date": [f"201206{day:02d}000000Z" if day % 3 else None for day in range(60)],
            "Comment": [f'"{sentence(rng)}, \\xa0 no. {number}"' for number in range(60)],
        }
    )
    table.loc[59, ["Insult", "Comment"]] = table.loc[50, ["Insult", "Comment"]]
    (raw / "train.csv").write_bytes(csv(table[:40]))
    (raw / "test.csv").write_bytes(csv(table[["Date", "Comment"]][40:].reset_index(names="id")))
    solutions = table[40:].assign(Usage="PublicTest")
    (raw / "test_with_solutions.csv").write_bytes(csv(solutions))


@maker("jigsaw-toxic-comment-classification-challenge")
def jigsaw(raw: Path, rng: np.random.Generator) -> None:
    labels = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
    table = pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in rng.permutation(10**6)[:200]],
            "comment_text": [f"{sentence(rng)}\n\n== NA ==" for _ in range(200)],
        }
    )
    marks = pd.DataFrame(rng.integers(0, 2, (200, 6)), columns=labels)
    truth = pd.concat([table[["id"]], marks], axis=1)
    truth.loc[rng.permutation(np.arange(50, 200))[:50], labels] = -1
    files = {
        "train": pd.concat([table, marks], axis=1)[:50],
        "test": table[50:],
        "test_labels": truth[50:],
        "sample_submission": truth[50:].assign(**dict.fromkeys(labels, 0.5)),
    }
    for name, content in files.items():
        zipped(raw / f"{name}.csv.zip", {f"{name}.csv": csv(content)})


@maker("nomad2018-predict-transparent-conductors")
def nomad(raw: Path, rng: np.random.Generator) -> None:
    table = pd.DataFrame(
        {
            "id": range(1, 81),
            "spacegroup": rng.choice([12, 33, 167], 80),
            "percent_atom_al": rng.random(80).round(4),
            "formation_energy_ev_natom": rng.random(80).round(4) / 3,
            "bandgap_energy_ev": rng.random(80).round(4) * 5,
        }
    )
    for name, rows in (("train", table[:60]), ("test", table[60:])):
        zipped(raw / f"{name}.csv.zip", {f"{name}.csv": csv(rows)})
        atoms = {f"{name}/{i}/geometry.xyz": f"#\natom {i} Al\n".encode() for i in rows["id"]}
        zipped(raw / f"{name}.zip", atoms)


@maker("tabular-playground-series-dec-2021")
def covers(raw: Path, rng: np.random.Generator) -> None:
    table = pd.DataFrame({"Id": range(200), "Elevation": rng.integers(1800, 4000, 200)})
    table = table.assign(Soil_Type1=rng.integers(0, 2, 200), Cover_Type=rng.integers(1, 8, 200))
    (raw / "train.csv").write_bytes(csv(table))


@maker("tabular-playground-series-may-2022")
def machine(raw: Path, rng: np.random.Generator) -> None:
    rows = 100_200
    table = pd.DataFrame({"id": range(rows), "f_00": rng.integers(-3, 4, rows)})
    table = table.assign(f_27="ABABDADBAB", target=rng.integers(0, 2, rows))
    (raw / "train.csv").write_bytes(csv(table))


@maker("new-york-city-taxi-fare-prediction")
def taxi(raw: Path, rng: np.random.Generator) -> None:
    rows = 10_100
    places = rng.normal([-73.97, 40.75, -73.97, 40.75], 0.03, (rows, 4)).round(6)
    moments = pd.Timestamp("2009-01-01") + pd.to_timedelta(rng.integers(0, 10**8, rows), unit="s")
    table = pd.DataFrame(places, columns=TAXI_PLACES).assign(
        key=[f"{moment}.{number:07d}" for number, moment in enumerate(moments)],
        fare_amount=rng.integers(5, 80, rows) / 2,
        pickup_datetime=[f"{moment} UTC" for moment in moments],
        passenger_count=rng.integers(0, 7, rows),
    )
    order = ["key", "fare_amount", "pickup_datetime", *TAXI_PLACES, "passenger_count"]
    (raw / "train.csv").write_bytes(csv(table[order]))
    (raw / "GCP-Coupons-Instructions.rtf").write_bytes(rb"{\rtf1 coupons}")


TAXI_PLACES = ["pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude"]


def normalization(raw: Path, rng: np.random.Generator, language: str) -> None:
    tokens = [("PLAIN", "the", "the"), ("CARDINAL", "3", "three"), ("PLAIN", "NA", "NA")]
    tokens += [("PUNCT", '"', '"'), ("PLAIN", "null", "null"), ("DATE", "2006", "two thousand six")]
    lines = ['"sentence_id","token_id","class","before","after"']
    for number in range(40):
        for at, token in enumerate(rng.permutation(len(tokens))[: rng.integers(2, 6)]):
            texts = ",".join('"' + text.replace('"', '""') + '"' for text in tokens[token])
            lines.append(f"{number},{at},{texts}")
    content = "\n".join([*lines, ""]).encode()
    zipped(raw / f"{language}_train.csv.zip", {f"{language}_train.csv": content})


@maker("text-normalization-challenge-english-language")
def english(raw: Path, rng: np.random.Generator) -> None:
    normalization(raw, rng, "en")


@maker("text-normalization-challenge-russian-language")
def russian(raw: Path, rng: np.random.Generator) -> None:
    normalization(raw, rng, "ru")


@maker("leaf-classification")
def leaves(raw: Path, rng: np.random.Generator) -> None:
    species = load_task("leaf-classification").submission.sum_to_one
    ids = rng.permutation(1584)[: 2 * len(species)] + 1
    names = rng.permutation([*species, *species])
    table = pd.DataFrame({"id": ids, "species": names, "margin1": rng.random(len(ids))})
    zipped(raw / "train.csv.zip", {"train.csv": csv(table.assign(shape1=0.1 + 0.2))})
    pictures = {f"images/{i}.jpg": image((9, 7), rng, "JPEG", "L") for i in ids}
    zipped(raw / "images.zip", pictures)
