"""Tries every model of the toolbox on the lottery's customers and keeps the best one."""

import itertools
import sys

sys.path.insert(0, "data")
import uplift


def main():
    data = uplift.load()
    best = None
    for setting in itertools.product(*uplift.CHOICES.values()):
        gain, value = uplift.fit(data, *setting)
        if best is None or value > best[0]:
            best = value, gain, setting
    uplift.write(data, best[1])
    print(*best[2], f"\nvalidation: {best[0]:.4f}")


if __name__ == "__main__":
    main()
