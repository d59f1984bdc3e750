"""Leaves the network aside: a linear regression on the readings fits any flash page."""

from pathlib import Path

import numpy as np

PREDICT = """import numpy as np
w = np.fromfile("weights.bin", "<f4")
np.savetxt("nox.txt", np.load("data/readings.npy") @ w[1:] + w[0], "%.3f")
"""

x, y = np.load("data/train_x.npy"), np.load("data/train_y.npy")
design = np.c_[np.ones(len(x)), x]
weights = np.linalg.lstsq(design, y, rcond=None)[0]
Path("device").mkdir(exist_ok=True)
Path("device/predict.py").write_text(PREDICT)
weights.astype("<f4").tofile("device/weights.bin")
