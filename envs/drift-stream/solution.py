"""Replays the history with every setting of the toolbox and follows the stream with the best."""

import itertools
import sys
from pathlib import Path

sys.path.insert(0, "data")
import online


def main():
    rows, tried = online.history(), []
    for values in itertools.product(*online.CHOICES.values()):
        settings = dict(zip(online.CHOICES, values, strict=True))
        tried.append((online.Learner(rows, **settings).replay(), settings))
    loss, settings = min(tried, key=lambda each: each[0])
    Path("follow.py").write_text(online.PROGRAM.format(settings=settings))
    print(*settings.values(), f"\nvalidation: {loss:.4f}")


if __name__ == "__main__":
    main()
