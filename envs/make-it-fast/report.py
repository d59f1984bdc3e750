"""Writes the nightly report of a shop: reads data/events.csv, writes report.txt."""

import csv
from pathlib import Path

SETTINGS = {}


def read():
    with Path("data/events.csv").open(newline="") as file:
        return [
            row | {"second": int(row["second"]), "amount": float(row["amount"])}
            for row in csv.DictReader(file)
        ]


def new_pairs(events, settings):
    """The pairs of two fields, each when it is seen for the first time."""
    seen, lines = [], []
    for event in events:
        pair = [event[name] for name in settings["pair"]]
        if pair not in seen:
            seen.append(pair)
            lines.append(" ".join(pair))
    return lines


def balances(events, settings):
    """What the event's user has spent so far, on top of the opening balance."""
    lines = []
    for place, event in enumerate(events):
        total = settings["opening"]
        for earlier in events[: place + 1]:
            if earlier["user"] == event["user"]:
                total += earlier["amount"]
        lines.append(repr(total))
    return lines


def medians(events, settings):
    """The median of the last amounts; of an even number the larger one in the middle."""
    lines = []
    for place in range(len(events)):
        first = max(0, place + 1 - settings["last"])
        amounts = [event["amount"] for event in events[first : place + 1]]
        lines.append(repr(sorted(amounts)[len(amounts) // 2]))
    return lines


def previous_buyers(events, settings):
    """Who else has bought the item most recently."""
    lines = []
    for place, event in enumerate(events):
        found = settings["nobody"]
        for earlier in events[:place]:
            if earlier["item"] == event["item"] and earlier["user"] != event["user"]:
                found = earlier["user"]
        lines.append(found)
    return lines


def larger_before(events, settings):
    """How many earlier amounts are larger than a multiple of the event's."""
    lines = []
    for place, event in enumerate(events):
        bound = settings["times"] * event["amount"]
        larger = [earlier for earlier in events[:place] if earlier["amount"] > bound]
        lines.append(str(len(larger)))
    return lines


def code_distances(events, settings):
    """The edit distance from each event's code to the code some events before."""
    lines = []
    for place, event in enumerate(events[settings["apart"] :]):
        code, other = event["code"], events[place]["code"]
        row = list(range(len(other) + 1))
        for i, letter in enumerate(code, start=1):
            above, row = row, [i]
            for j, wanted in enumerate(other, start=1):
                changed = above[j - 1] + (letter != wanted)
                row.append(min(above[j] + 1, row[-1] + 1, changed))
        lines.append(str(row[-1]))
    return lines


def recent_counts(events, settings):
    """How many events the user has had in the last seconds, all of the same second included."""
    lines = []
    for event in events:
        start, count = event["second"] - settings["seconds"], 0
        for other in events:
            if other["second"] > event["second"]:
                break
            if other["user"] == event["user"] and other["second"] >= start:
                count += 1
        lines.append(str(count))
    return lines


def backlog(events, settings):
    """What is served while more events wait than allowed: the least amount, the oldest first."""
    waiting, lines = [], []
    for event in events:
        waiting.append(event)
        while len(waiting) > settings["waiting"]:
            served = min(waiting, key=lambda each: (each["amount"], int(each["event"])))
            waiting.remove(served)
            lines.append(served["event"])
    return lines


def leaders(events, settings):
    """The item with the largest turnover so far, the first by name of equal ones."""
    totals, lines = {}, []
    for event in events:
        item = event["item"]
        totals[item] = totals.get(item, settings["start"]) + event["amount"]
        best = sorted(totals, key=lambda name: (-totals[name], name))[0]
        lines.append(f"{best} {totals[best]!r}")
    return lines


SECTIONS = []


def main():
    events, lines = read(), []
    for section in SECTIONS:
        lines.append(f"== {section.__name__}")
        lines += section(events, SETTINGS)
    Path("report.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
