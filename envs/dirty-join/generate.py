"""Two registers of food businesses; what makes two entries the same business is drawn."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "identity": ("name", "address"),
    "account": ("own", "agency"),
    "second": ("duplicate", "branch"),
}
"""Whether a business keeps its name when it moves, or its premises when its owner and name change;
whether a bank account is its own or that of an agency that collects for many; whether a second
entry with another spelling is the same business again or a branch, which is a business of its own.
"""

REVIEWED = {"micro": 90, "small": 250, "full": 2000}
"""Groups of four entries whose businesses are known."""
TEST = 520
LONE = 0.25
"""Entries without any partner, by group."""
MIXED = 0.75
"""The share of groups in which the other field is shared with entries of other businesses."""
EMPTY, NO_ACCOUNT = 0.2, 0.2
GIVEN = """Anke Arne Birte Bodo Carla Claas Dörte Edda Eike Fiete Frauke Gesa Gunnar Hauke Heike
Henning Ilka Inga Jasper Jule Karsten Kirsten Lasse Levke Maike Malte Meret Momme Nele Nils Okke
Onno Petra Rieke Rolf Silke Sönke Swantje Tjark Tomke Ubbo Uta Volker Wiebke"""
FAMILIES = """Alber Brink Carst Diek Ehler Fedder Gerd Hann Ibsch Janz Krüg Lohr Mart Nied Ohlm Pust
Qued Reim Struv Thom Ullr Vogt Wienk Zand Boysk Clausn Frerk Holtz Knuds Petz"""
ENDINGS = "sen mann ke horst feld berg stein hoff bach kamp meyer ing"
TRADES = """Backhaus Bistro Brauerei Café Confiserie Eisdiele Feinkost Fischhalle Gasthof Grillstube
Hofladen Imbiss Kantine Metzgerei Mosterei Obsthof Pizzeria Räucherei Rösterei Weinhaus"""
WAYS = """Ahorn Bahnhof Birken Deich Eichen Fähr Garten Hafen Heide Kanal Kirchen Linden Markt
Mühlen Nelken Park Rosen Schiller Schloss Tannen Ulmen Wald Wiesen Ziegel Amsel Brunnen Dorf Fasanen
Gerber Jahn Kiebitz Lerchen Möwen Nord Pappel Quellen"""
SORTS = "weg straße allee ring damm gasse platz ufer steig hof chaussee winkel"
TOWNS = """Aurich Bremen Cuxhaven Dornum Emden Flensburg Glückstadt Husum Itzehoe Jever Kiel Lübeck
Meldorf Norden Oldenburg Plön Rendsburg Stade Tönning Uelzen Varel Wismar Xanten Zeven"""
ADDED = {
    "name": ("& Sohn", "am Markt", "Express", "Catering", "Filiale", "GmbH & Co", "Nord", "Stube"),
    "address": ("Hof", "Laden 2", "1. Stock", "Pavillon", "Keller", "Halle B", "Tor 3", "links"),
}
"""What tells the two spellings of a text apart."""


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    groups = (REVIEWED[size], TEST)
    texts = Texts(rng, sum(lone_and_all(count) for count in groups))
    parts = []
    for count in groups:
        keys = assign(rng, count, structure)
        table = texts.write(keys, structure["identity"], 0.1 + 0.9 * difficulty)
        table["business"], table["told"] = keys.business, best_links(table, keys, structure)
        parts.append(table.sample(frac=1, random_state=rng))
    ids = 100_000 + rng.permutation(sum(map(len, parts)))
    for table, own in zip(parts, np.split(ids, [len(parts[0])]), strict=True):
        table.insert(0, "entry", own)
    reviewed, test = parts
    numbers = rng.permutation(np.arange(1, 1 + reviewed["business"].max() + 1))
    reviewed["business"] = numbers[reviewed["business"]]
    return Instance(
        public={
            "reviewed.csv": reviewed.drop(columns="told"),
            "test.csv": test.drop(columns=["business", "told"]),
            "link.py": Path(__file__).with_name("link.py").read_text(encoding="utf-8"),
        },
        answers=test[["entry", "business"]],
        floor=0.0,
        ceiling=pair_f1(test["business"].to_numpy(), test["told"].to_numpy()),
    )


@dataclass(frozen=True)
class Keys:
    """Of each entry: the register, and which text of each kind it has; -1 for none."""

    register: np.ndarray
    unit: np.ndarray
    """Of the field that identifies: which text."""
    spelling: np.ndarray
    """Of that text: the first or the second spelling."""
    other: np.ndarray
    """Of the field that doesn't: which text."""
    account: np.ndarray
    business: np.ndarray


def lone_and_all(count: int) -> int:
    return count + round(LONE * count)


def assign(rng: np.random.Generator, count: int, structure: dict[str, str]) -> Keys:
    """Groups of four entries, two spellings in two registers, and lone entries."""
    lone = lone_and_all(count) - count
    slots = np.array(list(product((0, 1), (0, 1))))  # spelling, register
    spelling, register = (np.tile(column, count) for column in slots.T)
    unit = np.repeat(np.arange(count), 4)
    other, account = unit.copy(), 2 * unit + spelling
    mixed = np.arange(round(MIXED * count))
    for slot in range(4):
        other[slot + 4 * mixed] = rng.permutation(mixed)
        if structure["account"] == "agency" and slot % 2:
            account[slot::4] = 2 * rng.permutation(count) + rng.integers(0, 2)
    more = count + np.arange(lone)
    unit, other = np.r_[unit, more], np.r_[other, more]
    account = np.r_[account, 2 * more]
    spelling = np.r_[spelling, np.zeros(lone, int)]
    business = unit if structure["second"] == "duplicate" else 2 * unit + spelling
    unit = np.where(rng.random(len(unit)) < EMPTY, -1, unit)
    other = np.where(rng.random(len(unit)) < EMPTY, -1, other)
    account = np.where(rng.random(len(unit)) < NO_ACCOUNT, -1, account)
    return Keys(np.r_[register, more % 2], unit, spelling, other, account, business)


def best_links(table: pd.DataFrame, keys: Keys, structure: dict[str, str]) -> np.ndarray:
    """What can be told from all fields, had none of them a slip of the pen."""
    alike = keys.unit if structure["second"] == "duplicate" else 2 * keys.unit + keys.spelling
    label = np.arange(len(table))
    clues = [np.where(keys.unit < 0, -1, alike)]
    clues += [keys.account] * (structure["account"] == "own")
    for _ in range(4):  # enough for groups of four
        for clue in clues:
            lowest = pd.Series(label).groupby(clue).transform("min").to_numpy()
            label = np.where(clue < 0, label, lowest)
    return label


class Texts:
    """Names and addresses, each in two spellings, and bank accounts."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self._rng = rng
        towns = TOWNS.split()
        codes = dict(zip(towns, 21_000 + rng.choice(8000, len(towns), replace=False), strict=True))
        numbers, trades = rng.integers(1, 99, count), rng.choice(TRADES.split(), count)
        people = self._draw(count, GIVEN, FAMILIES, ENDINGS)
        places = self._draw(count, WAYS, SORTS, TOWNS)
        self._pools = {
            "name": [
                f"{given} {family}{ending} {trade} {{}}"
                for (given, family, ending), trade in zip(people, trades, strict=True)
            ],
            "address": [
                f"{way}{sort} {number} {{}}, {codes[town]} {town}"
                for (way, sort, town), number in zip(places, numbers, strict=True)
            ],
        }

    def _draw(self, count: int, *words: str) -> list[tuple[str, ...]]:
        """As many combinations of a word from each list, none of them twice."""
        every = list(product(*(each.split() for each in words)))
        return [every[at] for at in self._rng.choice(len(every), count, replace=False)]

    def write(self, keys: Keys, identity: str, slips: float) -> pd.DataFrame:
        """Entries as clerks typed them. Texts that were used aren't used again."""
        count = int(max(keys.unit.max(), keys.other.max())) + 1
        fields = {}
        for field, pool in self._pools.items():
            key = keys.unit if field == identity else keys.other
            first = self._rng.integers(0, 8, count)
            added = np.stack([first, (first + self._rng.integers(1, 8, count)) % 8])
            texts = [pool.pop() for _ in range(count)]
            written = [
                texts[k].format(ADDED[field][added[s, k]]) if k >= 0 else ""
                for k, s in zip(key, keys.spelling, strict=True)
            ]
            fields[field] = typed(self._rng, written, slips)
        digits = 10**7 + self._rng.choice(9 * 10**7, keys.account.max() + 1, replace=False)
        accounts = [token(digits[key]) if key >= 0 else "" for key in keys.account]
        registers = np.array(["trade office", "food inspection"])[keys.register]
        return pd.DataFrame({"register": registers, **fields, "account": accounts})


def token(account: int) -> str:
    """What a county hands out in place of an account's number: another one for each account."""
    return f"tok_{int(account) * 2_654_435_761 % 2**32:08x}"  # an odd factor keeps them apart


def typed(rng: np.random.Generator, texts: list[str], slips: float) -> list[str]:
    """Texts with letters dropped or swapped, as often as ``slips`` says, and other spellings."""
    count = rng.poisson(slips, len(texts))
    place, swap, modern = rng.random((3, len(texts), count.max()))
    found = []
    for row, text in enumerate(texts):
        if modern[row, 0] < 0.3:
            text = text.replace("straße", "str.").replace("ü", "ue").replace("ö", "oe")
        for slip in range(count[row] if text else 0):
            at = 1 + int(place[row, slip] * (len(text) - 3))
            kept = text[at + 1] + text[at] if swap[row, slip] < 0.5 else text[at]
            text = text[:at] + kept + text[at + 2 :]
        found.append(text)
    return found


def pair_f1(truth: np.ndarray, told: np.ndarray) -> float:
    """F1 of the pairs of entries that are said to be the same business."""

    def pairs(*labels: np.ndarray) -> float:
        counts = np.unique(np.stack(labels), axis=1, return_counts=True)[1].astype(float)
        return float((counts * (counts - 1)).sum())

    return 2 * pairs(truth, told) / (pairs(truth) + pairs(told))
