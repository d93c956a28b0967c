import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.evaluation.metrics import CUTOFFS, UNRANKED, as_json, per_user, summarise


@st.composite
def outcomes(draw):
    users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ranks = rng.integers(1, n_items + 1, size=users)
    ranks[rng.random(users) < 0.3] = UNRANKED
    lists = np.array([rng.permutation(n_items)[:50] for _ in range(users)])
    return ranks, lists, n_items


@given(outcomes())
def test_metrics_are_the_definitions(outcome):
    ranks, lists, n_items = outcome
    values = summarise(ranks, lists, n_items)
    said = [None if rank == UNRANKED else int(rank) for rank in ranks]
    for k in CUTOFFS:
        for name, expected in oracles.metrics(said, lists.tolist(), n_items, k).items():
            assert values[f"{name}@{k}"] == pytest.approx(expected), (name, k)


@given(outcomes())
def test_metrics_grow_with_k_and_stay_in_the_unit_interval(outcome):
    values = summarise(*outcome)
    for name in ("hr", "ndcg", "mrr", "cov"):
        series = [values[f"{name}@{k}"] for k in CUTOFFS]
        assert series == sorted(series)
        assert 0 <= series[0] <= series[-1] <= 1


def test_by_hand():
    ranks = np.array([1, 3, 11])
    lists = np.array([[0, 1, 2], [0, 2, 1], [3, 0, -1]])  # -1: no third candidate
    values = summarise(ranks, lists, n_items=8, cutoffs=(1, 3, 10))
    assert values["hr@1"] == pytest.approx(1 / 3)
    assert values["ndcg@10"] == pytest.approx((1 + 1 / 2) / 3)  # 1 / log2(4) = 1/2
    assert values["mrr@10"] == pytest.approx((1 + 1 / 3) / 3)
    assert values["cov@1"] == 2 / 8
    assert values["cov@3"] == 4 / 8
    assert per_user(ranks, "ndcg@3").tolist() == [1, 0.5, 0]


def test_no_user_is_no_measurement():
    values = summarise(np.empty(0, int), np.empty((0, 50), int), 60)
    assert all(math.isnan(value) for value in values.values())
    assert set(as_json(values).values()) == {None}
