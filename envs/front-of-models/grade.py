"""The hypervolume of the cards that a program made: accuracy by fairness by brevity."""

import json
from pathlib import Path

import numpy as np

from mle_gym.errors import SubmissionError

from .front import ANSWERS, accuracy_and_fairness, hypervolume

CARD, MEASUREMENTS = "card.json", "measurements.json"
LONGEST = 20_000
"""Bytes of a card; one with all questions takes a tenth of that."""
LARGEST = 1e6
"""Points, of either sign."""


def grade_files(submission: Path, private: Path) -> tuple[float, dict[str, object]]:
    told = json.loads((submission / MEASUREMENTS).read_text())
    clinic = Clinic(private)
    folders = [submission / f"{number}-1" for number in range(1, 1 + len(told["sets"]))]
    cards = [clinic.read(each / CARD) for each in folders if (each / CARD).is_file()]
    found = [clinic.qualities(*card) for card in cards]
    parts: dict[str, object] = {"cards": f"{len(cards)} of {len(folders)}"}
    parts["dominated"] = sum(is_dominated(each, found) for each in found)
    for at, name in enumerate(("accuracy", "fairness", "brevity")):
        parts[f"best {name}"] = round(max((each[at] for each in found), default=0.0), 4)
    return hypervolume(found), parts


def is_dominated(one: tuple[float, ...], found: list[tuple[float, ...]]) -> bool:
    return any(
        other != one and all(a >= b for a, b in zip(other, one, strict=True)) for other in found
    )


class Clinic:
    """The people that a card is tried on, and what questions and sections take."""

    def __init__(self, private: Path) -> None:
        people = np.load(private / "people.npz")
        self._people = tuple(people[name] for name in ("answers", "translated", "chance"))
        told = json.loads((private / "minutes.json").read_text())
        self._items, self._sections = told["questions"], told["sections"]

    def read(self, path: Path) -> tuple[np.ndarray, list[str]]:
        """Points by question and answer, and the questions that are asked.

        Raises:
            SubmissionError: It is no card.
        """
        if path.stat().st_size > LONGEST:
            raise SubmissionError("too_large", f"a card has at most {LONGEST:,} bytes")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            raise SubmissionError("not_a_card", "expected a JSON object") from None
        if not isinstance(told, dict) or not told.keys() <= self._items.keys():
            raise SubmissionError("not_a_card", "expected an object by names of questions")
        points = np.zeros((len(self._items), ANSWERS))
        for at, name in enumerate(self._items):
            if name in told:
                points[at] = numbers(told[name])
        return points, list(told)

    def qualities(self, points: np.ndarray, asked: list[str]) -> tuple[float, float, float]:
        """Accuracy, fairness and brevity, each from 0 to 1."""
        brevity = 1 - self._minutes(asked) / self._minutes([*self._items])
        return (*accuracy_and_fairness(*self._people, points), max(brevity, 0.0))

    def _minutes(self, asked: list[str]) -> float:
        sections = {name[0] for name in asked}
        return sum(self._items[name] for name in asked) + sum(map(self._sections.get, sections))


def numbers(values: object) -> list[float]:
    """The points of a question.

    Raises:
        SubmissionError: They are not one number for each answer.
    """
    right = isinstance(values, list) and len(values) == ANSWERS
    for value in values if right else ():
        right = right and type(value) in (int, float) and abs(value) <= LARGEST
    if not right:
        wanted = f"{ANSWERS} numbers between {-LARGEST:g} and {LARGEST:g}"
        raise SubmissionError("not_a_card", f"expected {wanted} for each question that is asked")
    return [float(value) for value in values]
