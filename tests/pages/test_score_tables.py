import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import ALPHA, FULL, TABLE, scored_place
from scipy.stats import ttest_1samp

from btsr_core.errors import InputError
from btsr_core.pages import score_tables as tables
from btsr_core.pages.results import systems


@pytest.fixture
def place(tmp_path):
    return scored_place(tmp_path, effect={"overlap": 0.8})


def test_pairs_share_an_objective(place):
    found = systems(place)
    assert tables.pairs_of(found) == [("BT-SR", "SASRec-CE"), ("DuoRec", "SASRec-CE")]
    assert tables.pairs_of(found, "barlow-twins") == [("BT-SR", "SASRec-CE")]
    assert tables.pairs_of(found, "vicreg") == []
    del found["SASRec-CE"]
    assert tables.pairs_of(found) == []


def test_with_and_without_stand_side_by_side(place):
    found = systems(place)
    shown = tables.with_and_without(dict(reversed(found.items())), "barlow-twins")
    assert list(shown) == ["SASRec-BCE", "SASRec-CE", "BT-SR"]
    assert list(tables.with_and_without(found, "vicreg")) == ["SASRec-CE", "SASRec-BCE"]


def test_regularisers_and_metrics_are_checked(place):
    assert tables.regulariser_of("duorec") == "duorec"
    for name in ("none", "twins"):
        with pytest.raises(InputError, match=f"'{name}': must be one of barlow-twins"):
            tables.regulariser_of(name)
        with pytest.raises(InputError, match="must be one of"):
            tables.pairs_of(systems(place), name)
    assert tables.measured(place, "overlap", FULL) == "overlap"
    with pytest.raises(InputError, match=r"'overlap': must be one of .* for events"):
        tables.measured(place, "overlap", "events")
    labels = {"overlap": "o", "genre-kl@10": "g"}
    assert tables.measured_of(systems(place), labels, FULL) == {"overlap": "o"}


def test_changes_are_paired_by_seed_and_adjusted(place):
    found = systems(place)
    found["BT-SR"] = found["BT-SR"][::-1][:3]  # seeds 3, 2, 1
    one, other = tables.changes(found, ["overlap"], FULL)
    ours = {r.experiment.train.seed: r.value("overlap", FULL) for r in found["BT-SR"]}
    plain = {r.experiment.train.seed: r.value("overlap", FULL) for r in found["SASRec-CE"]}
    by_hand = np.array([ours[seed] - plain[seed] for seed in (1, 2, 3)])
    np.testing.assert_allclose(one.differences, by_hand)
    p = ttest_1samp(by_hand, 0).pvalue
    assert one.test.p == pytest.approx(p)
    assert one.p == pytest.approx(2 * p)  # the smaller of two
    assert one.side == -1
    assert other.side == 0
    assert one.means == pytest.approx(
        (np.mean(list(ours.values())), np.mean([plain[s] for s in (1, 2, 3)]))
    )


def test_one_seed_tells_nothing(place):
    found = {name: records[:1] for name, records in systems(place).items()}
    for one in tables.changes(found, ["overlap", "auc"], FULL):
        assert np.isnan(one.p)
        assert one.side == 0
        assert one.test.reason


def test_no_common_seed_tells_nothing(place):
    found = systems(place)
    found["BT-SR"], found["SASRec-CE"] = found["BT-SR"][:2], found["SASRec-CE"][2:]
    one = tables.changes(found, ["overlap"], FULL, "barlow-twins")[0]
    assert len(one.differences) == one.side == 0


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_interval_of_seeds_is_students(values):
    found = tables.seed_interval(np.array(values))
    if np.ptp(values) <= 1e-6:
        return
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5]])
def test_interval_without_spread_has_no_bounds(values):
    assert np.isnan(tables.seed_interval(np.array(values)).low)


def test_over_alpha_takes_one_scaling(tmp_path, place):
    assert {alpha: len(own) for alpha, own in tables.over_alpha(place).items()} == {
        0: 2,
        0.2: 2,
        0.4: 2,
    }
    both = {**ALPHA, "grid": {"alpha": [0.2, 0.4], "scaling": ["sum", "per-dimension"]}}
    found = tables.over_alpha(scored_place(tmp_path, parts=(both,)))
    assert {one.experiment.loss.regulariser.scaling for own in found.values() for one in own} == {
        "per-dimension"
    }
    assert tables.over_alpha(scored_place(tmp_path, parts=(TABLE,))) == {}


def test_table_of_seeds():
    points = pd.DataFrame(
        {"system": ["b", "b", "a"], "seed": [0, 1, 0], "x": [1.0, 2.0, np.nan], "y": [np.nan] * 3,
         "z": [0.25, 0.25, 4]}
    )  # fmt: skip
    table = tables.seed_table(points, {"x": ("ex", 1), "y": ("why", 1), "z": ("zed", 2)})
    assert table.columns.tolist() == ["seeds", "ex", "zed"]
    cells = table.map(lambda cell: cell.replace("\N{NO-BREAK SPACE}", " "))
    assert cells.loc["b"].tolist() == ["2", "1.5 ± 0.7", "0.25 ± 0.00"]
    assert cells.loc["a"].tolist() == ["1", "\N{EN DASH}", "4.00"]
