"""Whose lists stand at which alpha: of a model for each, or of one that serves them all."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from btsr_core.analysis.intervals import FloatArray
from btsr_core.evaluation.metrics import IntArray
from btsr_core.explorer.curves import Cell, Numbers, Sweep
from btsr_core.study.measure import WIDEST
from btsr_core.study.records import ALL_ITEMS


class DialRecord(Protocol):
    """What is recorded of one model that serves every alpha."""

    @property
    def alphas(self) -> FloatArray:
        """(A,) where it was measured, ascending."""

    @property
    def lists(self) -> IntArray:
        """(A, n, k) best items of the first test users of the widest reading."""

    @property
    def ranks(self) -> IntArray:
        """(A, n) ranks of their targets."""

    @property
    def config(self) -> Any:
        """Of its training: `seed`."""

    def values(self, metric: str, reading: str, bucket: int = ALL_ITEMS) -> FloatArray:
        """Return (A,) values of a metric."""


MOST_POSITIONS = 26
"""Of the slider on a page without a kernel, which carries the numbers of all of them."""


class Shown(NamedTuple):
    """Whose lists are recorded at one alpha: (n, k) items, -1 for none, and (n,) targets' ranks."""

    lists: IntArray
    ranks: IntArray


Lists = Mapping[float, Shown]


def trained_lists(sweep: Sweep) -> tuple[int | None, dict[float, Shown]]:
    """Return the lists of the least seed that every alpha has; None and nothing without one."""
    by_seed = [{one.experiment.train.seed: one for one in own} for own in sweep.values()]
    shared = sorted(set.intersection(*map(set, by_seed)))
    if not shared:
        return None, {}
    records = [own[shared[0]] for own in by_seed]
    return shared[0], {
        alpha: Shown(one.lists, one.ranks.get(WIDEST, np.empty(0, np.int64))[: len(one.lists)])
        for alpha, one in zip(sweep, records, strict=True)
    }


def positions_of(dial: Sequence[DialRecord], trained: Collection[float], most: int) -> list[float]:
    """Return where a dial's slider stops.

    Parameters
    ----------
    dial
        Records, one a seed.
    trained
        Alphas with a model of their own; those that the dial has are kept.
    most
        About how many of the others are kept, evenly, with both ends.
    """
    alphas = [round(float(alpha), 9) for alpha in dial[0].alphas]
    step = max(1, -(-(len(alphas) - 1) // (most - 1)))
    kept = {*range(0, len(alphas), step), len(alphas) - 1}
    return [alpha for place, alpha in enumerate(alphas) if place in kept or alpha in trained]


def dial_numbers(
    dial: Sequence[DialRecord], cells: Sequence[Cell], reading: str, positions: Sequence[float]
) -> Numbers:
    """Return what was recorded of a dial, a record a seed, at some of its alphas."""
    by_seed = {}
    for one in dial:
        rows = np.stack([one.values(name, reading, bucket) for name, bucket in cells], axis=1)
        known = {round(float(alpha), 9): row for alpha, row in zip(one.alphas, rows, strict=True)}
        by_seed[one.config.seed] = known
    return {
        alpha: {seed: known[alpha] for seed, known in by_seed.items() if alpha in known}
        for alpha in positions
    }


def dial_lists(record: DialRecord) -> Lists:
    """Return the lists of one dial by alpha."""
    return {
        round(float(alpha), 9): Shown(lists, ranks)
        for alpha, lists, ranks in zip(record.alphas, record.lists, record.ranks, strict=True)
    }
