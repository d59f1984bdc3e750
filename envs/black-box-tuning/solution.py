"""Tries every setting of the tuner on the past jobs, also ones between, and keeps the best."""

import itertools
import sys

sys.path.insert(0, "data")
import tuner


def main():
    settled, single = tuner.past()
    best = None
    for effects, reach, tree in itertools.product(
        ("single", "joint"), (0.7, 1.2, 2.5, 5.0), (0.12, 0.5, 0.88)
    ):
        told = tuner.describe(settled, effects, reach, tree)
        regret = tuner.simulate(settled, single, told).mean()
        if best is None or regret < best[0]:
            best = regret, told
    tuner.write(best[1])
    print(best[1], f"\nvalidation: {best[0]:.4f}")


if __name__ == "__main__":
    main()
