import math

import numpy as np
import oracles
import pytest
from handmade import layout
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.intervals import bootstrap_mean
from btsr_core.analysis.significance import by_user, holm, paired_seeds, paired_t, paired_users

P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12)


def test_paired_t_by_hand():
    # Differences of 1, 2, 3: mean 2, standard error 1 / sqrt(3), and t with 2 degrees of freedom
    # has the distribution function 1/2 + t / (2 sqrt(2 + t^2)).
    a = np.array([[1.0, 3.0], [3.0, 5.0], [5.0, 7.0]])
    b = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = paired_t(a, b)
    t = 2 * math.sqrt(3)
    assert found.difference == pytest.approx(2)
    assert found.df == 2
    assert found.p == pytest.approx(1 - t / math.sqrt(2 + t * t))
    half = 4.302653 / math.sqrt(3)  # the table's 97.5 % point for 2 degrees of freedom
    assert found.interval.low == pytest.approx(2 - half)
    assert found.interval.high == pytest.approx(2 + half)
    assert not found.reason


def test_paired_t_is_that_of_the_means_over_users():
    a, b = layout(0, 5, 30), layout(1, 5, 30)
    assert paired_t(a, b) == paired_seeds(a.mean(axis=1), b.mean(axis=1))


def test_paired_users_averages_seeds():
    a, b = layout(0, 3, 40), layout(1, 3, 40)
    found = paired_users(a, b)
    d = (a - b).mean(axis=0)
    as_seeds = paired_seeds(a.mean(axis=0), b.mean(axis=0))  # the same test of other pairs
    assert found.p == as_seeds.p
    assert found.df == 39
    by_hand = bootstrap_mean(d)
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(by_hand.low),
        pytest.approx(by_hand.high),
    )
    assert found.interval.low == pytest.approx(as_seeds.interval.low, abs=0.01)


def test_one_seed_cannot_be_tested_over_seeds_but_over_users():
    a, b = layout(0, 1, 40), layout(1, 1, 40)
    found = paired_t(a, b)
    assert found.difference == pytest.approx((a - b).mean())
    assert math.isnan(found.p)
    assert math.isnan(found.interval.low)
    assert found.df == 0
    assert found.reason == "one seed has no spread to test against"
    assert paired_users(a, b).p < 1


def test_what_cannot_be_told_is_no_test_and_says_why():
    values = layout(0, 4, 9)
    nothing, nobody = np.empty((0, 9)), np.empty((4, 0))
    unknown = np.where(values == values[0, 0], np.nan, values)
    zero = np.zeros((4, 9))
    for test, a, b, reason in (
        (paired_t, values, values, "do not differ for every seed"),
        (paired_t, values + 0.25, values, "differ by the same amount for every seed"),
        (paired_t, nothing, nothing, "there is no seed"),
        (paired_t, nobody, nobody, "there is no user"),
        (paired_t, unknown, zero, "not known for every seed"),
        (paired_users, values, values, "do not differ for every user"),
        (paired_users, values + 0.25, values, "differ by the same amount for every user"),
        (paired_users, values[:, :1], zero[:, :1], "one user has no spread"),
        (paired_users, nothing, nothing, "there is no seed"),
        (paired_users, nobody, nobody, "there is no user"),
        (paired_users, unknown, zero, "not known for every user"),
    ):
        found = test(a, b)
        assert reason in found.reason
        assert math.isnan(found.p)
        assert math.isnan(found.interval.low)
        assert math.isnan(found.interval.high)
        assert not found.interval.excludes_zero


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 9))
def test_tests_turn_with_the_systems(seed, n_seeds, n_users):
    a, b = layout(seed, n_seeds, n_users), layout(seed + 1, n_seeds, n_users)
    found, turned = paired_t(a, b), paired_t(b, a)
    assert 0 <= found.p <= 1
    assert found.p == pytest.approx(turned.p)
    assert found.difference == pytest.approx(-turned.difference)
    assert found.interval.excludes_zero == (found.p < 0.05)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"must both be \(S, U\)"):
        paired_t(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"must both be \(S,\)"):
        paired_seeds(np.zeros((2, 3)), np.zeros((2, 3)))


def test_holm_by_hand():
    found = holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02])
    table = holm([[0.01, math.nan], [0.03, 0.9]])
    np.testing.assert_allclose(table, [[0.03, math.nan], [0.06, 0.9]])
    assert holm([]).shape == (0,)


@given(P_VALUES)
def test_holm_is_the_textbooks_loop(p_values):
    np.testing.assert_allclose(holm(p_values), oracles.holm(p_values), rtol=1e-12)


@given(P_VALUES)
def test_holm_keeps_the_order_and_never_lowers(p_values):
    p, found = np.array(p_values), holm(p_values)
    np.testing.assert_array_equal(np.isnan(p), np.isnan(found))
    known = ~np.isnan(p)
    assert (found[known] >= p[known]).all()
    assert (found[known] <= 1).all()
    assert (np.diff(found[known][np.argsort(p[known])]) >= 0).all()
    few = holm(p[known])
    np.testing.assert_array_equal(few, found[known])


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.1])


def test_one_event_a_user_is_its_own_value():
    values = layout(0, 3, 6)
    np.testing.assert_allclose(by_user(values, np.arange(6)), values)
    assert by_user(np.empty((3, 0)), np.array([])).shape == (3, 0)


@given(st.integers(0, 10**6), st.lists(st.sampled_from("abcd"), min_size=1, max_size=15))
def test_values_by_user_keep_the_mean_over_events(seed, users):
    values = layout(seed, 2, len(users))
    found = by_user(values, np.array(users))
    assert found.shape == (2, len(set(users)))
    np.testing.assert_allclose(found.mean(axis=1), values.mean(axis=1), atol=1e-12)


def test_values_by_user_vary_as_the_mean_over_drawn_users_events_does():
    rng = np.random.default_rng(0)
    events = rng.integers(1, 6, size=200)
    users = np.repeat(np.arange(200), events)
    values = np.repeat(rng.normal(size=200), events) + 0.1 * rng.normal(size=len(users))
    found = bootstrap_mean(by_user(values[None], users)[0])
    slow = []
    for _ in range(1000):
        drawn = rng.integers(200, size=200)
        slow.append(np.mean([value for user in drawn for value in values[users == user]]))
    spread = np.std(slow)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)
    naive = bootstrap_mean(values)  # as if every event were a user
    assert naive.high - naive.low < 0.75 * (found.high - found.low)
