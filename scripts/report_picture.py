"""Draw docs/images/report.png: the report of a real evaluation, as a browser shows it.

python -m scripts.report_picture [--run FOLDER]

It plays scripts/report_demo.toml (a few minutes), or takes an evaluation of it that there is, and
needs a Chromium (apt-get install chromium-headless-shell).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from mle_gym.evaluation import evaluate
from mle_gym.evaluation.plan import read_plan
from mle_gym.report import write_report
from mle_gym.report.sources import open_source
from tests.report.browser import Browser, find_chromium

CHECKOUT = Path(__file__).resolve().parent.parent
PICTURE = CHECKOUT / "docs" / "images" / "report.png"
EPISODE = "#episode=titanic-v0/improver/variant0-seed0"
LEFT, RIGHT, HEIGHT, GAP, BAR = 1180, 960, 1400, 20, 50
ENDING = 582
"""The height of an episode's end and time line, above which its steps are left out."""
MOST_BYTES = 300_000


def take(browser: Browser, address: str, size: tuple[int, int], *, dark: bool) -> Image.Image:
    """One view of a report."""
    browser.window(*size, dark=dark)
    browser.call("Page.navigate", url="about:blank")
    browser.open(address)
    browser.wait("document.querySelector('.chart svg')")
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        browser.picture(Path(file.name))
        return Image.open(file.name).convert("RGB")


def draw(report: Path) -> None:
    """The overview on the left; on the right how an episode ended, and some of its steps."""
    program = find_chromium()
    if program is None:
        sys.exit("no Chromium here: apt-get install chromium-headless-shell")
    picture = Image.new("RGB", (LEFT + GAP + RIGHT, HEIGHT), "#8a94a0")
    url = report.resolve().as_uri()
    with Browser(program) as browser:
        picture.paste(take(browser, url, (LEFT, HEIGHT), dark=False), (0, 0))
        ending = take(browser, f"{url}{EPISODE}", (RIGHT, ENDING), dark=True)
        size = RIGHT, HEIGHT - ENDING + BAR
        steps = take(browser, f"{url}{EPISODE}&step=4", size, dark=True)
    picture.paste(ending, (LEFT + GAP, 0))
    picture.paste(steps.crop((0, BAR, RIGHT, steps.height)), (LEFT + GAP, ENDING))
    PICTURE.parent.mkdir(exist_ok=True)
    # This method keeps rare colours, such as those of the agents, among 256.
    picture.quantize(256, Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)
    weight = PICTURE.stat().st_size
    print(f"{PICTURE}: {weight:,} bytes")
    if weight > MOST_BYTES:
        sys.exit(f"larger than {MOST_BYTES:,} bytes")


def main() -> None:
    """Play, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="an evaluation of scripts/report_demo.toml")
    run = parser.parse_args().run
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if run is None:
            run = folder / "demo"
            evaluate(read_plan(CHECKOUT / "scripts" / "report_demo.toml"), run)
        report = write_report(open_source(run), folder / "report.html")
        draw(report.path)


if __name__ == "__main__":
    main()
