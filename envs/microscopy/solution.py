"""Fits the light to the background alone, and chooses all else on the annotated images."""

import itertools
import sys

import numpy as np

sys.path.insert(0, "data")
import segment

FRACTIONS = np.arange(0.15, 0.8, 0.05)
BACKGROUND, ROUNDS = 45, 4
"""The percentile up to which pixels count as background; how often the plane is fitted."""


def background_level(image):
    """Without the plane that fits the darker part of each image best."""
    across = np.linspace(-1, 1, image.shape[1])
    ones = np.ones((len(across), len(across)))
    plane = np.stack([ones, ones * across, ones * across[:, None]]).reshape(3, -1)
    pixels = image.reshape(len(image), -1)
    rest = segment.level(image).reshape(len(image), -1)
    for _ in range(ROUNDS):
        dark = (rest <= np.percentile(rest, BACKGROUND, axis=1)[:, None]).astype(float)
        square = np.einsum("in,an,bn->iab", dark, plane, plane, optimize=True)
        right = (dark * pixels) @ plane.T
        rest = pixels - np.linalg.solve(square, right[..., None])[..., 0] @ plane
    return rest.reshape(image.shape)


LIGHTS = {"raw": lambda image: image, "levelled": background_level}


def cut(image, fraction):
    ends = segment.DARKEST, segment.STRONGEST
    low, high = np.percentile(image, ends, axis=(1, 2))
    return image > (low + fraction * (high - low))[:, None, None]


def main():
    known, new = segment.images("train_images.npy"), segment.images("test_images.npy")
    truth = {order: segment.annotated(known.shape[1], order) for order in ("rows", "columns")}
    best = None
    for sign, light in itertools.product((1, -1), LIGHTS):
        flat = LIGHTS[light](segment.smooth(sign * known))
        for fraction, order in itertools.product(FRACTIONS, truth):
            found = segment.dice(truth[order], cut(flat, fraction))
            if best is None or found > best[0]:
                best = found, sign, light, fraction, order
    found, sign, light, fraction, order = best
    segment.write(cut(LIGHTS[light](segment.smooth(sign * new)), fraction), order)
    print(*best[1:], f"\nvalidation: {found:.4f}")


if __name__ == "__main__":
    main()
