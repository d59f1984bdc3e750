"""Messages of customers, from a grammar: a matter, other things that are mentioned, a code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

STRUCTURES = {
    "matter": ("first", "last"),
    "negation": ("excludes", "complains"),
    "code": ("head", "tail"),
}
"""Which paragraph is the matter at hand; whether a sentence with a negation says what it is not
about, or what doesn't work; which part of a contract's code tells whose contract it is."""

ROWS = {"micro": 300, "small": 1200, "full": 20_000}
TEST = 2400
THINGS = {
    "payment": (
        "invoice refund direct_debit receipt bank_transfer reminder discount monthly_fee "
        "credit_note deposit statement voucher"
    ),
    "connection": (
        "line signal broadband dial_tone download wifi roaming network hotline_number upload "
        "fibre_link coverage"
    ),
    "device": (
        "router handset charger display battery keyboard socket remote_control headset modem "
        "antenna power_supply"
    ),
}
THINGS = {topic: [w.replace("_", " ") for w in words.split()] for topic, words in THINGS.items()}
TOPICS = tuple(THINGS)
LINES = ("home", "office")
WRONG = (
    "There is a problem with the {}.",
    "The {} has been giving us trouble since {day}.",
    "Please have a look at the {}, it went wrong on {day}.",
    "I am writing about the {}.",
    "The {} is wrong again.",
    "We would like somebody to see to the {}.",
)
FINE = (
    "The {} is fine.",
    "The {} works as it should.",
    "I am happy with the {} so far.",
    "The {} was put right on {day}.",
    "My colleague has checked the {} and found it in order.",
)
EXCLUDES = (
    "It has nothing to do with the {}.",
    "This is not about the {}.",
    "There is no problem with the {}.",
    "I have never had any trouble with the {}.",
    "The {} is not what bothers me.",
)
FAILS = (
    "The {} does not do what it should.",
    "Nothing has come of the {} since {day}.",
    "The {} is still not right.",
    "I cannot make any sense of the {}.",
    "There has been no improvement with the {}.",
    "The {} never was as promised.",
)
DAYS = ("Monday", "Tuesday", "last week", "Friday", "the holidays", "yesterday")
HELLO = ("Hello.", "Good morning.", "Dear team.", "Dear Sir or Madam.", "Hi there.", "")
BYE = ("Kind regards.", "Thanks in advance.", "Please call me back.", "Yours.", "")
FOOTERS = (
    "Sent from my phone.",
    "Sent from my tablet, please excuse any mistakes.",
    "This message is meant for its addressee alone and may be confidential.",
    "Please think of the trees before you print this message.",
)
"""What mail programs put below a message; how many of the customers' do is drawn."""
CODE = (
    "My contract is {}.",
    "Contract number {}.",
    "You find us under {}.",
    "The code on my papers is {}.",
)


def generate(
    rng: np.random.Generator, size: str, difficulty: float, structure: dict[str, str]
) -> Instance:
    rows = ROWS[size] + TEST
    codes = Codes(rng, structure["code"])
    mistaken, footers = 0.02 + 0.12 * difficulty, rng.random()
    records = []
    for number in rng.permutation(rows) + 1:
        topic, line = pick(rng, TOPICS), pick(rng, LINES)
        text = message(rng, topic, structure, 0.3 + 2.4 * difficulty, codes.draw(rng, line))
        if rng.random() < footers:
            text = f"{text} {pick(rng, FOOTERS)}"
        right = queue = f"{topic}-{line}"
        if rng.random() < mistaken:
            queue = f"{pick(rng, TOPICS)}-{pick(rng, LINES)}"
        records.append((number, text, queue, right))
    table = pd.DataFrame(records, columns=["id", "text", "queue", "right"])
    train, test = table[: ROWS[size]], table[ROWS[size] :]
    lab = Path(__file__).with_name("sorter.py").read_text(encoding="utf-8")
    return Instance(
        public={
            "train.csv": train[["id", "text", "queue"]],
            "test.csv": test[["id", "text"]],
            "sorter.py": lab,
        },
        answers=test[["id", "queue"]],
        floor=float(test["queue"].value_counts(normalize=True).max()),
        ceiling=float((test["queue"] == test["right"]).mean()) * (1 - 0.5 * Codes.NONE),
        truth={"mistaken": mistaken, "codes": codes.of},
    )


class Codes:
    """Codes of contracts such as KX-2047-B, of which one end tells the line."""

    NONE = 0.04

    def __init__(self, rng: np.random.Generator, part: str) -> None:
        letters = np.array(list("ABCDEFGHKLMNPRSTUVWXZ"))
        self.part = part
        self.heads = ["".join(rng.choice(letters, 2, replace=False)) for _ in range(6)]
        self.tails = [str(x) for x in rng.choice(letters, 6, replace=False)]
        telling = self.heads if part == "head" else self.tails
        self.of = {"home": telling[:3], "office": telling[3:]}

    def draw(self, rng: np.random.Generator, line: str) -> str | None:
        head, tail = pick(rng, self.heads), pick(rng, self.tails)
        telling = pick(rng, self.of[line])
        head, tail = (telling, tail) if self.part == "head" else (head, telling)
        code = f"{head}-{rng.integers(1000, 9999)}-{tail}"
        return None if rng.random() < self.NONE else code


def message(
    rng: np.random.Generator, topic: str, structure: dict[str, str], extra: float, code: str | None
) -> str:
    """Two paragraphs with sentences of both kinds each; one kind in one of them is the matter."""
    kinds = [WRONG, EXCLUDES] if structure["negation"] == "excludes" else [FINE, FAILS]
    telling = 0 if structure["negation"] == "excludes" else 1
    at = 0 if structure["matter"] == "first" else 1
    paragraphs = []
    for paragraph in (0, 1):
        sentences = []
        for kind in (0, 1):
            matters = (paragraph, kind) == (at, telling)
            about = topic if matters else pick(rng, TOPICS)
            count = 1 if matters else 1 + min(rng.poisson(extra / 3), 3)
            sentences += [sentence(rng, kinds[kind], about) for _ in range(count)]
        paragraphs.append([sentences[i] for i in rng.permutation(len(sentences))])
    if code is not None:
        paragraphs[int(rng.integers(0, 2))].append(pick(rng, CODE).format(code))
    paragraphs[0].insert(0, pick(rng, HELLO))
    paragraphs[1].append(pick(rng, BYE))
    return "\n\n".join(" ".join(s for s in sentences if s) for sentences in paragraphs)


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of them; ``rng.choice`` takes ten times as long."""
    return options[int(rng.integers(len(options)))]


def sentence(rng: np.random.Generator, forms: tuple[str, ...], topic: str) -> str:
    text = pick(rng, forms).format(pick(rng, THINGS[topic]), day=pick(rng, DAYS))
    if rng.random() < 0.12:  # two letters of a word change places
        at = int(rng.integers(1, len(text) - 3))
        if text[at : at + 2].isalpha():
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text
