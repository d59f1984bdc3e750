"""Reads the policy, and writes a program that does what it says."""

from pathlib import Path

PROGRAM = r'''"""Makes release.csv of data/visits.csv, as data/POLICY.md says."""

import csv
import re
from collections import Counter, defaultdict
from datetime import date, timedelta

RULES = __RULES__
OLDEST = 1950 if RULES["1950"] else 1940
LEAST = 10 if RULES["10"] else 5
CARD = re.compile(r"kh[- ]?[0-9]{6}[- ]?[0-9]", re.IGNORECASE)
DAY = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})"
PATTERNS = [
    CARD,
    re.compile(r"\b0[0-9]{3}[ /]?[0-9]{7}\b"),
    re.compile(r"[\w.]+@[\w.]+\w"),
    re.compile(r"\b[0-9]+ [A-Z]\w+ (?:Street|Road|Lane|Close|Avenue)\b"),
    re.compile(r"(?:(?<=[Bb]orn )|(?<=date of birth ))" + DAY),
    re.compile(r"(?:(?<=Mr )|(?<=Ms )|(?<=Mx )|(?<=Mrs ))\w+"),
]
if RULES["dates go"]:
    PATTERNS.append(re.compile(r"\b" + DAY))
DISEASES = {"disease", "catheter", "palsy", "crisis", "fracture", "sign", "lymphoma", "monitor"}


def read(name):
    with open(f"data/{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def day(text):
    text = text.split(" ")[0]
    if "-" in text:
        return date.fromisoformat(text)
    of_month, month, year = map(int, re.split("[./]", text))
    return date(year, month, of_month)


def born(when):
    year = max(when.year, OLDEST)
    return str(year // 5 * 5 if RULES["five"] else year)


def area(postcode):
    return postcode.zfill(5)[: 2 if RULES["two digits"] else 1]


def arrived(when):
    if RULES["month"]:
        return when.replace(day=1)
    return when - timedelta(days=when.weekday())


def distance(one, other):
    """Damerau's edit distance."""
    if abs(len(one) - len(other)) > 1:
        return 2
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def is_name(word, names):
    folded = word.casefold()
    if folded in names:
        return True
    near = (name for name in names if len(name) > 4 and name[0] == folded[0])
    return any(distance(folded, name) < 2 for name in near)


def cleaned(note, row, staff):
    for pattern in PATTERNS:
        note = pattern.sub("***", note)
    people = re.findall(r"[^\W_]+", f"{row['name']} {row['next_of_kin']}")
    names = {name.casefold() for name in people}
    parts = re.split(r"([^\W_]+)", note)
    for at in range(1, len(parts), 2):
        word, after = parts[at], (parts[at + 2] if at + 2 < len(parts) else "")
        if not word[0].isupper() or after in DISEASES:
            continue
        if is_name(word, names) or (RULES["staff go"] and word in staff):
            parts[at] = "***"
    return "".join(parts)


def main():
    visits, staff = read("visits"), {row["name"] for row in read("staff")}
    crowd = Counter()
    for row in read("register"):
        birth, sex, where = born(day(row["birth_date"])), row["sex"], area(row["postcode"])
        for b, s, w in ((birth, sex, where), (birth, sex, ""), ("", sex, where), ("", sex, "")):
            crowd[b, s, w] += 1
    codes, holders = [], defaultdict(set)
    for row in visits:
        row["patient"] = re.sub("[^0-9]", "", row["patient"])
        code = row["diagnosis"].upper().replace(".", "")
        codes.append(f"{code[:3]}.{code[3:]}")
        holders[codes[-1]].add(row["patient"])
    patients = [row["patient"] for row in visits]
    order = dict.fromkeys(sorted(patients) if RULES["by number"] else patients)
    number = {patient: at for at, patient in enumerate(order, start=1)}
    with open("release.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow("visit person birth sex area arrived diagnosis note".split())
        for row, code in zip(visits, codes):
            birth, where = born(day(row["birth_date"])), area(row["postcode"])
            sex = {"w": "f", "d": "x", "o": "x"}.get(row["sex"][0].lower(), row["sex"][0].lower())
            second = ("", sex, where) if RULES["birth first"] else (birth, sex, "")
            ladder = [(birth, sex, where), second, ("", sex, "")]
            safe = next((each for each in ladder if crowd[each] >= LEAST), ("", "", ""))
            if not (RULES["whole code"] and len(holders[code]) >= 5):
                code = code[:3]
            note = cleaned(row["note"], row, staff)
            came = arrived(day(row["arrived"]))
            writer.writerow([row["visit"], number[row["patient"]], *safe, came, code, note])


main()
'''
SAID = {
    "by number": "in the order of their patient numbers",
    "five": "the five that begin with a year divisible by 5",
    "1950": "Those born before 1950",
    "two digits": "the first two digits of the postcode",
    "10": "fewer than 10 people",
    "birth first": "`birth` is emptied; if that",
    "month": "the first day of the month",
    "whole code": "the whole code, or its category",
    "staff go": "Names of staff (`staff.csv`) go",
    "dates go": "All dates go",
}

policy = " ".join(Path("data/POLICY.md").read_text(encoding="utf-8").split())
rules = {name: words in policy for name, words in SAID.items()}
program = PROGRAM.replace("__RULES__", repr(rules))
Path("deidentify.py").write_text(program, encoding="utf-8")
