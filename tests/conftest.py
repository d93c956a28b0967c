"""A tiny dataset, quick to train on, and helpers that build sequences by hand."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import torch

from btsr_core.config import Experiment, experiment
from btsr_core.histories import Histories, PackedSequences, picks
from btsr_core.protocol import EvalSet, Sequences

torch.set_num_threads(1)  # more only get in each other's way on tensors this small

TINY = {
    "dim": 8,
    "n_blocks": 1,
    "max_len": 6,
    "batch_size": 16,
    "max_epochs": 4,
    "patience": 4,
    "k_core": 2,
    "cutoff_quantile": 0.8,
    "lr": 0.01,
}


def pack(lists: list[list[int]]) -> Sequences:
    """Return lists of item ids as `Sequences`."""
    lengths = np.array([len(items) for items in lists], dtype=np.int64)
    flat = np.array([item for items in lists for item in items], dtype=np.int64)
    return Sequences(flat, lengths.cumsum() - lengths, lengths)


def histories_of(lists: list[list[int]], n_items: int = 1000) -> Histories:
    """Return lists of item ids, sorted by length, as `Histories` in several groups."""
    assert lists == sorted(lists, key=len)
    store = PackedSequences.pack(pack(lists), n_items, torch.device("cpu"))
    return store.take(picks(torch.arange(len(lists)), store.lengths, len(lists))[0])


def lists_of(histories: Histories) -> list[list[int]]:
    """Return the item ids of each history."""
    parts = torch.split(histories.item_ids, histories.lengths.tolist())
    return [part.tolist() for part in parts]


def eval_set(lists: list[list[int]], targets: list[int]) -> EvalSet:
    """Return histories and targets as an `EvalSet`."""
    return EvalSet(pack(lists), np.array(targets, dtype=np.int64), np.arange(len(targets)))


def assert_uniform(counts: dict, kinds: Iterable) -> None:
    """Check that all kinds were drawn, each as often as the others but for chance."""
    kinds = list(kinds)
    n = sum(counts.values())
    assert set(counts) == set(kinds)
    deviation = math.sqrt(n / len(kinds) * (1 - 1 / len(kinds)))
    for kind, count in counts.items():
        assert abs(count - n / len(kinds)) < 5 * deviation, kind


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
