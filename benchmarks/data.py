"""The same sequences for everybody: a small file that needs nothing but NumPy to read.

It holds what a split of ours holds: training sequences, and the histories and targets of its test
users. Item ids are 0..n_items-1. `synthetic` makes up another of any size.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

LENGTH_QUANTILES = (
    (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0),
    (5, 5, 6, 9, 13, 17, 34, 73, 117),
)
"""Shares of users, and the lengths of their training sequences in beauty-5core."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Sequences to train on and users to rank for.

    Attributes
    ----------
    item_ids, starts, lengths
        Training sequences: windows of a flat array, oldest item first, two items at least.
    test_item_ids, test_starts, test_lengths
        Histories of the test users, likewise.
    test_targets
        Next item of each of them.
    n_items
        Size of the catalogue, a 0-dimensional array.
    """

    item_ids: IntArray
    starts: IntArray
    lengths: IntArray
    test_item_ids: IntArray
    test_starts: IntArray
    test_lengths: IntArray
    test_targets: IntArray
    n_items: IntArray

    def sequences(self) -> list[IntArray]:
        """Return the training sequences one by one."""
        return _cut(self.item_ids, self.starts, self.lengths)

    def histories(self) -> list[IntArray]:
        """Return the histories of the test users one by one."""
        return _cut(self.test_item_ids, self.test_starts, self.test_lengths)

    def head(self, users: int) -> "Benchmark":
        """Return a part with the first training sequences only, to warm up with."""
        first = {"starts": self.starts[:users], "lengths": self.lengths[:users]}
        return Benchmark(**{**self.__dict__, **first})

    def n_targets(self, max_len: int) -> int:
        """Return the number of targets of an epoch: positions with an input and a next item."""
        return int(np.minimum(self.lengths - 1, max_len).sum())


def _cut(flat: IntArray, starts: IntArray, lengths: IntArray) -> list[IntArray]:
    return [flat[a : a + n] for a, n in zip(starts, lengths, strict=True)]


def save(benchmark: Benchmark, path: Path) -> None:
    """Write a benchmark's data; the folder must exist."""
    np.savez(path, **asdict(benchmark))


def load(path: Path | None) -> Benchmark:
    """Read what `save` wrote."""
    if path is None:
        raise ValueError("this measurement needs data")
    with np.load(path) as arrays:
        return Benchmark(**{name: arrays[name] for name in arrays.files})


def synthetic(
    n_items: int, train_lengths: IntArray, test_lengths: IntArray, seed: int = 0
) -> Benchmark:
    """Make up sequences of given lengths, of items drawn uniformly."""
    rng = np.random.default_rng(seed)
    return Benchmark(
        item_ids=rng.integers(n_items, size=int(train_lengths.sum())),
        starts=train_lengths.cumsum() - train_lengths,
        lengths=train_lengths,
        test_item_ids=rng.integers(n_items, size=int(test_lengths.sum())),
        test_starts=test_lengths.cumsum() - test_lengths,
        test_lengths=test_lengths,
        test_targets=rng.integers(n_items, size=len(test_lengths)),
        n_items=np.array(n_items),
    )


def usual_lengths(users: int, seed: int = 0) -> IntArray:
    """Draw lengths of sequences as those of beauty-5core are distributed."""
    shares, lengths = LENGTH_QUANTILES
    drawn = np.random.default_rng(seed).random(users)
    return np.floor(np.interp(drawn, shares, lengths)).astype(np.int64)
