import math

import numpy as np
import oracles
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.analysis.intervals import bootstrap_mean
from btsr_core.analysis.significance import by_user
from btsr_core.analysis.who_gains import COLUMNS, gains_by, shares


def test_groups_by_hand():
    lengths = [2, 2, 2, 3, 4, 5, 9, 9]
    d = np.array([0.1, -0.1, 0.0, 0.2, 0.0, 0.0, -0.3, -0.5])
    found = gains_by(d, lengths, n_groups=2)
    assert found["from"].tolist() == [2, 4]
    assert found["to"].tolist() == [3, 9]
    assert found["n"].tolist() == [4, 4]
    assert found["difference"].tolist() == pytest.approx([0.05, -0.2])
    assert found["gain"].tolist() == [0.5, 0.0]
    assert found["lose"].tolist() == [0.25, 0.5]
    assert found["same"].tolist() == [0.25, 0.5]
    expected = bootstrap_mean(d[:4])
    assert (found["low"][0], found["high"][0]) == (expected.low, expected.high)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 6))
def test_groups_part_users_by_value_and_lose_none(feature, n_groups):
    values = np.array(feature)
    found = gains_by(np.linspace(-1, 1, len(values)), values, n_groups)
    assert 1 <= len(found) <= n_groups
    assert found["n"].sum() == len(values)
    np.testing.assert_allclose(found[["gain", "lose", "same"]].sum(axis=1), 1)
    assert (found["from"].to_numpy()[1:] > found["to"].to_numpy()[:-1]).all()
    for row in found.itertuples():
        assert ((values >= row[1]) & (values <= row.to)).sum() == row.n


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.integers(1, 6))
def test_groups_lie_between_quantiles(feature, n_groups):
    expected = oracles.quantile_groups(feature, n_groups)
    found = gains_by(np.zeros(len(feature)), feature, n_groups)
    assert found["n"].tolist() == [expected.count(group) for group in sorted(set(expected))]


@given(st.integers(1, 40), st.integers(1, 6))
def test_groups_of_different_values_are_equally_large(n, n_groups):
    sizes = gains_by(np.zeros(n), np.arange(n)[::-1], n_groups)["n"]
    assert len(sizes) == min(n, n_groups)
    assert sizes.max() - sizes.min() <= 1


def test_a_feature_of_few_values_is_a_grouping_already():
    buckets = [1] * 18 + [2, 3]  # quantiles would put 2 and 3 into one group
    found = gains_by(np.zeros(20), buckets, n_groups=4)
    assert found["from"].tolist() == found["to"].tolist() == [1, 2, 3]
    assert found["n"].tolist() == [18, 1, 1]


def test_a_least_value_of_many_users_is_a_group():
    found = gains_by(np.zeros(9), [0, 0, 0, 0, 0, 1, 2, 3, 4], n_groups=2)
    assert found["to"].tolist() == [0, 4]
    assert found["n"].tolist() == [5, 4]


def test_days_may_be_dates():
    days = pd.Series(pd.date_range("2020-01-01", periods=6))
    found = gains_by(np.arange(6.0), days, n_groups=3)
    assert found["from"].tolist() == days[::2].tolist()
    assert found["difference"].tolist() == [0.5, 2.5, 4.5]


def test_users_without_the_feature_come_last():
    found = gains_by(np.array([0.1, 0.2, 0.4]), [5.0, math.nan, 7.0])
    assert found["n"].tolist() == [1, 1, 1]
    assert found["difference"].tolist() == [0.1, 0.4, 0.2]
    assert math.isnan(found["from"].iloc[-1])
    missing = gains_by(np.array([0.1, 0.2]), [math.nan, math.nan])
    assert missing["n"].tolist() == [2]


def test_one_user_or_equal_users_have_no_interval():
    found = gains_by(np.array([0.1, 0.3, 0.3, 0.3]), [1, 2, 2, 2])
    assert found[["low", "high"]].isna().all(axis=None)
    assert found["gain"].tolist() == [1, 1]


def test_no_user_is_no_group():
    found = gains_by(np.empty(0), np.empty(0))
    assert found.columns.tolist() == COLUMNS
    assert found.empty
    assert all(math.isnan(share) for share in shares(np.empty(0)).values())


def test_rounding_is_no_gain():
    seeds = [0.1, 0.7, 0.3]
    d = np.mean(seeds) - np.mean(seeds[::-1]) + np.array([0.0, 1e-16, -1e-16])
    assert shares(d) == {"gain": 0, "lose": 0, "same": 1}


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="not one each"):
        gains_by(np.zeros(3), [1, 2])
    with pytest.raises(ValueError, match="at least 1"):
        gains_by(np.zeros(3), [1, 2, 3], n_groups=0)


def test_targets_of_one_user_are_not_independent():
    d = np.array([0.4, 0.2, -0.1, 0.3, 0.0, 0.5])
    users = np.array([0, 0, 0, 1, 2, 3])
    (row,) = gains_by(d, np.ones(6), users=users).itertuples()
    whole = bootstrap_mean(by_user(d[None], users)[0])
    assert (row.n, row.difference) == (6, pytest.approx(d.mean()))
    assert (row.low, row.high) == (whole.low, whole.high)
    assert row.gain == pytest.approx(4 / 6)


def test_users_with_one_target_each_change_nothing():
    d, feature = np.array([0.1, -0.2, 0.3, 0.0]), [1, 1, 2, 2]
    pd.testing.assert_frame_equal(
        gains_by(d, feature), gains_by(d, feature, users=np.arange(4)), check_exact=False
    )
