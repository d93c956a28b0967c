import numpy as np
import pytest
from made_up_records import made_up_place

from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import per_user
from btsr_core.pages import pairs
from btsr_core.pages.results import systems, values_of


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


def test_the_pair_that_the_book_is_about(place):
    assert (pairs.OURS, pairs.PLAIN) == ("BT-SR", "SASRec-CE")
    ours, plain = pairs.pair_of(systems(place))
    assert {one.experiment.loss.is_regularised for one in ours} == {True}
    assert {one.experiment.loss.is_regularised for one in plain} == {False}
    assert pairs.pair_of({}) == ((), ())


@pytest.mark.parametrize("reading", ["after-cutoff", "full", "events"])
def test_means_over_users_are_the_recorded_ones(place, reading):
    ours, _ = pairs.pair_of(systems(place))
    found = pairs.user_values(place.targets, ours, "ndcg@10", reading)
    assert found.shape == (3, 60)
    expected = values_of(ours, "ndcg@10", reading)
    np.testing.assert_allclose(found.mean(axis=1), expected, rtol=1e-6)


def test_one_target_each_leaves_values_as_they_are(place):
    ours, _ = pairs.pair_of(systems(place))
    found = pairs.user_values(place.targets, ours, "hr@1", "full")
    expected = [per_user(one.ranks["full"], "hr@1") for one in ours]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_array_equal(pairs.target_values(ours, "hr@1", "full"), expected)


def test_pairs_share_seeds(place):
    ours, plain = pairs.pair_of(systems(place))
    a, b = pairs.paired_values(place.targets, ours[1:], plain[::-1], "ndcg@10", "events")
    np.testing.assert_array_equal(
        a, pairs.user_values(place.targets, ours[1:], "ndcg@10", "events")
    )
    np.testing.assert_array_equal(
        b, pairs.user_values(place.targets, plain[1:], "ndcg@10", "events")
    )
    assert a.shape == (2, 60)


def test_no_record_has_no_values(place):
    nothing = pairs.user_values(place.targets, [], "ndcg@10", "full")
    assert nothing.shape == (0, 0)
    a, b = pairs.paired_values(place.targets, [], [], "ndcg@10", "full")
    assert a.shape == b.shape == (0, 0)


def test_the_protocol_says_how_much_is_recorded(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.part == "table" and one.seed == 2)
    said = pairs.protocol_line(place, ["table", "alpha"], "events")
    assert said.startswith("walks, history events: 60 test users with 180 targets, all 50 items")
    # Of the four left out, one is recorded: alpha = 0 is the plain system.
    assert said.endswith("Of 21 planned runs 18 are recorded.")


def test_cutoffs():
    assert pairs.cutoff_of(10) == 10
    with pytest.raises(InputError, match="k = 7: must be one of 1, 5, 10"):
        pairs.cutoff_of(7)
