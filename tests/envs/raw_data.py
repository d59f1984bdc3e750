"""Made-up raw data of competitions: tiny, and of exactly the shape that Kaggle gives them."""

from __future__ import annotations

import io
import json
import struct
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.tasks.catalog import load_task
from tests.envs.melanoma_records import example, write_records

Maker = Callable[[Path, np.random.Generator], None]
MAKERS: dict[str, Maker] = {}
"""For each competition, the function that writes its raw files into a folder."""
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
    for one in after:
        if one["requester_received_pizza"]:
            one["giver_username_if_known"] = "generous"
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
    table = pd.DataFrame({"Id": range(200), "Elevation": rng.permutation(200) + 1_800_000})
    table = table.assign(Soil_Type1=rng.integers(0, 2, 200), Cover_Type=rng.integers(1, 8, 200))
    (raw / "train.csv").write_bytes(csv(table))


@maker("tabular-playground-series-may-2022")
def machine(raw: Path, rng: np.random.Generator) -> None:
    rows = 100_200
    table = pd.DataFrame({"id": range(rows), "f_00": rng.integers(-3, 4, rows)})
    letters = str.maketrans("0123456789", "ABCDEFGHIJ")
    words = [f"{number:010d}".translate(letters) for number in rng.permutation(rows)]
    table = table.assign(f_27=words, target=rng.integers(0, 2, rows))
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
        lines.append(f'{number},{at + 1},"PLAIN","word no. {number}","word no. {number}"')
    content = "\n".join([*lines, ""]).encode()
    zipped(raw / f"{language}_train.csv.zip", {f"{language}_train.csv": content})
    for name in (f"{language}_test_2.csv", f"{language}_sample_submission_2.csv"):
        zipped(raw / f"{name}.zip", {name: b"not used"})


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


def hexadecimal(rng: np.random.Generator, count: int) -> list[str]:
    """Names without meaning."""
    return [f"{number:06x}" for number in rng.permutation(10**6)[:count]]


def brightness(label: int) -> int:
    """Makes a label visible in a picture."""
    return 40 * int(label)


@maker("aerial-cactus-identification")
def cacti(raw: Path, rng: np.random.Generator) -> None:
    labels = rng.integers(0, 2, 60)
    names = [f"{name}.jpg" for name in hexadecimal(rng, 60)]
    (raw / "train.csv").write_bytes(csv(pd.DataFrame({"id": names, "has_cactus": labels})))
    pictures = {
        f"train/{name}": image((32, 32), rng, "JPEG", light=brightness(label))
        for name, label in zip(names, labels, strict=True)
    }
    zipped(raw / "train.zip", pictures)
    zipped(raw / "test.zip", {"test/000940378805c44108d287872b2f04ce.jpg": b"not used"})


@maker("aptos2019-blindness-detection")
def retinas(raw: Path, rng: np.random.Generator) -> None:
    labels = rng.integers(0, 5, 100)
    names = hexadecimal(rng, 100)
    (raw / "train.csv").write_bytes(csv(pd.DataFrame({"id_code": names, "diagnosis": labels})))
    (raw / "train_images").mkdir()
    for name, label in zip(names, labels, strict=True):
        picture = image((12, 9), rng, "PNG", light=20 * label)
        (raw / "train_images" / f"{name}.png").write_bytes(picture)


@maker("denoising-dirty-documents")
def pages(raw: Path, rng: np.random.Generator) -> None:
    clean = {f"{number}.png": image((9, 6), rng, "PNG", "L", 100) for number in range(2, 22)}
    for name in ("train", "train_cleaned"):
        zipped(raw / f"{name}.zip", {f"{name}/{file}": page for file, page in clean.items()})


@maker("dog-breed-identification")
def dogs(raw: Path, rng: np.random.Generator) -> None:
    breeds = load_task("dog-breed-identification").submission.sum_to_one
    names = hexadecimal(rng, 2 * len(breeds))
    table = pd.DataFrame({"id": names, "breed": rng.permutation([*breeds, *breeds])})
    (raw / "labels.csv").write_bytes(csv(table))
    (raw / "train").mkdir()
    for name in names:
        (raw / "train" / f"{name}.jpg").write_bytes(image((10, 8), rng, "JPEG"))


@maker("dogs-vs-cats-redux-kernels-edition")
def pets(raw: Path, rng: np.random.Generator) -> None:
    pictures = {
        f"train/{kind}.{number}.jpg": image((10, 8), rng, "JPEG", light=light)
        for kind, light in (("cat", 0), ("dog", 40))
        for number in range(100)
    }
    zipped(raw / "train.zip", pictures)
    zipped(raw / "test.zip", {"test/1.jpg": b"not used"})


@maker("histopathologic-cancer-detection")
def tissue(raw: Path, rng: np.random.Generator) -> None:
    names, labels = hexadecimal(rng, 60), rng.integers(0, 2, 60)
    (raw / "train_labels.csv").write_bytes(csv(pd.DataFrame({"id": names, "label": labels})))
    for folder, chosen in (("train", names), ("test", hexadecimal(rng, 15))):
        (raw / folder).mkdir()
        for name, label in zip(chosen, labels, strict=False):
            picture = image((96, 96), rng, "TIFF", light=brightness(label))
            (raw / folder / f"{name}.tif").write_bytes(picture)


@maker("plant-pathology-2020-fgvc7")
def apples(raw: Path, rng: np.random.Generator) -> None:
    states = np.eye(4, dtype=int)[rng.permutation(np.arange(200) % 4)]
    table = pd.DataFrame(states, columns=["healthy", "multiple_diseases", "rust", "scab"])
    table.insert(0, "image_id", [f"Train_{number}" for number in range(200)])
    (raw / "train.csv").write_bytes(csv(table))
    (raw / "images").mkdir()
    for name, state in zip(table["image_id"], states.argmax(axis=1), strict=True):
        picture = image((16, 12), rng, "JPEG", light=25 * state)
        (raw / "images" / f"{name}.jpg").write_bytes(picture)


@maker("ranzcr-clip-catheter-line-classification")
def catheters(raw: Path, rng: np.random.Generator) -> None:
    scored = load_task("ranzcr-clip-catheter-line-classification").submission.predicted
    labels = [*scored, "CVC - Normal", "Swan Ganz Catheter Present"]
    table = pd.DataFrame(rng.integers(0, 2, (300, len(labels))), columns=labels)
    names = [f"1.2.826.0.{name}" for name in hexadecimal(rng, 300)]
    table.insert(0, "StudyInstanceUID", names)
    (raw / "train.csv").write_bytes(csv(table.assign(PatientID=hexadecimal(rng, 300))))
    notes = pd.DataFrame(
        {"StudyInstanceUID": names[::3], "label": "CVC - Normal", "data": "[[1, 2], [3, 4]]"}
    )
    (raw / "train_annotations.csv").write_bytes(csv(notes))
    (raw / "train").mkdir()
    picture = image((12, 10), rng, "JPEG", "L")
    for name in names:
        (raw / "train" / f"{name}.jpg").write_bytes(picture)


@maker("siim-isic-melanoma-classification")
def moles(raw: Path, rng: np.random.Generator) -> None:
    names = [f"ISIC_{name}" for name in hexadecimal(rng, 96)]
    target = rng.integers(0, 2, 96)
    table = pd.DataFrame(
        {
            "image_name": names,
            "patient_id": [f"IP_{name}" for name in rng.integers(0, 30, 96)],
            "sex": rng.choice(["male", "female", None], 96),
            "age_approx": rng.choice([35.0, 50.0, np.nan], 96),
            "anatom_site_general_challenge": rng.choice(["torso", "head/neck"], 96),
            "diagnosis": np.where(target, "melanoma", "nevus"),
            "benign_malignant": np.where(target, "malignant", "benign"),
            "target": target,
        }
    )
    (raw / "train.csv").write_bytes(csv(table))
    for folder, kind in (("train", "dcm"), ("jpeg/train", "jpg")):
        (raw / folder).mkdir(parents=True)
        for name in names:
            (raw / folder / f"{name}.{kind}").write_bytes(f"{kind} of {name}".encode())
    (raw / "tfrecords").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(96), 8)):
        records = (
            mole_record(*table.loc[row, ["image_name", "diagnosis", "target"]]) for row in rows
        )
        write_records(raw / "tfrecords" / f"train{number:02d}-2071.tfrec", records)


def mole_record(name: str, diagnosis: str, target: int) -> bytes:
    """As Kaggle's records: bytes lists, and the label as an integer list."""
    named = {"image": f"JPEG of {name}", "image_name": name, "diagnosis": diagnosis}
    encoded = {
        key: b"\n" + bytes([len(text) + 2]) + b"\n" + bytes([len(text)]) + text.encode()
        for key, text in named.items()
    }
    return example({**encoded, "target": b"\x1a\x03\n\x01" + bytes([target])})


@maker("the-icml-2013-whale-challenge-right-whale-redux")
def whales(raw: Path, rng: np.random.Generator) -> None:
    clips = {}
    for number in range(120):
        label = int(rng.integers(2))
        day, second = 28 + number // 30, number % 30 * 60
        name = f"201303{day}_{second:06d}_{second}s0ms_TRAIN{number}_{label}.aif"
        clips[f"train2/{name}"] = aiff(rng.normal(0, 100 + 400 * label, 400))
    zipped(raw / "train2.zip", clips)
    zipped(raw / "test2.zip", {"test2/20090401_000000_0s0ms_Test0.aif": b"not used"})


def aiff(samples: np.ndarray) -> bytes:
    """An AIFF file, 2 kHz, one channel of 16 bits."""
    sound = samples.astype(">i2").tobytes()
    rate = bytes.fromhex("4009fa00000000000000")  # 2000 as an 80-bit float
    common = b"COMM" + struct.pack(">IhIh", 18, 1, len(samples), 16) + rate
    data = b"SSND" + struct.pack(">III", len(sound) + 8, 0, 0) + sound
    return b"FORM" + struct.pack(">I", 4 + len(common) + len(data)) + b"AIFF" + common + data


@maker("mlsp-2013-birds")
def birds(raw: Path, rng: np.random.Generator) -> None:
    essential, supplemental = "essential_data", "supplemental_data"
    ids, files = range(60), {}
    folds = rng.permutation(np.arange(60) % 2)
    names = [f"PC{number % 13}_2009{number:04d}_050000_0010" for number in ids]
    heard = ["?" if fold else ",".join(map(str, birds_of(rng))) for fold in folds]
    lists = {
        f"{essential}/CVfolds_2.txt": ("rec_id,fold", folds),
        f"{essential}/rec_id2filename.txt": ("rec_id,filename", names),
        f"{essential}/rec_labels_test_hidden.txt": ("rec_id,[labels]", heard),
        f"{supplemental}/histogram_of_segments.txt": ("rec_id,[histogram]", ["1,2,3"] * 60),
        f"{supplemental}/segment_features.txt": ("rec_id,segment_id,[features]", ["0,0.5"] * 60),
        f"{supplemental}/segment_rectangles.txt": ("rec_id,[rectangles]", ["0,1,2,3"] * 60),
    }
    for name, (header, values) in lists.items():
        lines = [f"{i},{value}".rstrip(",") for i, value in zip(ids, values, strict=True)]
        files[name] = "\n".join([header, *lines, ""]).encode()
    files[f"{essential}/species_list.txt"] = b"class_id,code,species\n0,BRCR,Brown Creeper\n"
    picture = image((6, 4), rng, "BMP", "L")
    for name in names:
        files[f"{essential}/src_wavs/{name}.wav"] = wav(rng.normal(0, 500, 800))
        for folder in ("filtered_spectrograms", "spectrograms", "supervised_segmentation"):
            files[f"{supplemental}/{folder}/{name}.bmp"] = picture
    files[f"{supplemental}/segmentation_examples/{names[0]}.bmp"] = picture
    for name in ("segment_clusters", "segment_mosaic"):
        files[f"{supplemental}/{name}.bmp"] = picture
    packed = {f"mlsp_contest_dataset/{name}": content for name, content in files.items()}
    zipped(raw / "mlsp_contest_dataset.zip", packed)


def birds_of(rng: np.random.Generator) -> list[int]:
    """None to three species."""
    return sorted(rng.permutation(19)[: rng.integers(4)].tolist())


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
