"""Draws pictures of data for the environments' pages, where rows of numbers say little.

python scripts/environment_pictures.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task

__all__ = ["FOLDER", "PICTURES", "picture_of"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "environments" / "images"
GREY, BLUE, RED, GOLD = "#52514e", "#2a78d6", "#c2403a", "#b98b00"
WIDTH = 8.0
"""Inches; a page shows 100 pixels for each."""


def microscopy(data: Path) -> Figure:
    """Pictures with the outlines of their cells."""
    pictures = np.load(data / "train_images.npy")
    table = pd.read_csv(data / "train.csv")
    figure = Figure(figsize=(WIDTH, 2.1))
    for number, axes in enumerate(figure.subplots(1, 6).flat):
        axes.imshow(pictures[number], cmap="gray", interpolation="nearest")
        mask = np.zeros(pictures[number].size)
        runs = [int(word) for word in str(table["mask"][number]).split()]
        for start, length in zip(runs[::2], runs[1::2], strict=True):
            mask[start - 1 : start - 1 + length] = 1
        # Masks are numbered from top to bottom, then from left to right.
        axes.contour(mask.reshape(pictures[number].shape, order="F"), [0.5], colors=GOLD)
        axes.set(xticks=[], yticks=[])
    return figure


def pump_drift(data: Path) -> Figure:
    """Three signals over the part that somebody went through by hand."""
    table = pd.read_csv(data / "train.csv").replace(-999, np.nan)
    survey = pd.read_csv(data / "survey.csv")
    shown = table.merge(survey, on="reading").iloc[:3000]
    figure = Figure(figsize=(WIDTH, 4.2))
    names = ("flow", "vibration", "oil_temp")
    for axes, name in zip(figure.subplots(len(names), 1, sharex=True), names, strict=True):
        axes.plot(shown["reading"], shown[name], color=BLUE, linewidth=0.5)
        low, high = np.nanpercentile(shown[name], [0.2, 99.8])
        axes.set(ylabel=name, ylim=(low, high))
        faults = shown["fault"].to_numpy() > 0
        axes.fill_between(shown["reading"], low, high, where=faults, color=RED, alpha=0.25, lw=0)
    axes.set(xlabel="reading, one in ten minutes")
    return figure


def demand(data: Path) -> Figure:
    """The days of two products: sales, promotions, and when the shelf was empty."""
    table = pd.read_csv(data / "train.csv", parse_dates=["date"])
    figure = Figure(figsize=(WIDTH, 3.4))
    most = table.groupby("product")["sales"].sum().sort_values(ascending=False).index[:2]
    for axes, product in zip(figure.subplots(2, 1, sharex=True), most, strict=True):
        days = table[table["product"] == product]
        empty = days[days["sold_out"] > 0]
        cheap = days[days["discount"] > 0]
        axes.plot(days["date"], days["sales"], color=BLUE, linewidth=1)
        axes.scatter(cheap["date"], cheap["sales"], color=GOLD, s=12, zorder=3, label="discount")
        axes.scatter(empty["date"], empty["sales"], color=RED, s=12, zorder=4, label="sold out")
        axes.set(ylabel=str(product))
    axes.legend(loc="upper left", ncols=2, fontsize=8, frameon=False)
    return figure


def few_label_tuning(data: Path) -> Figure:
    """A few spectra of each kind."""
    spectra, table = np.load(data / "spectra.npy"), pd.read_csv(data / "train.csv")
    figure = Figure(figsize=(WIDTH, 3.0))
    axes = figure.subplots()
    kinds = sorted(table["kind"].unique())
    for kind, colour in zip(kinds, (BLUE, RED, GOLD, GREY) * len(kinds), strict=False):
        for number, row in enumerate(table[table["kind"] == kind]["row"][:4]):
            label = kind if number == 0 else None
            axes.plot(spectra[row], color=colour, linewidth=0.9, alpha=0.8, label=label)
    axes.set(xlabel="channel", ylabel="counts")
    axes.legend(fontsize=8, frameon=False, ncols=4)
    return figure


PICTURES: dict[str, tuple[Callable[[Path], Figure], str]] = {
    "demand": (
        demand,
        "Sales of two products by day: discounts, and when they sold out",
    ),
    "few-label-tuning": (few_label_tuning, "Spectra with labels, four of each kind in one colour"),
    "microscopy": (
        microscopy,
        "Six training pictures, and the outlines of their masks",
    ),
    "pump-drift": (pump_drift, "Three signals over the surveyed readings, where faults are shaded"),
}
"""What draws the public folder of an environment, and what it shows."""


def picture_of(task: str) -> str:
    """The Markdown that shows an environment's picture on its page; empty if it has none."""
    return f"![{PICTURES[task][1]}](images/{task}.png)" if task in PICTURES else ""


def main() -> None:
    """Draw all of them from variant 0, the canonical one."""
    FOLDER.mkdir(exist_ok=True)
    for task, (draw, _) in PICTURES.items():
        figure = draw(prepare(load_task(task)).public)
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout(pad=0.6)
        FigureCanvasAgg(figure)
        figure.savefig(FOLDER / f"{task}.png", dpi=100)
        print(FOLDER / f"{task}.png")


if __name__ == "__main__":
    main()
