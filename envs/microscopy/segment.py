"""The microscope's own segmentation: one threshold in each image; writes submission.csv.

python data/segment.py --contrast bright|dark --light raw|levelled --outline core|body
                       --order rows|columns

contrast  whether cells are brighter or darker than what is around them
light     raw: pixels as they are; levelled: minus the plane that fits the image best
outline   core: the pixels that show a cell most strongly; body: also those that show it faintly
order     how pixels are numbered in a mask: along rows, or down columns

It prints the mean Dice coefficient on the annotated images; the last line is that alone.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

FRACTION = {"core": 0.66, "body": 0.24}
"""Where the threshold is between the background and the strongest pixels."""
DARKEST, STRONGEST = 25, 97
"""Percentiles of an image that stand for these two."""


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def images(name):
    return np.load(Path("data", name)).astype(float)


def smooth(image):
    """The mean of each pixel and its neighbours, the middle one weighing most."""
    wide = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16


def level(image):
    """Without the plane that fits each image best."""
    across = np.linspace(-1, 1, image.shape[1])
    across /= np.sqrt((across**2).mean())
    flat = image - image.mean((1, 2))[:, None, None]
    tilt, slant = (flat * across).mean((1, 2)), (flat * across[:, None]).mean((1, 2))
    return flat - tilt[:, None, None] * across - slant[:, None, None] * across[:, None]


def segment(image, contrast, light, outline):
    """Masks of (images, rows, columns)."""
    image = smooth(image if contrast == "bright" else -image)
    if light == "levelled":
        image = level(image)
    low, high = np.percentile(image, (DARKEST, STRONGEST), axis=(1, 2))
    return image > (low + FRACTION[outline] * (high - low))[:, None, None]


def encode(mask, order):
    pixels = mask.ravel() if order == "rows" else mask.T.ravel()
    padded = np.concatenate([[False], pixels, [False]])
    ends = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    ends[1::2] -= ends[::2]
    return " ".join(map(str, ends))


def decode(text, side, order):
    pixels = np.zeros(side * side, bool)
    numbers = [int(word) for word in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        pixels[start - 1 : start - 1 + length] = True
    mask = pixels.reshape(side, side)
    return mask if order == "rows" else mask.T


def annotated(side, order):
    return np.stack([decode(row["mask"], side, order) for row in read("train.csv")])


def dice(truth, predicted):
    both = (truth & predicted).sum((1, 2))
    return (2 * both / np.maximum(truth.sum((1, 2)) + predicted.sum((1, 2)), 1)).mean()


def write(masks, order):
    pairs = zip(read("test.csv"), masks, strict=True)
    lines = [f"{row['id']},{encode(mask, order)}" for row, mask in pairs]
    Path("submission.csv").write_text("\n".join(["id,mask", *lines, ""]))


def main():
    parser = argparse.ArgumentParser()
    for name, choices in (
        ("contrast", ("bright", "dark")),
        ("light", ("raw", "levelled")),
        ("outline", ("core", "body")),
        ("order", ("rows", "columns")),
    ):
        parser.add_argument(f"--{name}", choices=choices, default=choices[0])
    options = parser.parse_args()
    how = options.contrast, options.light, options.outline
    write(segment(images("test_images.npy"), *how), options.order)
    known = images("train_images.npy")
    found = dice(annotated(known.shape[1], options.order), segment(known, *how))
    print(f"validation: {found:.4f}")


if __name__ == "__main__":
    main()
