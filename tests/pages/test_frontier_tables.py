import math

import numpy as np
import pandas as pd
import pytest
from made_up_records import ALPHA, TABLE, made_up_place

from btsr_core.analysis.pareto import hypervolume, hypervolume_interval
from btsr_core.evaluation.metrics import per_user
from btsr_core.names import POPULARITY
from btsr_core.pages import frontier_tables as tables
from btsr_core.pages.pairs import pair_of
from btsr_core.pages.results import metric_points, systems

X, Y = "cov@10", "ndcg@10"
AREA = ["area", "low", "high"]


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


def test_dials_are_parted_by_what_else_varies(tmp_path):
    grid = {"alpha": [0.4, 0.0], "scaling": ["per-dimension", "sum"]}
    place = made_up_place(tmp_path, parts=(TABLE, {**ALPHA, "grid": grid}))
    found = tables.dials(place)
    assert list(found) == ["BT-SR, scaling per-dimension", "BT-SR, scaling sum"]
    for label, dial in found.items():
        assert list(dial) == [0.0, 0.4]
        for records in dial.values():
            assert [one.experiment.train.seed for one in records] == [0, 1, 2]
        regularised = dial[0.4][0].experiment.loss.regulariser
        assert label.endswith(regularised.scaling)


def test_no_dial_is_recorded(tmp_path):
    assert tables.dials(made_up_place(tmp_path, parts=(TABLE,))) == {}


def test_points_of_a_dial_are_those_of_its_common_seeds(tmp_path):
    place = made_up_place(
        tmp_path, without=lambda one: one.part == "alpha" and one.seed == 1 and one.point["alpha"]
    )
    (dial,) = tables.dials(place).values()
    found = tables.dial_points(dial, X, Y, "full")
    assert found.shape == (2, 3, 2)
    for setting, records in enumerate(dial.values()):
        own = {one.experiment.train.seed: one for one in records}
        expected = [[own[seed].value(name, "full") for name in (X, Y)] for seed in (0, 2)]
        np.testing.assert_array_equal(found[:, setting], expected)


def test_a_dial_without_settings_has_no_points():
    assert tables.dial_points({}, X, Y, "full").shape == (0, 0, 2)


def test_means_and_their_front(place):
    points = metric_points(place, systems(place), [X, Y], "full")
    found = tables.mean_points(points, X, Y)
    assert POPULARITY not in found.index  # its coverage is not known here
    for name, row in found.iterrows():
        own = points[points["system"] == name]
        assert row[X] == pytest.approx(own[X].mean())
        beaten = [
            (other[[X, Y]] >= row[[X, Y]]).all() and (other[[X, Y]] > row[[X, Y]]).any()
            for _, other in found.iterrows()
        ]
        assert row["front"] == (not any(beaten))


def test_areas_are_hypervolumes_of_means(place):
    found, turned = systems(place), tables.dials(place)
    table = tables.area_table(found, turned, X, Y, "events")
    assert list(table.index) == [
        *found,
        *(f"{name}, every \N{GREEK SMALL LETTER ALPHA}" for name in turned),
    ]
    for (_, row), cloud in zip(
        table.iterrows(),
        [*({0.0: own} for own in found.values()), *turned.values()],
        strict=True,
    ):
        interval = hypervolume_interval(tables.dial_points(cloud, X, Y, "events"))
        assert tuple(row[AREA]) == (interval.mean, interval.low, interval.high)
    singles, (dial,) = table.iloc[:-1], [table.iloc[-1]]
    assert singles["p"].isna().all()
    assert (singles["settings"] == 1).all()
    assert dial["chance"] <= dial["limit"]
    assert 0 < dial["p"] <= 1
    assert ((table["share"] > 0) & (table["share"] <= 1)).all()


def test_an_effect_of_alpha_is_told_from_chance(tmp_path):
    place = made_up_place(tmp_path, parts=(TABLE, {**ALPHA, "seeds": 5}))
    (dial,) = tables.dials(place).values()
    for step, records in enumerate(dial.values()):
        for seed, one in enumerate(records):
            values = {X: (0.1, 0.4, 0.5)[step] + 0.001 * seed, Y: (0.5, 0.45, 0.1)[step]}
            chosen = (one.metrics["reading"] == "full") & (one.metrics["bucket"] == 0)
            for name, value in values.items():
                one.metrics.loc[chosen & (one.metrics["metric"] == name), "value"] = value
    row = tables.area_table({}, {"dial": dial}, X, Y, "full").iloc[0]
    means = [[0.102, 0.5], [0.402, 0.45], [0.502, 0.1]]
    assert row["area"] == pytest.approx(hypervolume(np.array(means)))
    assert row["share"] == 1
    assert row["p"] < 0.01
    assert row["area"] > row["limit"]


def test_one_seed_has_no_interval_and_no_chance(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.seed > 0)
    table = tables.area_table(systems(place), tables.dials(place), X, Y, "full")
    assert table[["low", "high", "chance", "limit", "p"]].isna().all(axis=None)
    assert not table["area"].isna().any()
    words = tables.area_words(table, X, Y)
    assert (words["95 % over seeds"] == "").all()
    assert (words["by chance"] == "").all()


def test_nothing_recorded_makes_an_empty_table():
    table = tables.area_table({}, {}, X, Y, "full")
    assert table.empty
    assert tables.area_words(table, X, Y).empty


def test_changes_of_exposure_are_paired_by_seed(place):
    ours, plain = pair_of(systems(place))
    found = tables.exposure_changes(ours, plain[::-1], 10, "full")
    assert list(found) == ["gini", "lift", "novelty", "tail"]
    expected = [
        a.value("lift@10", "full") - b.value("lift@10", "full")
        for a, b in zip(ours, plain, strict=True)
    ]
    assert found["lift"].difference == pytest.approx(np.mean(expected))
    assert found["lift"].df == 2


def test_changes_without_a_partner_are_unknown(place):
    ours, _ = pair_of(systems(place))
    found = tables.exposure_changes(ours, [], 10, "full")
    assert all(math.isnan(test.difference) and test.reason for test in found.values())


@pytest.mark.parametrize("reading", ["full", "events"])
def test_gains_target_by_target(place, reading):
    ours, plain = pair_of(systems(place))
    found = tables.gains(place.targets, ours, plain, Y, reading)
    rows = place.targets.of(reading)
    a, b = (
        np.mean([per_user(one.ranks[reading], Y) for one in own], axis=0) for own in (ours, plain)
    )
    for number, row in enumerate(found["bucket"].to_dict("records"), start=1):
        members = rows["bucket"] == number
        assert row["n"] == members.sum()
        assert row["difference"] == pytest.approx((a - b)[members].mean())
        assert row["gain"] == pytest.approx(((a - b)[members] > 1e-12).mean())
    assert found["history"]["n"].sum() == len(rows)
    words = tables.gain_words(found)
    assert len(words) == sum(map(len, found.values()))
    assert list(words.index.names) == ["by", "group"]


def test_nobody_gains_without_a_common_seed_or_a_target(place, tmp_path):
    ours, plain = pair_of(systems(place))
    assert tables.gains(place.targets, ours[:1], plain[1:], Y, "full") == {}
    nobody = place.targets.rows.iloc[:0]
    targets = type(place.targets)(
        place.targets.sizes, nobody, pd.DataFrame(), place.targets.buckets
    )
    assert tables.gains(targets, ours, plain, Y, "full") == {}
    assert tables.gain_words({}).empty


def test_spans():
    assert (tables.span(3, 3), tables.span(3, 7)) == ("3", "3 to 7")
