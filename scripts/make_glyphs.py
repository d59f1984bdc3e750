"""Draw the characters of `mle_gym/episode/rendering.py` into `mle_gym/episode/glyphs.npz`.

Run by hand when characters are missing: `python scripts/make_glyphs.py` (needs pillow and
matplotlib, which carries the font). The pictures are part of the package so that rendering needs
neither. DejaVu Sans Mono is free to embed; its licence is in `mle_gym/episode/glyphs.LICENSE`.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH, SIZE = 20, 10, 16
LEVELS = 16  # grey levels: enough for smooth edges, and the file stays small
CHARACTERS = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),  # Latin
    *range(0x370, 0x460),  # Greek, Cyrillic
    *range(0x2010, 0x2028),
    *range(0x2030, 0x2040),  # dashes, quotes, dots
    *range(0x2190, 0x2200),  # arrows
    *range(0x2200, 0x2270),  # mathematics
    *range(0x2400, 0x2422),  # control pictures
    *range(0x2500, 0x2600),  # boxes, bars, shapes
    0x2713,
    0x2717,
    0xFFFD,
]


def main() -> None:
    """Draw every character the font has and store them, sorted by code point."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / "DejaVuSansMono.ttf"), SIZE)
    missing = draw(0x10FFFE, font)
    glyphs = {code: draw(code, font) for code in sorted(CHARACTERS)}
    kept = {c: g for c, g in glyphs.items() if c == 0xFFFD or not np.array_equal(g, missing)}
    package = Path(__file__).resolve().parent.parent / "mle_gym" / "episode"
    np.savez_compressed(
        package / "glyphs.npz",
        codes=np.array(list(kept), dtype=np.uint32),
        alpha=np.stack(list(kept.values())),
    )
    licence = (fonts / "LICENSE_DEJAVU").read_text("utf-8")
    (package / "glyphs.LICENSE").write_text(licence, "utf-8")
    print(f"{len(kept)} characters, {(package / 'glyphs.npz').stat().st_size} bytes")


def draw(code: int, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """One character as grey levels, (HEIGHT, WIDTH)."""
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).text((0, 1), chr(code), fill=255, font=font)
    step = 255 // (LEVELS - 1)
    return (np.asarray(image) // step * step).astype(np.uint8)


if __name__ == "__main__":
    main()
