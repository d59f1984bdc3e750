"""The help desk's sorters: naive Bayes on the words of some sentences, and on a part of the code.

    python data/sorter.py --part first --negation with --code head

--part      first    words of the first paragraph
            last     words of the last paragraph
--negation  with     words of sentences that have a negation
            without  words of sentences that have none
--code      head     the letters before the number of the contract's code
            tail     the letter behind it

Writes submission.csv. The last line is the accuracy by cross-validation with five parts.
"""

import csv
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np

CHOICES = {
    "part": ("first", "last"),
    "negation": ("with", "without"),
    "code": ("head", "tail"),
}
NEGATION = re.compile(r"\b(not|no|nothing|never|cannot|don't|doesn't|isn't|without)\b")
CODE = re.compile(r"\b([A-Z]{2})-\d{4}-([A-Z])\b")
FOLDS, SMOOTHING = 5, 0.3


def read(name, folder="data"):
    with Path(folder, f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tokens(text, part, negation, code):
    """The words that a sorter looks at, and the part of the code."""
    paragraph = text.split("\n\n")[0 if part == "first" else -1]
    found = CODE.search(text)
    words = {f"code {found.group(1 if code == 'head' else 2)}"} if found else set()
    for sentence in re.split(r"(?<=[.!?])\s+", CODE.sub("", paragraph)):
        plain = sentence.lower()
        if bool(NEGATION.search(plain)) == (negation == "with"):
            words.update(re.findall(r"[a-z]+", plain))
    return words


def counts(documents):
    """A row for each document, a column for each word that occurs twice or more."""
    frequency = Counter(word for words in documents for word in words)
    column = {word: i for i, word in enumerate(sorted(w for w in frequency if frequency[w] > 1))}
    table = np.zeros((len(documents), len(column)), np.float32)
    for row, words in enumerate(documents):
        table[row, [column[word] for word in words if word in column]] = 1
    return table


def naive_bayes(table, labels, rows, asked):
    """The likeliest label of each row that is asked for, learnt from the other rows."""
    names = np.unique(labels[rows])
    scores = []
    for name in names:
        seen = table[rows][labels[rows] == name]
        share = (seen.sum(0) + SMOOTHING) / (len(seen) + 2 * SMOOTHING)
        prior = np.log((len(seen) + 1) / len(rows))
        scores.append(table[asked] @ np.log(share / (1 - share)) + np.log(1 - share).sum() + prior)
    return names[np.argmax(scores, 0)]


def queues_of(table, labels, rows, asked):
    """What the matter is and whose contract it is, told apart, put together."""
    halves = np.array([label.split("-") for label in labels])
    topics, lines = (naive_bayes(table, half, rows, asked) for half in halves.T)
    return np.array([f"{topic}-{line}" for topic, line in zip(topics, lines, strict=True)])


def sort(train, test, **choice):
    """A queue for each test message, and the accuracy by cross-validation."""
    table = counts([tokens(row["text"], **choice) for row in train + test])
    labels = np.array([row["queue"] for row in train])
    known = np.arange(len(train))
    right = 0
    for fold in range(FOLDS):
        held = known % FOLDS == fold
        right += (queues_of(table, labels, known[~held], known[held]) == labels[held]).sum()
    asked = np.arange(len(train), len(table))
    return queues_of(table, labels, known, asked), right / len(train)


def write(test, queues):
    lines = [f"{row['id']},{queue}" for row, queue in zip(test, queues, strict=True)]
    Path("submission.csv").write_text("\n".join(["id,queue", *lines, ""]), encoding="utf-8")


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    test = read("test")
    queues, accuracy = sort(read("train"), test, **asked)
    write(test, queues)
    print(f"validation: {accuracy:.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
