"""Visits to three emergency departments, and what a policy lets out of them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from . import policy
from .grade import words as words_of
from .names import FIRST, LAST, STAFF_NAMES, STREET_KINDS, STREETS
from .notes import Case, Piece, note, pick, written

ROWS = {"micro": 250, "small": 500, "full": 3000}
"""Visits of the approved release."""
HIDDEN = 1000
REGISTER = 9000
TOWNS = {"01": 0.28, "03": 0.2, "07": 0.14, "11": 0.13, "14": 0.11, "20": 0.08, "23": 0.045,
         "29": 0.015}  # fmt: skip
"""The first two digits of postcodes, and the share of people who live there."""
SITES = ("harbour", "north", "south")
SEXES = {"harbour": ("female", "male", "other"), "north": ("f", "m", "x"), "south": ("W", "M", "D")}
CODES = ("F32.1", "F41.0", "I10.0", "I48.9", "J18.9", "J45.0", "K29.7", "K35.8", "L23.5", "M54.5",
         "N39.0", "R07.4", "S52.5", "S61.1", "S93.4", "T78.4")  # fmt: skip
RARE = ("A82.1", "B50.0", "G23.1", "Q87.4", "T63.0", "E84.0", "D59.5", "C95.0")
FOLDER = Path(__file__).parent


def generate(rng: np.random.Generator, size: str, difficulty: float) -> Instance:
    rules = policy.Rules(**{name: int(rng.integers(2)) for name in policy.SENTENCES})
    people = register(rng)
    crowd = policy.Crowd(people, rules)
    order = rng.permutation(len(people))
    half = len(people) // 2
    numbers = 10_000 + rng.permutation(90_000)[: ROWS[size] + HIDDEN]
    sloppy, hard = 0.04 + 0.16 * difficulty, 0.02 + 0.08 * difficulty
    known = Visits(rng, people, order[:half], numbers[HIDDEN:]).write_notes(sloppy / 2, hard)
    asked = Visits(rng, people, order[half:], numbers[:HIDDEN]).write_notes(sloppy, hard)
    approved, answers = (each.release(rules, crowd) for each in (known, asked))
    blank = dict.fromkeys(answers.columns[2:], "")
    return Instance(
        public={
            "register.csv": people.sample(frac=1, random_state=rng),
            "staff.csv": staff(),
            "POLICY.md": policy_text(rules),
            "visits.csv": known.raw(),
            "approved.csv": approved,
            "sample_submission.csv": approved.assign(person=0, **blank),
        },
        inputs={"visits.csv": asked.raw()},
        private=asked.private(rules, people),
        answers=answers,
        ceiling=1.0,
        truth={"rules": vars(rules)},
    )


def policy_text(rules: policy.Rules) -> str:
    text = (FOLDER / "policy.md").read_text(encoding="utf-8")
    for name, options in policy.SENTENCES.items():
        text = text.replace(f"{{{name}}}", options[getattr(rules, name)])
    return text


def register(rng: np.random.Generator) -> pd.DataFrame:
    """The adults of the region."""
    towns = rng.choice(list(TOWNS), REGISTER, p=list(TOWNS.values()))
    streets = rng.integers(1, 400, REGISTER)
    days = (rng.beta(1.5, 1.3, REGISTER) * 78 * 365.25).astype(int)
    born = np.datetime64("1928-01-01") + days
    return pd.DataFrame(
        {
            "first_name": rng.choice(FIRST, REGISTER),
            "last_name": rng.choice(LAST, REGISTER),
            "birth_date": np.datetime_as_string(born),
            "sex": rng.choice(["f", "m", "x"], REGISTER, p=[0.503, 0.492, 0.005]),
            "postcode": [f"{town}{street:03}" for town, street in zip(towns, streets, strict=True)],
        }
    )


def staff() -> pd.DataFrame:
    posts = ["doctor" if at % 2 else "nurse" for at in range(len(STAFF_NAMES))]
    return pd.DataFrame({"name": STAFF_NAMES, "post": posts})


class Visits:
    """Visits of people of the register, as they were and as sites wrote them."""

    def __init__(
        self, rng: np.random.Generator, people: pd.DataFrame, who: np.ndarray, visits: np.ndarray
    ) -> None:
        self._rng, self._visit, self._count = rng, visits, len(visits)
        patients = rng.choice(who, int(0.7 * self._count), replace=False)
        again = rng.choice(patients, self._count - len(patients))
        self._person = rng.permutation(np.concatenate([patients, again]))
        self._people = people.iloc[self._person].reset_index(drop=True)
        drawn = rng.permutation(900_000)[: len(patients)] + 100_000
        cards = {who: card(number) for who, number in zip(patients, drawn, strict=True)}
        self._cards = [cards[who] for who in self._person]
        minutes = rng.integers(0, 366 * 1440, self._count)
        self._arrived = np.datetime_as_string(np.datetime64("2024-01-01T00:00") + minutes).tolist()
        weights = np.r_[np.full(len(CODES), 1.0), np.full(len(RARE), 0.05)]
        self._codes = rng.choice([*CODES, *RARE], self._count, p=weights / weights.sum()).tolist()
        near = zip(rng.choice(FIRST, self._count), rng.choice(LAST, self._count), strict=True)
        self._contacts = [f"{first} {last}" for first, last in near]
        phones = rng.integers((150, 2_000_000), (180, 9_999_999), (self._count, 2))
        self._phones = [f"0{net} {number}" for net, number in phones.tolist()]
        self._notes: list[list[Piece]] = []

    def write_notes(self, sloppy: float, hard: float) -> Self:
        """Has the notes typed: how often names are mistyped, and rare things come up."""
        rows = self._people.to_dict("records")
        cases = (self._case(at, row) for at, row in enumerate(rows))
        self._notes = [note(self._rng, each, sloppy, hard) for each in cases]
        return self

    def _case(self, at: int, row: dict[str, str]) -> Case:
        rng, came = self._rng, np.datetime64(self._arrived[at][:10])
        return Case(
            title={"f": "Ms", "m": "Mr"}.get(row["sex"], "Mx"),
            first=row["first_name"],
            last=row["last_name"],
            contact=self._contacts[at],
            phone=self._phones[at],
            number=self._cards[at],
            birth=row["birth_date"],
            address=f"{rng.integers(1, 99)} {pick(rng, STREETS)} {pick(rng, STREET_KINDS)}",
            other=pick(rng, LAST),
            doctor=pick(rng, STAFF_NAMES[1::2]),
            nurse=pick(rng, STAFF_NAMES[::2]),
            soon=str(came + int(rng.integers(3, 40))),
            before=str(came - int(rng.integers(200, 3000))),
        )

    def raw(self) -> pd.DataFrame:
        """The table as the sites wrote it."""
        people, site = self._people, self._rng.choice(SITES, self._count)

        def as_written(write: Callable[[str, str], str], values: Iterable[str]) -> list[str]:
            return [write(*each) for each in zip(site, values, strict=True)]

        came = self._arrived
        days = as_written(as_day, [each[:10] for each in came])
        return pd.DataFrame(
            {
                "visit": self._visit,
                "site": site,
                "patient": as_written(as_number, self._cards),
                "name": people["last_name"] + ", " + people["first_name"],
                "birth_date": as_written(as_day, people["birth_date"]),
                "sex": as_written(as_sex, people["sex"]),
                "postcode": as_written(as_postcode, people["postcode"]),
                "phone": self._phones,
                "next_of_kin": self._contacts,
                "arrived": [f"{day} {at[11:]}" for day, at in zip(days, came, strict=True)],
                "diagnosis": as_written(as_code, self._codes),
                "note": [written(each) for each in self._notes],
            }
        )

    def release(self, rules: policy.Rules, crowd: policy.Crowd) -> pd.DataFrame:
        """What may be let out."""
        rows = self._people[["birth_date", "sex", "postcode"]].itertuples(index=False)
        safe = [crowd.safe(policy.born(born, rules), sex, policy.area(code, rules))
                for born, sex, code in rows]  # fmt: skip
        birth, sex, where = zip(*safe, strict=True)
        return pd.DataFrame(
            {
                "visit": self._visit,
                "person": policy.numbers(self._cards, rules),
                "birth": birth,
                "sex": sex,
                "area": where,
                "arrived": [policy.arrived(each, rules) for each in self._arrived],
                "diagnosis": policy.diagnoses(self._codes, self._cards, rules),
                "note": [written(each, hidden(rules)) for each in self._notes],
            }
        )

    def private(self, rules: policy.Rules, people: pd.DataFrame) -> dict[str, str | pd.DataFrame]:
        """What the grader goes by."""
        rows = self._people.to_dict("records")
        told = [self._told(at, row, hidden(rules)) for at, row in enumerate(rows)]
        linkage = {"least": rules.least, "true": self._person.tolist()}
        return {
            "notes.jsonl": "\n".join(map(json.dumps, told)),
            "linkage.json": json.dumps(linkage),
            "people.csv": exact_and_coarse(people, rules),
        }

    def _told(self, at: int, row: dict[str, str], out: list[str]) -> dict[str, object]:
        """Of a note the words that stay, may stay, must go, and tell who it is about."""
        found = {"stay": [], "free": [*STREET_KINDS], "go": [], "telling": []}
        for kind, text in self._notes[at]:
            of = {"plain": "free", "person": "telling"}.get(kind, "go" if kind in out else "stay")
            found[of].append(text)
        raw = [self._cards[at], self._phones[at], row["birth_date"], row["last_name"]]
        words = {of: " ".join(texts) for of, texts in found.items()}
        most = len(words_of(written(self._notes[at]))) + 3 * len(found["telling"] + found["go"])
        return {**words, "raw": raw, "most": most, "patient": self._cards[at]}


def hidden(rules: policy.Rules) -> list[str]:
    """The kinds of pieces of a note that go."""
    return ["person", *(["staff"] if rules.staff else []), *(["day"] if rules.days else [])]


def exact_and_coarse(people: pd.DataFrame, rules: policy.Rules) -> pd.DataFrame:
    """All that a cell may truly say of each person of the register."""
    day, code = people["birth_date"], people["postcode"]
    return pd.DataFrame(
        {
            "birth day": day,
            "birth month": day.str[:7],
            "birth year": day.str[:4],
            "birth said": [policy.born(each, rules) for each in day],
            "sex": people["sex"],
            **{f"area {count}": code.str[:count] for count in range(1, 6)},
        }
    )


def card(number: int) -> str:
    """A patient number with its check digit."""
    return f"KH-{number}-{sum(map(int, str(number))) % 10}"


def as_number(site: str, number: str) -> str:
    plain = number.replace("-", "")
    return {"harbour": number.replace("-", " "), "south": plain.lower()}.get(site, number)


def as_day(site: str, day: str) -> str:
    year, month, of_month = day.split("-")
    if site == "harbour":
        return f"{int(of_month)}/{int(month)}/{year}"
    return f"{of_month}.{month}.{year}" if site == "south" else day


def as_sex(site: str, sex: str) -> str:
    return SEXES[site]["fmx".index(sex)]


def as_postcode(site: str, code: str) -> str:
    return code.lstrip("0") if site == "harbour" else code


def as_code(site: str, code: str) -> str:
    return {"harbour": code.lower(), "south": code.replace(".", "")}.get(site, code)
