"""The works' detectors: a statistic of a moving window, against what is normal.

    python data/detector.py --look level --speed same --past all

--look   level      how far the mean of a window lies from normal
         noise      how much the readings scatter in a window
         pace       how little they change from one reading to the next
         pairs      how little flow goes with current, and pressure with vibration
--speed  same       one normal for all set points
         each       a normal for each set point
--past   all        what is normal never changes
         recent     what is normal changes: compare with the days around

Writes submission.csv. The last line is the average precision on the surveyed part.
"""

import csv
import sys
from pathlib import Path

import numpy as np

SENSORS = ("flow", "current", "pressure", "vibration")
WINDOW, DAYS, STEP = 15, 161, 8
CHOICES = {
    "look": ("level", "noise", "pace", "pairs"),
    "speed": ("same", "each"),
    "past": ("all", "recent"),
}


def read(folder="data"):
    """The readings' numbers, the set points, the sensors and the oil; train and test in a row."""
    rows = []
    for name in ("train", "test"):
        with Path(folder, f"{name}.csv").open(encoding="utf-8") as file:
            names = next(reader := csv.reader(file))
            rows += [[float(x or "nan") for x in row] for row in reader]
    table = dict(zip(names, np.array(rows).T, strict=True))
    sensors = np.stack([filled(table[name]) for name in SENSORS], 1)
    return table["reading"].astype(int), table["setpoint"], sensors, table["oil_temp"]


def filled(x):
    """Lost readings take the last value that came through."""
    lost = np.isnan(x) | (x == -999)
    last = np.maximum.accumulate(np.where(lost, np.argmin(lost), np.arange(len(x))))
    return x[last]


def mean(x, window=WINDOW):
    return np.convolve(x, np.full(window, 1 / window), "same")


def recent(x):
    """The median of the days around each reading."""
    half = DAYS // 2
    padded = np.pad(x, half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, DAYS)[::STEP]
    return np.interp(np.arange(len(x)), np.arange(len(x))[::STEP], np.median(windows, 1))


def normal(x, setpoint, speed, past):
    """A series in deviations from what is normal for it."""
    groups = np.zeros(len(x)) if speed == "same" else setpoint
    out = np.empty(len(x))
    for group in np.unique(groups):
        rows = groups == group
        middle = np.median(x[rows])
        out[rows] = (x[rows] - middle) / (1.4826 * np.median(abs(x[rows] - middle)) + 1e-9)
    if past == "recent":
        out = out - recent(out)
    return out


def statistic(a, b, look):
    if look == "level":
        return abs(mean(a)) + abs(mean(b))
    if look == "noise":
        spread = mean(a * a) + mean(b * b) - mean(a) ** 2 - mean(b) ** 2
        return np.log(spread + 1e-9)
    step = [np.diff(x, prepend=x[0]) for x in (a, b)]
    if look == "pace":
        return -np.log(mean(step[0] ** 2) + mean(step[1] ** 2) + 1e-9)
    u, v = a - mean(a), b - mean(b)
    return -mean(u * v) / np.sqrt(mean(u * u) * mean(v * v) + 1e-9)


def detect(setpoint, sensors, oil, look, speed, past):
    """A score for each reading; the higher, the less normal."""
    z = np.stack([normal(x, setpoint, speed, past) for x in sensors.T], 1)
    score = sum(
        normal(statistic(z[:, i], z[:, i + 1], look), setpoint, speed, past) for i in (0, 2)
    )
    return score + 20 * (oil - np.median(oil) > 5)


def surveyed(numbers, folder="data"):
    """Which readings were surveyed, and which of all were found faulty."""
    survey = np.loadtxt(Path(folder, "survey.csv"), int, delimiter=",", skiprows=1)
    return np.isin(numbers, survey[:, 0]), np.isin(numbers, survey[survey[:, 1] == 1, 0])


def average_precision(truth, score):
    hits = truth[np.argsort(-score, kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def write(numbers, score, first):
    """The submission: the rank of each test reading's score, between 0 and 1."""
    numbers, score = numbers[first:], score[first:]
    rank = np.argsort(np.argsort(score)) / (len(score) - 1)
    lines = [f"{n},{r:.5f}" for n, r in zip(numbers, rank, strict=True)]
    text = "\n".join(["reading,fault", *lines, ""])
    Path("submission.csv").write_text(text, encoding="utf-8")


def main(arguments):
    asked = {k.lstrip("-"): v for k, v in zip(arguments[::2], arguments[1::2], strict=False)}
    if set(asked) != set(CHOICES) or any(asked[k] not in CHOICES[k] for k in asked):
        raise SystemExit(__doc__)
    numbers, setpoint, sensors, oil = read()
    looked, faulty = surveyed(numbers)
    score = detect(setpoint, sensors, oil, **asked)
    write(numbers, score, np.flatnonzero(looked)[-1] + 1)
    print(f"validation: {average_precision(faulty[looked], score[looked]):.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
