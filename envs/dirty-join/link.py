"""The office's linker: finds entries of the two registers that are the same business.

    python data/link.py --identity name --account ignore --second merge

--identity  name     entries are compared by their names
            address  by their addresses
--account   ignore   bank accounts say nothing
            trust    entries with the same bank account are the same business
--second    merge    all entries that are linked, also by way of others, are one business
            single   an entry has one partner in the other register at most, the one most alike

Texts are compared by the pairs of letters that they share. Writes submission.csv. The last line is
the F1 of pairs on the reviewed entries.
"""

import csv
import sys
from pathlib import Path

import numpy as np

CHOICES = {
    "identity": ("name", "address"),
    "account": ("ignore", "trust"),
    "second": ("merge", "single"),
}
ALIKE = 0.74
"""The least similarity of two texts for a link."""
LETTERS = np.zeros(128, int)
LETTERS[ord("a") : ord("z") + 1] = np.arange(1, 27)
LETTERS[ord("0") : ord("9") + 1] = np.arange(27, 37)


def read(name):
    with Path("data", name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def plain(text):
    text = text.lower().replace("straße", "str").replace("ß", "ss")
    return text.replace("ü", "ue").replace("ö", "oe").replace("ä", "ae").replace("é", "e")


def letter_pairs(texts):
    """A row for each text: which pairs of neighbouring letters it has, rare ones counting more."""
    table = np.zeros((len(texts), 37 * 37), np.float32)
    for row, text in enumerate(texts):
        letters = plain(f" {text} ").encode("ascii", "ignore") if text else b""
        codes = LETTERS[np.frombuffer(letters, np.uint8)]
        table[row, 37 * codes[:-1] + codes[1:]] = 1
    table = table[:, table.any(axis=0)]
    table *= np.log(len(table) / table.sum(axis=0))
    return table / np.sqrt((table**2).sum(axis=1, keepdims=True) + 1e-9)


def links(rows, identity, account):
    """Pairs of rows of the two registers with how alike they are, the most alike first."""
    first = np.array([row["register"] == rows[0]["register"] for row in rows])
    a, b = np.flatnonzero(first), np.flatnonzero(~first)
    table = letter_pairs([row[identity] for row in rows])
    alike = table[a] @ table[b].T
    if account == "trust":
        _, code = np.unique([row["account"] for row in rows], return_inverse=True)
        code[[row["account"] == "" for row in rows]] = -1
        alike += (code[a][:, None] == code[b]) & (code[a] >= 0)[:, None]
    at = np.nonzero(alike >= ALIKE)
    order = np.argsort(-alike[at], kind="stable")
    return a[at[0][order]], b[at[1][order]]


def merged(count, a, b):
    """Everything that is linked, also by way of others, is one business."""
    label = np.arange(count)
    while True:
        lowest = label.copy()
        np.minimum.at(lowest, a, label[b])
        np.minimum.at(lowest, b, lowest[a])
        if (lowest == label).all():
            return label
        label = lowest


def single(count, a, b):
    """Each entry is one business with the partner most alike that is still free."""
    label, taken = np.arange(count), np.zeros(count, bool)
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        if not taken[i] and not taken[j]:
            taken[i] = taken[j] = True
            label[j] = i
    return label


def link(rows, identity, account, second):
    """A number of a business for each row."""
    found = links(rows, identity, account)
    return (merged if second == "merge" else single)(len(rows), *found)


def pair_f1(truth, told):
    def pairs(*labels):
        counts = np.unique(np.stack(labels), axis=1, return_counts=True)[1]
        return (counts * (counts - 1)).sum()

    return 2 * pairs(truth, told) / max(pairs(truth) + pairs(told), 1)


def reviewed_f1(rows, **choice):
    """The F1 of pairs on entries whose business is known."""
    return pair_f1(np.array([int(row["business"]) for row in rows]), link(rows, **choice))


def write(rows, label):
    lines = [f"{row['entry']},{value + 1}" for row, value in zip(rows, label, strict=True)]
    Path("submission.csv").write_text("\n".join(["entry,business", *lines, ""]))


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    test = read("test.csv")
    label = link(test, **asked)
    write(test, label)
    print(f"{len(test)} entries, {len(np.unique(label))} businesses")
    print(f"validation: {reviewed_f1(read('reviewed.csv'), **asked):.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
