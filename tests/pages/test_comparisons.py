"""Comparisons of recorded systems, against values computed by hand from their ranks."""

import numpy as np
import pytest
from made_up_records import ALPHA, TABLE, made_up_place
from scipy.stats import ttest_rel

from btsr_core.analysis.significance import holm
from btsr_core.errors import InputError
from btsr_core.pages.comparisons import (
    baseline_values,
    compare_all,
    metric_of,
    on_datasets,
    own_pairs,
    pairs_of,
    regimes,
)
from btsr_core.pages.results import systems


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"))


def hits(record, reading, k=10):
    """Return the hit rate of a record, a target at a time."""
    return np.mean([rank <= k for rank in record.ranks[reading]])


def test_pairs_are_ours_with_all_others_and_each_objective_with_its_own(place):
    found = systems(place)
    assert pairs_of(found) == [
        ("BT-SR", other)
        for other in ("Popularity", "Last-item transitions", "SASRec-CE", "SASRec-BCE", "DuoRec")
    ]
    without = {name: records for name, records in found.items() if name != "BT-SR"}
    assert pairs_of(without) == []
    twins = {"BT-SR (BCE)": found["BT-SR"], "SASRec-BCE": found["SASRec-BCE"]}
    assert pairs_of(twins) == [("BT-SR (BCE)", "SASRec-BCE")]
    assert own_pairs()["BT-SR (SCE)"] == "SASRec-SCE"


@pytest.mark.parametrize("reading", ["full", "events"])
def test_differences_are_those_of_the_ranks(place, reading):
    found = systems(place)
    one = compare_all(place, found, [("BT-SR", "DuoRec")], "hr@10", reading)[0]
    ours, theirs = ([hits(record, reading) for record in found[n]] for n in ("BT-SR", "DuoRec"))
    np.testing.assert_allclose(one.by_seed, np.subtract(ours, theirs), atol=1e-12)
    assert one.means == pytest.approx((np.mean(ours), np.mean(theirs)))
    assert one.difference == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert one.over_seeds.p == pytest.approx(ttest_rel(ours, theirs).pvalue)
    assert (one.users, one.seeds) == (60, 3)  # users, although each has three targets of events
    assert one.interval.low < one.difference < one.interval.high
    assert one.over_users.interval.low < one.difference < one.over_users.interval.high
    assert one.visible > 0


def test_p_values_are_corrected_for_all_comparisons_together(place):
    found = systems(place)
    tested = compare_all(place, found, pairs_of(found), "ndcg@10", "events")
    assert tested[0].second == "Popularity"
    assert "Last-item transitions" not in [one.second for one in tested]  # not recorded here
    np.testing.assert_allclose(
        [one.holm for one in tested], holm([one.over_seeds.p for one in tested])
    )


def test_a_ranking_without_training_is_the_same_for_every_seed(place):
    found, tested = systems(place), place.targets.of("events")
    one = compare_all(place, found, [("BT-SR", "Popularity")], "hr@10", "events")[0]
    bar = np.mean(tested["Popularity"] <= 10)
    ours = np.array([hits(record, "events") for record in found["BT-SR"]])
    np.testing.assert_allclose(one.by_seed, ours - bar)
    values = baseline_values(place, "hr@10", "events")
    assert list(values) == ["Popularity"]
    assert values["Popularity"].mean() == pytest.approx(bar)


def test_coverage_is_compared_over_seeds_alone(place):
    found = systems(place)
    one = compare_all(place, found, [("BT-SR", "DuoRec")], "cov@10", "full")[0]
    values = [[r.value("cov@10", "full") for r in found[name]] for name in ("BT-SR", "DuoRec")]
    assert one.over_users is None
    assert np.isnan(one.visible)
    assert one.interval == one.over_seeds.interval
    assert one.over_seeds.p == pytest.approx(ttest_rel(*values).pvalue)


def test_one_seed_gives_a_difference_and_no_test(place):
    first = {name: records[:1] for name, records in systems(place).items()}
    one = compare_all(place, first, [("BT-SR", "DuoRec")], "ndcg@10", "full")[0]
    assert np.isfinite(one.difference)
    assert np.isnan([one.interval.low, one.over_seeds.p, one.holm, one.visible]).all()
    assert np.isnan(one.visible_over_seeds)
    assert np.isfinite(one.over_users.interval.low)


def test_no_common_seed_gives_nothing(place):
    found = systems(place)
    apart = {"BT-SR": found["BT-SR"][:1], "DuoRec": found["DuoRec"][1:]}
    for metric in ("ndcg@10", "cov@10"):
        one = compare_all(place, apart, [("BT-SR", "DuoRec")], metric, "full")[0]
        assert one.seeds == 0
        assert np.isnan([one.difference, one.interval.low, one.holm]).all()


def test_regimes_are_two_weights_of_the_sweep(tmp_path):
    grid = {"alpha": [0.0, 0.1, 0.4], "scaling": ["per-dimension", "sum"]}
    place = made_up_place(tmp_path, parts=(TABLE, {**ALPHA, "grid": grid}))
    found = regimes(place, "full", "hr@10")
    assert list(found) == [0.1, 0.4]
    assert [one.seeds for one in found.values()] == [3, 3]  # of one scaling
    assert {(one.first, one.second) for one in found.values()} == {("BT-SR", "SASRec-BCE")}
    assert regimes(made_up_place(tmp_path, parts=(TABLE,)), "full") == {}


def test_one_pair_on_every_dataset_that_has_it(tmp_path):
    few = {**TABLE, "seeds": 2}
    places = [
        made_up_place(tmp_path, dataset="walks"),
        made_up_place(tmp_path, dataset="hikes", parts=(few,), users=80),
        made_up_place(tmp_path, dataset="runs", without=lambda one: one.model == "bt-sr"),
    ]
    found = on_datasets(places, "hr@10", "full")
    assert {name: (one.users, one.seeds) for name, one in found.items()} == {
        "walks": (60, 3), "hikes": (80, 2),
    }  # fmt: skip
    for place, one in zip(places, found.values(), strict=False):
        alone = compare_all(place, systems(place), [("BT-SR", "SASRec-CE")], "hr@10", "full")[0]
        assert one.difference == pytest.approx(alone.difference)
        assert one.over_seeds.p == pytest.approx(alone.over_seeds.p)
        assert one.holm >= one.over_seeds.p
    assert on_datasets(places[2:], "hr@10", "full") == {}


def test_metrics_have_names():
    assert metric_of("cov@50") == "cov@50"
    with pytest.raises(InputError, match=r"coverage = 'cov@7': must be one of hr@1, "):
        metric_of("cov@7", parameter="coverage")
