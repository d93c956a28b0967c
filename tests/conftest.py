"""A tiny dataset, quick to train on, for every test."""

import numpy as np
import pandas as pd
import pytest
import torch
from handmade import TINY

from btsr_core.config import Experiment, experiment

torch.set_num_threads(1)  # more only get in each other's way on tensors this small


@pytest.fixture(scope="session")
def tiny_csv(tmp_path_factory):
    """A CSV file of 120 users who walk through 25 items in loose order."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(120):
        start, length = rng.integers(25), rng.integers(3, 12)
        items = (start + np.arange(length) + rng.integers(0, 2, length)) % 25
        times = rng.integers(0, 1000) + np.sort(rng.integers(0, 100, length))
        rows += [(f"u{user}", f"i{item}", time) for item, time in zip(items, times, strict=True)]
    path = tmp_path_factory.mktemp("data") / "walks.csv"
    pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def tiny(tiny_csv) -> Experiment:
    """An experiment that trains in about a second."""
    return experiment(source=str(tiny_csv), **TINY)
