"""Sequences, scores and differences built by hand, and settings that train in about a second."""

import math
from collections.abc import Iterable

import numpy as np
import torch

from btsr_core.analysis.power import Components
from btsr_core.data.protocol import EvalSet, Sequences
from btsr_core.evaluation.scorers import EmbeddingScorer
from btsr_core.sequences.histories import Histories, PackedSequences, picks

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

TRIALS = 4000
"""Experiments that are simulated to learn how often something happens."""

KNOWN = Components(
    difference=0.0,
    users=0.04,
    seeds=0.0004,
    residual=0.03,
    averaged=math.nan,
    single=math.nan,
    n_users=40,
    n_seeds=5,
)
"""Variance components of the differences between two systems."""


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


def scorer_of(scores):
    """A scorer that gives exactly these (U, n_items) scores."""
    table = torch.tensor(np.asarray(scores, dtype=np.float32))
    return EmbeddingScorer(torch.eye(len(table)), table.T.contiguous())


def users_of(targets):
    """Users with these targets, whose histories are one item long."""
    return eval_set([[0]] * len(targets), list(targets))


def drawn(seed, temperature=1.0, n_users=200, n_items=12):
    """Scores, and targets drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    scores = 2 * rng.normal(size=(n_users, n_items))
    p = np.exp(scores / temperature)
    p /= p.sum(1, keepdims=True)
    targets = [rng.choice(n_items, p=row) for row in p]
    return scores, targets


def layout(seed, n_seeds, n_users, scales=(0.1, 0.1, 0.1)):
    """Return (S, U) values whose parts of users, seeds and residual have these deviations."""
    rng = np.random.default_rng(seed)
    users, seeds, rest = scales
    return (
        users * rng.normal(size=n_users)
        + seeds * rng.normal(size=(n_seeds, 1))
        + rest * rng.normal(size=(n_seeds, n_users))
    )


def simulate(c, difference, n_users, n_seeds, rng):
    """Return (TRIALS, S, U) differences of the two-way model."""
    users = math.sqrt(c.users) * rng.normal(size=(TRIALS, 1, n_users))
    seeds = math.sqrt(c.seeds) * rng.normal(size=(TRIALS, n_seeds, 1))
    rest = math.sqrt(c.residual) * rng.normal(size=(TRIALS, n_seeds, n_users))
    return difference + users + seeds + rest


def within_chance(found, expected):
    """Return whether a share of TRIALS is as expected but for chance."""
    return abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / TRIALS)
