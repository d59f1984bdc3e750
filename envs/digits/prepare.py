"""Turns each row of 64 counts into an 8x8 PNG file, named in the index by its path."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

SIDE = 8
INKED = 16
"""Pixels that one grey value counts."""


def prepare(raw: Path, public: Path, private: Path, rng: np.random.Generator) -> None:
    for part in ("train", "test"):
        file = public / f"{part}.csv"
        table = pd.read_csv(file)
        pixels = [name for name in table.columns if name.startswith("pixel_")]
        (public / part).mkdir()
        images = [f"{part}/{number}.png" for number in table["id"]]
        for image, counts in zip(images, table[pixels].to_numpy(), strict=True):
            grey = np.rint(counts * 255 / INKED).astype(np.uint8)
            (public / image).write_bytes(png(grey.reshape(SIDE, SIDE)))
        index = table.drop(columns=pixels)
        index.insert(1, "image", images)
        index.to_csv(file, index=False, lineterminator="\n")


def png(grey: np.ndarray) -> bytes:
    """An 8-bit greyscale PNG file: header, one block of unfiltered rows, end.

    Stored rather than deflated, so that every version of zlib writes the same bytes.
    """
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
