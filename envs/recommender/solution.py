"""Tries every setting of the ranker and keeps the one that pleases the panel most."""

import itertools
import sys

sys.path.insert(0, "data")
import ranker


def main():
    data = ranker.Data()
    tried = []
    for setting in itertools.product(*ranker.CHOICES.values()):
        score = ranker.scores(data, *setting)
        panel = ranker.map_at_10(ranker.lists(data, score, data.panel), data.wanted)
        tried.append((panel, setting, score))
    panel, setting, score = max(tried, key=lambda each: each[0])
    ranker.write(data, score)
    print(*setting, f"\nvalidation: {panel:.4f}")


if __name__ == "__main__":
    main()
