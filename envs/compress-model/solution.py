"""Gives all units one scale, which changes no output, and keeps the best of the press's settings.

A unit's incoming weights may be divided by any number if its outgoing ones are multiplied by it.
"""

import itertools
import sys

import numpy as np

sys.path.insert(0, "data")
import press


def equalised(network):
    """The same function with rows of length 1 (Nagel et al. 2019, cross-layer equalisation)."""
    made = {name: value.astype(float) for name, value in network.items()}
    for layer, after in ((1, 2), (2, 3)):
        length = np.linalg.norm(made[f"w{layer}"], axis=1)
        made[f"w{layer}"] /= length[:, None]
        made[f"b{layer}"] /= length
        made[f"w{after}"] *= length
    return made


def main():
    network, x, y = press.load()
    network, best = equalised(network), None
    kinds = ("sparse", "rank")
    for first, second, share in itertools.product(kinds, kinds, ("first", "second")):
        content, predicted = press.press(network, x, y, (first, second), "even", share)
        error = np.sqrt(((predicted - y) ** 2).mean())
        if best is None or error < best[0]:
            best = error, content, (first, second, share)
    press.write(best[1])
    print(*best[2], f"\nvalidation: {best[0]:.4f}")


if __name__ == "__main__":
    main()
