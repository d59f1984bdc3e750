"""A fifth of Kaggle's labelled recordings is the test set; all get new numbers, as in MLE-bench."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Resplit, place, place_all, read_table, write_table

SPECIES = 19
PICTURES = ("filtered_spectrograms", "spectrograms", "supervised_segmentation")
SEGMENTS = ("histogram_of_segments.txt", "segment_features.txt", "segment_rectangles.txt")


def prepare(
    raw: Path, public: Path, private: Path, rng: np.random.Generator, resplit: Resplit
) -> None:
    raw = raw / "mlsp_contest_dataset"
    essential, supplemental = raw / "essential_data", raw / "supplemental_data"
    folds = read_table(essential / "CVfolds_2.txt")
    folds = folds[folds["fold"] == 0].reset_index(drop=True)
    test = folds.sample(frac=0.2, random_state=0)
    train, test = resplit(folds.drop(test.index), test)
    folds.loc[test.index, "fold"] = 1
    folds = folds.loc[sorted([*train.index, *test.index])].reset_index(drop=True)
    numbers = {old: new for new, old in enumerate(folds["rec_id"])}
    folds["rec_id"] = folds.index
    write_table(folds, public / "essential_data" / "CVfolds_2.txt")
    files = read_table(essential / "rec_id2filename.txt")
    files = files[files["rec_id"].isin(numbers)]
    files = files.assign(rec_id=files["rec_id"].map(numbers))
    write_table(files, public / "essential_data" / "rec_id2filename.txt")
    hidden = set(folds.loc[folds["fold"] == 1, "rec_id"])
    write_labels(essential, numbers, hidden, public, private)
    place_media(raw, public, files["filename"].tolist())
    for name in SEGMENTS:
        lines = renumbered(supplemental / name, numbers)
        (public / "supplemental_data" / name).write_text("".join(f"{line}\n" for line in lines))


def renumbered(path: Path, numbers: dict[int, int]) -> Iterator[str]:
    """The header, then the lines of the recordings that are kept, under their new numbers."""
    header, *lines = path.read_text().splitlines()
    yield header
    for line in lines:
        old, comma, rest = line.partition(",")
        if int(old) in numbers:
            yield f"{numbers[int(old)]}{comma}{rest}"


def write_labels(
    essential: Path, numbers: dict[int, int], test: set[int], public: Path, private: Path
) -> None:
    """The species of each recording: hidden in the test, where each pair is a row to predict."""
    header, *lines = renumbered(essential / "rec_labels_test_hidden.txt", numbers)
    shown, answers = [header], []
    for line in lines:
        number, *heard = line.split(",")
        if int(number) not in test:
            shown.append(line)
            continue
        shown.append(f"{number},?")
        present = {int(species) for species in heard if species}
        answers += [(int(number) * 100 + s, int(s in present)) for s in range(SPECIES)]
    target = public / "essential_data" / "rec_labels_test_hidden.txt"
    target.write_text("".join(f"{line}\n" for line in shown))
    write_table(pd.DataFrame(answers, columns=["Id", "Probability"]), private / "answers.csv")


def place_media(raw: Path, public: Path, names: list[str]) -> None:
    """Sounds, and pictures made of them; files keep their names."""
    essential, supplemental = raw / "essential_data", raw / "supplemental_data"
    place(essential / "species_list.txt", public / "essential_data" / "species_list.txt")
    sounds = {f"{name}.wav": f"{name}.wav" for name in names}
    place_all(sounds, essential / "src_wavs", public / "essential_data" / "src_wavs")
    pictures = {f"{name}.bmp": f"{name}.bmp" for name in names}
    for folder in PICTURES:
        place_all(pictures, supplemental / folder, public / "supplemental_data" / folder)
    examples = supplemental / "segmentation_examples"
    some = {name: name for name in pictures if (examples / name).is_file()}
    place_all(some, examples, public / "supplemental_data" / "segmentation_examples")
    for name in ("segment_clusters.bmp", "segment_mosaic.bmp"):
        place(supplemental / name, public / "supplemental_data" / name)


def plain(public: Path, rng: np.random.Generator) -> str:
    """Tables of recordings and species, and the sounds under numbers drawn anew."""
    essential = public / "essential_data"
    files = read_table(essential / "rec_id2filename.txt").set_index("rec_id")["filename"]
    drawn = rng.permutation(len(files))
    sounds = {number: f"sounds/s{new}.wav" for number, new in zip(files.index, drawn, strict=True)}
    for number in sorted(sounds, key=sounds.__getitem__):
        place(essential / "src_wavs" / f"{files[number]}.wav", public / sounds[number])
    parts: dict[str, list[dict[str, object]]] = {"train": [], "test": []}
    for line in (essential / "rec_labels_test_hidden.txt").read_text().splitlines()[1:]:
        number, *heard = line.split(",")
        for species in range(SPECIES):
            row = {"Id": int(number) * 100 + species, "file": sounds[int(number)]}
            row |= {"species": species}
            if heard == ["?"]:
                parts["test"].append(row)
            else:
                present = str(species) in heard
                parts["train"].append({**row, "Probability": int(present)})
    for name, rows in parts.items():
        write_table(pd.DataFrame(rows), public / f"{name}.csv")
    for folder in ("essential_data", "supplemental_data"):
        shutil.rmtree(public / folder)
    return "A row is a recording and one of 19 sources of sound; several may be heard in one."
