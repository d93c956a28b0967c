import math

import numpy as np
import oracles
import pytest
from handmade import eval_set, pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.buckets import bucket_metrics, distinct_users, popularity_buckets
from btsr_core.data.protocol import Sequences, Split
from btsr_core.errors import InputError
from btsr_core.evaluation.baselines import item_counts
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER, UNRANKED, summarise
from btsr_core.experiment import prepare


def split_of(sequences, n_items):
    return Split(sequences, np.arange(len(sequences)), np.arange(n_items), 0, {}, eval_set([], []))


def test_users_are_counted_once_an_item():
    split = split_of(pack([[0, 1, 0, 0], [1], [3, 1]]), 5)
    assert distinct_users(split).tolist() == [1, 3, 0, 1, 0]
    assert item_counts(split).tolist() == [3, 3, 0, 1, 0]


def test_users_of_windows_with_gaps():
    windows = Sequences(np.array([0, 1, 2, 2, 1]), np.array([3, 0]), np.array([2, 2]))
    assert distinct_users(split_of(windows, 3)).tolist() == [1, 2, 1]


def test_users_of_a_real_split(tiny):
    split = prepare(tiny.data).split
    users = [set(items) for items in split.train.to_lists()]
    expected = [sum(item in items for items in users) for item in range(split.n_items)]
    assert distinct_users(split).tolist() == expected


@st.composite
def catalogues(draw, least=0):
    items = st.tuples(st.integers(0, 9), st.integers(least, 12))
    return np.array(draw(st.lists(items, min_size=1, max_size=20))).T


@given(catalogues(least=1), st.integers(1, 5))
def test_buckets_are_the_nearest_cuts(catalogue, n_buckets):
    n_buckets = min(n_buckets, catalogue.shape[1])
    expected = oracles.popularity_buckets(*catalogue.tolist(), n_buckets)
    assert popularity_buckets(*catalogue, n_buckets).tolist() == expected


@given(catalogues(), st.integers(1, 5))
def test_buckets_are_filled_from_head_to_tail(catalogue, n_buckets):
    users, interactions = catalogue
    found = popularity_buckets(users, interactions, n_buckets)
    assert set(found) == set(range(min(n_buckets, len(users))))
    order = sorted(range(len(users)), key=lambda item: (-users[item], item))
    assert (np.diff(found[order]) >= 0).all()


@given(st.lists(st.integers(1, 20), min_size=3, max_size=60))
def test_shares_are_a_third_but_for_items_at_the_cuts(users):
    counts = np.array(users)
    sums = np.bincount(popularity_buckets(counts, counts), weights=counts)
    assert (abs(sums - counts.sum() / 3) <= counts.max()).all()


@pytest.mark.parametrize(
    ("interactions", "expected"),
    [
        ([2, 2, 2, 2, 2, 2], [0, 0, 1, 1, 2, 2]),
        ([9, 1, 1, 1, 1], [0, 1, 1, 2, 2]),  # more than a third by itself
        ([1, 1, 1, 1, 96], [0, 0, 0, 1, 2]),  # whose place is the end
        ([2, 4, 3], [0, 1, 2]),  # each at least one
        ([1, 2, 1, 2], [0, 0, 1, 2]),  # the cut at 1 and that at 3 are as near to 2
        ([5, 4], [0, 1]),  # fewer items than buckets
        ([7], [0]),
        ([0, 0, 0, 0], [0, 1, 2, 2]),
    ],
)
def test_buckets_by_hand(interactions, expected):
    users = np.arange(len(interactions), 0, -1)
    assert popularity_buckets(users, np.array(interactions)).tolist() == expected


def test_equal_users_are_cut_by_id():
    assert popularity_buckets(np.full(6, 4), np.full(6, 5)).tolist() == [0, 0, 1, 1, 2, 2]
    assert popularity_buckets(np.array([1, 9, 5]), np.ones(3, int)).tolist() == [2, 0, 1]


def test_buckets_that_cannot_be():
    with pytest.raises(InputError, match="n_buckets must be at least 1; got 0"):
        popularity_buckets(np.ones(3, int), np.ones(3, int), 0)
    with pytest.raises(InputError, match="the same items; got 3 and 4"):
        popularity_buckets(np.ones(3, int), np.ones(4, int))


@st.composite
def outcomes(draw):
    users, n_items = draw(st.integers(1, 8)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ranks = rng.integers(1, n_items + 1, size=users)
    ranks[rng.random(users) < 0.3] = UNRANKED
    lists = np.array([rng.permutation(n_items)[:50] for _ in range(users)])
    popularity = rng.integers(1, 30, n_items)
    buckets = popularity_buckets(popularity, popularity)
    return ranks, lists, rng.integers(n_items, size=users), buckets


@given(outcomes())
def test_metrics_of_a_bucket_are_those_of_its_users_and_items(outcome):
    ranks, lists, targets, buckets = outcome
    found = bucket_metrics(*outcome)
    assert len(found) == buckets.max() + 1
    for bucket, values in enumerate(found):
        said = [
            None if rank == UNRANKED else int(rank)
            for rank, target in zip(ranks, targets, strict=True)
            if buckets[target] == bucket
        ]
        items = {item for item in range(len(buckets)) if buckets[item] == bucket}
        assert values["targets"] == len(said)
        for k in CUTOFFS:
            shown = {item for row in lists.tolist() for item in row[:k]}
            assert values[f"cov@{k}"] == pytest.approx(len(shown & items) / len(items))
            if said:
                expected = oracles.metrics(said, [], 1, k)
                for name in PER_USER:
                    assert values[f"{name}@{k}"] == pytest.approx(expected[name])
            else:
                assert all(math.isnan(values[f"{name}@{k}"]) for name in PER_USER)


@given(outcomes())
def test_buckets_weighted_make_the_whole(outcome):
    ranks, lists, targets, buckets = outcome
    found, n_items = bucket_metrics(*outcome), len(buckets)
    whole = summarise(ranks, lists, n_items)
    sizes = np.bincount(buckets)
    for k in CUTOFFS:
        for name in PER_USER:
            parts = [b["targets"] * b[f"{name}@{k}"] for b in found if b["targets"]]
            assert sum(parts) / len(targets) == pytest.approx(whole[f"{name}@{k}"])
        parts = [n * b[f"cov@{k}"] for n, b in zip(sizes, found, strict=True)]
        assert sum(parts) / n_items == pytest.approx(whole[f"cov@{k}"])


def test_bucket_metrics_by_hand():
    buckets = np.array([0, 1, 1, 2])
    lists = np.array([[0, 1, 3], [1, 0, -1]])  # -1 is no item: not the last one either
    found = bucket_metrics(np.array([2, UNRANKED]), lists, np.array([1, 2]), buckets, (1, 2, 50))
    assert math.isnan(found[0]["hr@1"])
    assert found[0]["targets"] == 0
    assert found[0]["cov@1"] == 1
    assert (found[1]["targets"], found[1]["hr@1"], found[1]["hr@2"]) == (2, 0, 0.5)
    assert found[1]["mrr@2"] == 0.25
    assert found[1]["cov@2"] == 0.5
    assert found[2]["cov@2"] == 0
    assert "cov@50" not in found[2]  # four items, lists of three
    assert found[1]["hr@50"] == 0.5


def test_bucket_without_items_and_test_without_users():
    hole = bucket_metrics(np.array([1]), np.array([[0]]), np.array([0]), np.array([0, 2]), (1,))
    assert math.isnan(hole[1]["cov@1"])
    none = np.empty(0, int)
    for values in bucket_metrics(none, np.empty((0, 5), int), none, np.array([0, 1, 2])):
        assert values.pop("targets") == 0
        assert len(values) == 4 * len(CUTOFFS)
        assert all(math.isnan(value) for value in values.values())
