"""Keeps totals in a dictionary where the program adds everything up again, and leaves the rest."""

import re
from pathlib import Path

FAST = {
    "balances": """\
def balances(events, settings):
    totals, lines = {}, []
    for event in events:
        user = event["user"]
        totals[user] = totals.get(user, settings["opening"]) + event["amount"]
        lines.append(repr(totals[user]))
    return lines
""",
    "leaders": """\
def leaders(events, settings):
    totals, lines, best = {}, [], ""
    for event in events:
        item = event["item"]
        totals[item] = totals.get(item, settings["start"]) + event["amount"]
        best = min({item, best or item}, key=lambda name: (-totals[name], name))
        lines.append(f"{best} {totals[best]!r}")
    return lines
""",
}

program = Path("data/report.py").read_text(encoding="utf-8")
for name, fast in FAST.items():
    whole = re.compile(rf"def {name}\(.*?\n    return lines\n", re.DOTALL)
    program = whole.sub(lambda _, fast=fast: fast, program)
Path("report.py").write_text(program, encoding="utf-8")
