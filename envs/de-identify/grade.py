"""What a release is good for, times the chance that none of four patients can be identified."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = ("person", "birth", "sex", "area", "arrived", "diagnosis")
DRAWN = 4
LONGEST = 5000
"""Characters of a cell that are read; a note has a tenth of that."""
WORD = re.compile(r"[^\W_]+")


def grade(
    submission: pd.DataFrame, answers: pd.DataFrame, private: Path
) -> tuple[float, dict[str, str | float]]:
    release = submission.set_index("visit").reindex(answers["visit"]).fillna("").astype(str)
    right = answers.set_index("visit").fillna("").astype(str)
    told = [json.loads(line) for line in (private / "notes.jsonl").read_text().splitlines()]
    notes = [Words(each) for each in told]
    texts = [text[:LONGEST] for text in release["note"]]
    said = [each.is_useful(text) for each, text in zip(notes, texts, strict=True)]
    shares = {name: float((release[name] == right[name]).mean()) for name in COLUMNS}
    utility = (sum(shares.values()) / len(COLUMNS) + sum(said) / len(said)) / 2
    known = identified(release, notes, private)
    share = len(known) / len({each.patient for each in notes})
    parts: dict[str, str | float] = {name: round(each, 4) for name, each in shares.items()}
    parts |= {"note": round(sum(said) / len(said), 4), "utility": round(utility, 4)}
    return utility * (1 - share) ** DRAWN, parts | {"patients identified": len(known)}


class Words:
    """What of a note must stay, what must not, and what tells who somebody is."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.patient = told["patient"]
        self._stay, self._free, self._go, self._telling = (
            Counter(words(told[name])) for name in ("stay", "free", "go", "telling")
        )
        self._telling = Counter({word: 1 for word in self._telling if len(word) > 2})
        self._most = told["most"]
        self._raw = ["".join(words(each)) for each in told["raw"]]

    def is_useful(self, text: str) -> bool:
        """A longer note than the real one would have any word."""
        found = Counter(words(text))
        enough = not self._stay - found and found.total() <= self._most
        return enough and not self._too_many(found, self._go)

    def tells(self, text: str, cells: list[str]) -> bool:
        """Whether a row says who the patient is."""
        if self._too_many(Counter(words(text)), self._telling):
            return True
        folded = ["".join(words(cell)) for cell in cells]
        return any(raw in cell for raw in self._raw for cell in folded)

    def _too_many(self, found: Counter[str], unwanted: Counter[str]) -> bool:
        """A word may be part of a name and of what stays."""
        return any(found[word] > self._stay[word] + self._free[word] for word in unwanted)


def words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def identified(release: pd.DataFrame, notes: list[Words], private: Path) -> set[str]:
    """The patients who can be identified by a row."""
    linked = Register(private)
    rows = release[["birth", "sex", "area"]].itertuples(index=False)
    cells = release[[*COLUMNS]].to_numpy().tolist()
    found = set()
    for at, (each, row) in enumerate(zip(notes, rows, strict=True)):
        text, others = release["note"].iat[at][:LONGEST], [cell[:100] for cell in cells[at]]
        if each.tells(text, others) or linked.is_alone(at, row):
            found.add(each.patient)
    return found


class Register:
    """The public register, as somebody uses it who wants to know whom a row is about."""

    def __init__(self, private: Path) -> None:
        told = json.loads((private / "linkage.json").read_text())
        self._least = told["least"]
        self._true = told["true"]
        people = pd.read_csv(private / "people.csv", dtype=str, keep_default_na=False)
        self._sets = {name: _sets(people, name) for name in ("birth", "sex", "area")}
        self._everybody = len(people)
        self._known: dict[tuple[str, ...], set[int] | None] = {}

    def is_alone(self, row: int, said: tuple[str, ...]) -> bool:
        """Whether too few people, the right one among them, are as the row says."""
        if said not in self._known:
            sets = [
                self._sets[name].get(value) for name, value in zip(self._sets, said, strict=True)
            ]
            sets = [each for each in sets if each is not None]
            self._known[said] = set.intersection(*sorted(sets, key=len)) if sets else None
        people = self._known[said]
        return people is not None and len(people) < self._least and self._true[row] in people


def _sets(people: pd.DataFrame, name: str) -> dict[str, set[int]]:
    """By what a cell may say the people of whom it is true, from the exact value to the coarse."""
    found: dict[str, set[int]] = {}
    for at, values in enumerate(
        people[[each for each in people if each.startswith(name)]].to_numpy()
    ):
        for value in {*values}:
            found.setdefault(value, set()).add(at)
    return found
