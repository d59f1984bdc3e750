"""The rules of a release: what each may say, and what it makes of a table."""

from collections import Counter
from dataclasses import dataclass
from datetime import date as date_
from datetime import timedelta

import pandas as pd


@dataclass(frozen=True)
class Rules:
    """One option of each rule, 0 or 1; ``SENTENCES`` has what they say."""

    numbering: int = 0
    birth: int = 0
    oldest: int = 0
    area: int = 0
    fewest: int = 0
    first_out: int = 0
    arrived: int = 0
    diagnosis: int = 0
    staff: int = 0
    days: int = 0

    @property
    def least(self) -> int:
        """How many people of the register must share what a row says of a person."""
        return (5, 10)[self.fewest]


SENTENCES = {
    "numbering": (
        "in the order of their first rows in `visits.csv`",
        "in the order of their patient numbers",
    ),
    "birth": (
        "the year of birth",
        "the first year of the five that begin with a year divisible by 5",
    ),
    "oldest": ("before 1940", "before 1950"),
    "area": ("the first digit", "the first two digits"),
    "fewest": ("fewer than 5 people", "fewer than 10 people"),
    "first_out": (
        "`area` is emptied; if that does not help, `birth` as well",
        "`birth` is emptied; if that does not help, `area` as well",
    ),
    "arrived": ("the Monday of the week", "the first day of the month"),
    "diagnosis": (
        "the category, which is the part before the point",
        "the whole code, or its category if fewer than 5 patients of `visits.csv` have the code",
    ),
    "staff": (
        "Names of staff (`staff.csv`) stay, since they act in office.",
        "Names of staff (`staff.csv`) go as well.",
    ),
    "days": ("Dates of what was done or is to be done stay.", "All dates go."),
}


def born(date: str, rules: Rules) -> str:
    """What a release says of a date of birth: a year."""
    year = max(int(date[:4]), (1940, 1950)[rules.oldest])
    return str(year // 5 * 5 if rules.birth else year)


def area(postcode: str, rules: Rules) -> str:
    return postcode[: 1 + rules.area]


def arrived(date: str, rules: Rules) -> str:
    day = date_.fromisoformat(date[:10])
    return str(day.replace(day=1) if rules.arrived else day - timedelta(days=day.weekday()))


def diagnoses(codes: list[str], patients: list[str], rules: Rules) -> list[str]:
    """By row the code or its category."""
    holders = Counter(code for code, _ in {*zip(codes, patients, strict=True)})
    whole = [rules.diagnosis and holders[code] >= 5 for code in codes]
    return [code if keep else code.split(".")[0] for code, keep in zip(codes, whole, strict=True)]


def numbers(patients: list[str], rules: Rules) -> list[int]:
    """By row the number that stands for the patient."""
    known = dict.fromkeys(sorted(patients) if rules.numbering else patients)
    place = {patient: at for at, patient in enumerate(known, start=1)}
    return [place[patient] for patient in patients]


class Crowd:
    """The people of the register, by what a release may say of them."""

    def __init__(self, register: pd.DataFrame, rules: Rules) -> None:
        self._rules = rules
        birth = [born(date, rules) for date in register["birth_date"]]
        sex, where = register["sex"], [area(code, rules) for code in register["postcode"]]
        none = [""] * len(register)
        shown = ((birth, sex, where), (birth, sex, none), (none, sex, where), (none, sex, none))
        self._count = Counter[tuple[str, ...]]()
        for columns in (*shown, (none, none, none)):
            self._count.update(zip(*columns, strict=True))

    def safe(self, birth: str, sex: str, where: str) -> tuple[str, str, str]:
        """The three with as much left out as the policy says."""
        second = ("", sex, where) if self._rules.first_out else (birth, sex, "")
        ladder = ((birth, sex, where), second, ("", sex, ""), ("", "", ""))
        return next(each for each in ladder if self._count[each] >= self._rules.least)
