import math

import numpy as np
import oracles
import pytest
from handmade import pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.exposure import (
    exposure_counts,
    exposure_metrics,
    gini,
    novelty,
    owned_items,
    popularity_lift,
    tail_share,
    user_popularity_deviation,
)
from btsr_core.data.protocol import Sequences
from btsr_core.evaluation.metrics import CUTOFFS

NAMES = ("gini", "lift", "novelty", "tail", "upd")


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6))
def test_items_and_their_owners(lists):
    owners, items = owned_items(pack(lists))
    expected = [(user, item) for user, own in enumerate(lists) for item in own]
    assert list(zip(owners.tolist(), items.tolist(), strict=True)) == expected


def test_items_of_windows_with_gaps():
    windows = Sequences(np.arange(10, 20), np.array([6, 0, 3]), np.array([2, 0, 3])).drop_last(1)
    owners, items = owned_items(windows)
    assert owners.tolist() == [0, 2, 2]
    assert items.tolist() == [16, 13, 14]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(counts):
    slow = sum(abs(a - b) for a in counts for b in counts)
    expected = slow / (2 * len(counts) * sum(counts))
    assert gini(np.array(counts)) == pytest.approx(expected, abs=1e-12)


def test_gini_of_nothing():
    assert math.isnan(gini(np.zeros(3, int)))


def test_counts_by_hand():
    lists = np.array([[2, 0, 1], [2, 1, -1]])
    assert exposure_counts(lists, 1, 4).tolist() == [0, 0, 2, 0]
    assert exposure_counts(lists, 3, 4).tolist() == [1, 2, 2, 0]
    assert exposure_counts(lists, 9, 4).sum() == 5


@st.composite
def worlds(draw):
    """Lists, some with missing candidates, histories, users per item and buckets."""
    n_items, n_users = draw(st.integers(1, 60)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lists = np.array([rng.permutation(n_items)[:50] for _ in range(n_users)])
    for row in lists:
        row[rng.integers(1, len(row) + 1) :] = -1
    histories = [
        rng.integers(n_items, size=rng.integers(1, 9)).tolist() for _ in range(n_users)
    ]  # with repeats
    users_per_item = rng.integers(1, 20, size=n_items)
    return lists, histories, users_per_item, rng.integers(3, size=n_items)


@given(worlds())
def test_measures_are_the_definitions(world):
    lists, histories, users_per_item, buckets = world
    values = exposure_metrics(lists, pack(histories), users_per_item, buckets)
    assert list(values) == [f"{name}@{k}" for k in CUTOFFS for name in NAMES]
    said = [[item for item in row if item >= 0] for row in lists.tolist()]
    for k in CUTOFFS:
        slow = oracles.exposure(said, histories, users_per_item.tolist(), buckets.tolist(), k)
        for name, expected in slow.items():
            assert values[f"{name}@{k}"] == pytest.approx(expected, abs=1e-12), (name, k)


@given(worlds())
def test_measures_stay_in_their_ranges_whatever_the_order_of_users(world):
    lists, histories, users_per_item, buckets = world
    values = exposure_metrics(lists, pack(histories), users_per_item, buckets)
    for k in CUTOFFS:
        assert 0 <= values[f"gini@{k}"] < 1
        assert values[f"lift@{k}"] > -1
        assert values[f"novelty@{k}"] >= 0
        assert 0 <= values[f"tail@{k}"] <= 1
        assert 0 <= values[f"upd@{k}"] <= 1
    turned = exposure_metrics(lists[::-1], pack(histories[::-1]), users_per_item, buckets)
    assert turned == pytest.approx(values, abs=1e-12)


@given(worlds(), st.integers(1, 9))
def test_lift_has_no_unit(world, factor):
    lists, histories, popularity, _ = world
    one = popularity_lift(lists, pack(histories), popularity, 10)
    assert popularity_lift(lists, pack(histories), popularity * factor, 10) == pytest.approx(one)
    shares = popularity / popularity.sum()
    assert popularity_lift(lists, pack(histories), shares, 10) == pytest.approx(one, abs=1e-12)


@given(worlds())
def test_lists_that_are_the_histories_lift_nothing(world):
    _, histories, popularity, buckets = world
    lists = np.full((len(histories), 9), -1)
    for row, items in zip(lists, histories, strict=True):
        row[: len(items)] = items
    assert popularity_lift(lists, pack(histories), popularity, 9) == pytest.approx(0, abs=1e-12)
    assert user_popularity_deviation(lists, pack(histories), buckets, 9) == pytest.approx(
        0, abs=1e-12
    )


def test_by_hand():
    popularity, buckets = np.array([8, 4, 2, 1]), np.array([0, 0, 1, 2])
    lists, histories = np.array([[0, 3], [3, -1]]), pack([[1], [2, 2, 1, 1]])
    # GAP of the lists (4.5 + 1) / 2, of the histories (4 + 3) / 2
    assert popularity_lift(lists, histories, popularity, 2) == pytest.approx(5.5 / 7 - 1)
    counts = exposure_counts(lists, 2, 4)
    assert counts.tolist() == [1, 0, 0, 2]
    assert tail_share(counts, buckets) == pytest.approx(2 / 3)
    # shares with one user more each: 9/19 and 2/19
    expected = (math.log2(19 / 9) + 2 * math.log2(19 / 2)) / 3
    assert novelty(counts, popularity) == pytest.approx(expected)
    # first user: (1/2, 0, 1/2) against (1, 0, 0); second: nothing in common
    first = (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) / 2
    first += math.log2(1 / 0.75) / 2
    found = user_popularity_deviation(lists, histories, buckets, 2)
    assert found == pytest.approx((first + 1) / 2)


def test_an_item_without_users_is_novel_but_not_infinitely():
    rare = novelty(np.array([0, 5]), np.array([3, 0]))
    assert rare == pytest.approx(math.log2(5))
    assert rare > novelty(np.array([5, 0]), np.array([3, 0]))
    assert novelty(np.array([1, 1]), np.array([0, 0])) == 1  # nobody knows either


def test_users_without_list_or_history_are_left_out():
    popularity, buckets = np.array([8, 4, 1]), np.array([0, 1, 2])
    lists = np.array([[0, 1], [-1, -1], [2, 1]])
    histories = pack([[1, 1], [0], []])
    one = lists[:1], pack([[1, 1]])
    for measure, by in ((popularity_lift, popularity), (user_popularity_deviation, buckets)):
        assert measure(lists, histories, by, 2) == pytest.approx(measure(*one, by, 2))
        assert math.isnan(measure(lists[1:], pack([[0], []]), by, 2))


def test_histories_without_popularity_have_no_lift():
    assert math.isnan(popularity_lift(np.array([[0]]), pack([[1]]), np.array([3, 0]), 1))


def test_no_user_is_no_measurement():
    values = exposure_metrics(
        np.empty((0, 50), int), pack([]), np.array([3, 2, 1]), np.array([0, 1, 2])
    )
    assert list(values) == [f"{name}@{k}" for k in CUTOFFS for name in NAMES]
    assert all(math.isnan(value) for value in values.values())


def test_short_lists_say_nothing_beyond_their_length():
    world = np.array([[0, 1]]), pack([[2]]), np.array([3, 2, 1]), np.array([0, 1, 2])
    assert list(exposure_metrics(*world, cutoffs=(1, 2, 3))) == [
        f"{name}@{k}" for k in (1, 2) for name in NAMES
    ]
    whole = np.array([[0, 1, -1]]), *world[1:]  # all the others; the third has been seen
    assert "gini@50" in exposure_metrics(*whole)
