"""Metrics against alpha with their intervals, densities and spectra: hand-computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_up_dials import ALPHA as BOTH_SCALINGS
from made_up_records import ALPHA, TABLE, made_up_place

from btsr_core.analysis.significance import paired_seeds, seed_bounds
from btsr_core.explorer import curves

CELLS = [("ndcg@10", 0)]


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


class TestSeedBounds:
    @given(arrays(float, st.tuples(st.integers(0, 5), st.integers(1, 4)),
                  elements=st.floats(0, 1) | st.just(0.5) | st.just(float("nan"))))  # fmt: skip
    def test_is_paired_seeds_for_many(self, differences):
        found = seed_bounds(differences)
        for column, row in zip(found.T, differences.T, strict=True):
            one = paired_seeds(row, np.zeros_like(row)).interval
            wanted = (one.mean, one.low, one.high)
            np.testing.assert_allclose(column, wanted, rtol=1e-6, atol=1e-9)

    def test_by_hand(self):
        """Of 1, 2 and 3: mean 2, deviation 1, and t of 2 degrees of freedom is 4.302653."""
        low, high = 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5
        np.testing.assert_allclose(
            seed_bounds(np.array([[1.0], [2], [3]])), [[2], [low], [high]], 1e-6
        )


class TestMetricCurves:
    def test_by_hand(self):
        """Differences from alpha = 0 are paired by seed, not by place."""
        numbers = {
            0.0: {0: np.array([0.1]), 1: np.array([0.2]), 2: np.array([0.4])},
            0.5: {2: np.array([0.7]), 0: np.array([0.2])},
        }
        own = curves.metric_curves(numbers, CELLS)["ndcg@10"]["0"]
        assert own["mean"] == [0.23333, 0.45]
        assert own["change"] == [0, 0.2]  # 0.1 of seed 0 and 0.3 of seed 2
        half = 12.7062 * 0.1  # t of one degree of freedom; the standard error is 0.1
        assert own["change_low"] == [0, pytest.approx(0.2 - half, rel=1e-4)]
        assert own["change_high"] == [0, pytest.approx(0.2 + half, rel=1e-4)]

    def test_one_seed_has_no_interval(self):
        numbers = {0.0: {0: np.array([0.1])}, 0.5: {0: np.array([0.2])}}
        own = curves.metric_curves(numbers, CELLS)["ndcg@10"]["0"]
        assert own["change"] == [0, 0.1]
        assert own["low"] == own["high"] == [None, None]
        assert own["change_low"] == own["change_high"] == [None, None]

    def test_without_zero_nothing_changes(self):
        numbers = {0.1: {0: np.array([0.1])}, 0.5: {0: np.array([0.2])}}
        own = curves.metric_curves(numbers, CELLS)["ndcg@10"]["0"]
        assert own["mean"] == [0.1, 0.2]
        assert own["change"] == [None, None]

    def test_what_nobody_measured_is_left_out(self):
        numbers = {0.0: {0: np.array([0.1, np.nan])}, 0.5: {0: np.array([0.2, np.nan])}}
        assert list(curves.metric_curves(numbers, [*CELLS, ("hr@1", 0)])) == ["ndcg@10"]

    def test_from_records(self, place):
        (sweep,) = curves.sweeps(place).values()
        cells = curves.cells_of(place)
        found = curves.metric_curves(curves.trained_numbers(sweep, cells, "events"), cells)
        assert set(found) == {"hr@1", "hr@10", "ndcg@10", "cov@10"}
        for bucket in range(4):
            own = found["ndcg@10"][str(bucket)]
            for place_, records in enumerate(sweep.values()):
                values = [record.value("ndcg@10", "events", bucket) for record in records]
                assert own["mean"][place_] == pytest.approx(np.mean(values), rel=1e-4)


class TestSweeps:
    def test_by_objective_and_scaling(self, tmp_path):
        place = made_up_place(tmp_path, parts=(TABLE, BOTH_SCALINGS))
        found = curves.sweeps(place)
        assert list(found) == ["ce-per-dimension", "ce-sum"]
        assert [list(own) for own in found.values()] == [[0.0, 0.2, 0.4]] * 2
        assert {len(records) for own in found.values() for records in own.values()} == {3}
        assert curves.label_of("ce-sum", found["ce-sum"]) == "BT-SR, L_BT sum"

    def test_what_is_missing_is_left_out(self, place):
        for one in place.planned:
            if one.point.get("alpha") == 0:
                place.records.pop(one.run_id, None)
        assert list(curves.sweeps(place)["ce-per-dimension"]) == [0.2, 0.4]

    def test_one_alpha_is_no_slider(self, tmp_path):
        grid = {**ALPHA, "grid": {"alpha": [0.2]}}
        assert curves.sweeps(made_up_place(tmp_path, parts=(TABLE, grid))) == {}


class TestArrays:
    def with_arrays(self, place, **arrays):
        (sweep,) = curves.sweeps(place).values()
        for own in sweep.values():
            for seed, record in enumerate(own):
                record.arrays.update({name: np.array(rows[seed]) for name, rows in arrays.items()})
        return sweep

    def test_densities_have_the_same_bins_and_their_mass(self, place):
        """Masses of runs with bins from -1 to 1 and from 0 to 4, by hand in bins of an eighth."""
        edges = [[-1, 0, 1], [0, 2, 4], [-1, 0, 1]]
        positive = [[0.25, 0.75], [0.5, 0], [0.25, 0.75]]
        negative = [[1, 0], [0.25, 0.25], [1, 0]]
        sweep = self.with_arrays(
            place, **{"score-edges": edges, "score-positive": positive, "score-negative": negative}
        )
        found = curves.score_densities(sweep)
        own = np.array(found["edges"])
        np.testing.assert_allclose(own, np.linspace(-1, 4, 41))
        assert found["alphas"] == [0.0, 0.2, 0.4]
        for kind in ("positive", "negative"):
            for density in found[kind]:
                assert np.sum(density * np.diff(own)) == pytest.approx(1, abs=1e-3)
        first = found["positive"][0]
        assert first[0] == pytest.approx(2 * 0.25 / 3, rel=1e-4)  # below 0: two runs of three
        assert first[8] == pytest.approx((2 * 0.75 + 0.5) / 3, rel=1e-4)  # 0 to 1: all three
        assert first[39] == 0  # beyond 2: nobody

    def test_spectra_are_means_over_seeds(self, place):
        sweep = self.with_arrays(place, **{"singular-values": [[3, 1], [5, 1], [4, 1]]})
        found = curves.spectra(sweep)
        assert found["values"] == [[4, 1]] * 3
        assert found["effective_rank"] == [None] * 3  # made-up records do not have it

    def test_nothing_recorded(self, place):
        (sweep,) = curves.sweeps(place).values()
        assert curves.score_densities(sweep) is None
        assert curves.spectra(sweep) is None


def test_rounding():
    assert curves.rounded([0.123456789, 1234567, float("nan"), 0]) == [0.12346, 1234600, None, 0]
