"""Notes of an emergency department, whose words are of known kinds.

A note is a list of pieces: ``(kind, text)``. ``said`` stays in any release; ``plain`` may stay or
go, as the ``Mr`` before a name; ``person`` tells who the patient is or who somebody near to them
is; ``staff`` and ``day`` are for the policy to decide on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Piece = tuple[str, str]

COMPLAINTS = (
    "Came in with chest pain since the early morning.",
    "Fell off a ladder onto the left hip.",
    "Short of breath on the stairs for three days.",
    "Cut the right palm with a bread knife.",
    "Headache and a stiff neck, no fever.",
    "Dizzy after getting up, did not pass out.",
    "Stomach cramps and vomiting overnight.",
    "Twisted the ankle at football practice.",
    "Rash on both arms after new tablets.",
    "Palpitations for about an hour, now gone.",
)
FINDINGS = (
    "Blood pressure 140 over 85, pulse regular.",
    "Lungs clear, no swelling of the legs.",
    "ECG without changes, troponin negative.",
    "No fracture on the films.",
    "Wound cleaned and closed with four stitches.",
    "Abdomen soft, some tenderness on the right.",
    "Temperature 38 point 2, throat red.",
    "Oxygen 96 percent on room air.",
    "Reflexes equal on both sides, gait normal.",
    "Potassium a little low, replaced by mouth.",
)
EPONYMS = (
    "Known Parkinson disease, tablets taken late.",
    "Graves disease, thyroid operated.",
    "A Foley catheter was placed.",
    "Bell palsy of the left side some years ago.",
    "Crohn disease in remission.",
    "Addison crisis ruled out.",
    "Colles fracture in a cast.",
    "Murphy sign negative.",
    "Treated for Hodgkin lymphoma long ago.",
    "Still on the Holter monitor.",
)
ADVICE = (
    "To rest and come back if it gets worse.",
    "Sent home with painkillers.",
    "Stays for the night on the ward.",
    "Family doctor to check the dressing.",
    "Declined admission, risks explained.",
    "Crutches for ten days.",
)
OWN = (
    "{plain:title} {person:last} was brought by ambulance.",
    "{plain:title} {person:last} lives alone.",
    "{person:first} says it began suddenly.",
    "Asked {person:first} {person:last} to wait for the results.",
    "Letter handed to {person:first} {person:last}.",
    "Consent signed by {person:last}.",
)
NEAR = (
    "The son {person:contact} was told.",
    "The sister {person:contact} will collect the patient.",
    "Spoke with the partner {person:contact} by the bed.",
    "The daughter {person:contact} knows the medication.",
)
REACHED = (
    "Can be reached on {person:phone}.",
    "Please call {person:phone} with the culture.",
    "Results to {person:email} please.",
)
ADDRESS = (
    "Lives at {person:address}.",
    "Taxi to {person:address} arranged.",
    "District nurse to visit at {person:address}.",
)
OTHERS = (
    "The neighbour {plain:Mrs} {person:other} found the patient.",
    "A colleague, {plain:Mr} {person:other}, came along.",
    "The landlady {plain:Mrs} {person:other} has a key.",
)
FILES = (
    "Old notes under {person:number}.",
    "Films are filed as {person:number}.",
    "Wristband {person:number} checked.",
)
BIRTH = ("Born {person:birth}, as the card says.", "Card shows date of birth {person:birth}.")
STAFF = (
    "Seen by {plain:Dr} {staff:doctor}.",
    "Handed over to nurse {staff:nurse}.",
    "Discussed with {plain:Dr} {staff:doctor} of surgery.",
)
DAYS = (
    "Stitches out on {day:soon}.",
    "Last tetanus shot on {day:before}.",
    "Clinic booked for {day:soon}.",
)
HARD = (OTHERS, FILES, BIRTH, ADDRESS)
"""Those that nothing but a look at notes tells one to expect."""
SLOT = re.compile(r"\{(\w+):(\w+)\}")


@dataclass(frozen=True)
class Case:
    """Who and what a note is about."""

    title: str
    first: str
    last: str
    contact: str
    phone: str
    number: str
    birth: str
    address: str
    other: str
    doctor: str
    nurse: str
    soon: str
    before: str

    def words(self, rng: np.random.Generator, name: str, sloppy: float) -> str:
        """What stands in a slot, as somebody in a hurry types it."""
        if name == "email":
            return f"{self.first}.{self.last}@mail.example".lower()
        text: str = getattr(self, name)
        if name == "number":
            return pick(rng, (text, text.replace("-", ""), text.replace("-", " "), text.lower()))
        if name == "phone":
            return pick(rng, (text, text.replace(" ", ""), text.replace(" ", "/", 1)))
        if name in ("birth", "soon", "before"):
            year, month, day = text.split("-")
            return pick(rng, (text, f"{day}.{month}.{year}", f"{int(day)}/{int(month)}/{year}"))
        if name == "contact" and rng.random() < 0.5:
            text = text.split()[0]
        if name in ("first", "last", "contact"):
            return hurried(rng, text, sloppy)
        return text


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def hurried(rng: np.random.Generator, text: str, sloppy: float) -> str:
    """A name in capitals, or with two letters swapped, one dropped or one doubled."""
    kind = rng.random() / max(sloppy, 1e-9)
    if kind > 1:
        return text
    if kind < 0.2:
        return text.upper()
    words = text.split()
    which = int(np.argmax([len(word) for word in words]))
    word = words[which]
    if len(word) >= 5:
        at = int(rng.integers(1, len(word) - 2))
        changed = (word[at + 1] + word[at], word[at], word[at] * 2 + word[at + 1])[
            int(rng.integers(3))
        ]
        words[which] = word[:at] + changed + word[at + 2 :]
    return " ".join(words)


def pieces(rng: np.random.Generator, form: str, case: Case, sloppy: float) -> list[Piece]:
    """A sentence in pieces."""
    found, end = [], 0
    for slot in SLOT.finditer(form):
        kind, name = slot.groups()
        text = case.words(rng, name, sloppy) if hasattr(case, name) or name == "email" else name
        found += [("said", form[end : slot.start()]), (kind, text)]
        end = slot.end()
    return [*found, ("said", form[end:])]


def note(rng: np.random.Generator, case: Case, sloppy: float, hard: float) -> list[Piece]:
    """A note: what is wrong, what was found, and who and when comes up on the way."""
    forms = [pick(rng, COMPLAINTS), pick(rng, FINDINGS)]
    for group, chance in ((EPONYMS, 0.25), (STAFF, 0.5), (DAYS, 0.5), (OWN, 0.35), (NEAR, 0.2),
                          (REACHED, 0.2), *((group, hard) for group in HARD)):  # fmt: skip
        if rng.random() < chance:
            forms.append(pick(rng, group))
    forms = [
        forms[0],
        *(forms[at] for at in 1 + rng.permutation(len(forms) - 1)),
        pick(rng, ADVICE),
    ]
    found: list[Piece] = []
    for form in forms:
        found += [*pieces(rng, form, case, sloppy), ("said", " ")]
    return found[:-1]


def written(note: list[Piece], hidden: Sequence[str] = ()) -> str:
    """The note as a text, with ``***`` for pieces of the kinds that are hidden."""
    return "".join("***" if kind in hidden else text for kind, text in note)
