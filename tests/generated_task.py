"""The code of a small generated task whose files are laid out by its generator."""

from __future__ import annotations

from typing import Any

GENERATED: dict[str, Any] = {"data": {"loader": "generate", "ref": None, "test_size": None, "stratify": None}}

PLAIN = """
import numpy as np
import pandas as pd
from mle_gym.datasets.toolkit import Instance

ROWS = {"micro": 20, "small": 100, "full": 500}
