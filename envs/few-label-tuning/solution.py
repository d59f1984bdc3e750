"""Tries every setting of the toolbox and keeps what names held-back grains best."""

import itertools
import sys

sys.path.insert(0, "data")
import lab


def main():
    tables, spectra = lab.load()
    best = None
    settings = itertools.product(("channel", "spectrum"), ("early", "last"), ("keep", "centre"))
    for setting in settings:
        values = lab.values_of(tables, spectra, *setting)
        for head in lab.HEADS:
            found, accuracy = lab.fit(tables, values, head)
            if best is None or accuracy > best[0]:
                best = accuracy, found, (*setting, head)
    print(*best[2], f"\nvalidation: {best[0]:.4f}")
    lab.write(tables[2], best[1])


if __name__ == "__main__":
    main()
