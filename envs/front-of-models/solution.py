"""Makes cards with every setting of the toolbox, and keeps the six that cover most together."""

import json
import sys
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, "data")
import front

FAIRNESS, BREVITY = np.linspace(0, 1, 4), np.linspace(0.1, 0.9, 7)
PROGRAM = '''"""The card for the trade-off at hand, of those that cards.json has."""

import json
from pathlib import Path

wanted = json.loads(Path("data/trade_off.json").read_text())
cards = json.loads(Path("cards.json").read_text())
at = 3 * (wanted["fairness"] >= 0.5) + min(int(3 * wanted["brevity"]), 2)
Path("card.json").write_text(json.dumps(cards[at]))
'''


def main():
    study = front.load()
    tried, seen = [], set()
    for fairness, brevity, *settings in product(FAIRNESS, BREVITY, *front.CHOICES.values()):
        card = front.card(study, {"fairness": fairness, "brevity": brevity}, *settings)
        if (key := card[0].tobytes()) not in seen:
            seen.add(key)
            tried.append((front.qualities(study, *card), card))
    kept = []
    while len(kept) < 6:
        covered = [each[0] for each in kept]
        kept.append(max(tried, key=lambda each: front.hypervolume([*covered, each[0]])))
    print(f"validation: {front.hypervolume([each[0] for each in kept]):.4f}")
    folder = Path("cards")
    folder.mkdir(exist_ok=True)
    (folder / "fit.py").write_text(PROGRAM)
    cards = [front.written(study, *each[1]) for each in kept]
    (folder / "cards.json").write_text(json.dumps(cards))


if __name__ == "__main__":
    main()
