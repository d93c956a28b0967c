import math

import numpy as np
import oracles
import pytest
import torch
from handmade import drawn, scorer_of, users_of
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.calibration import (
    RANKS,
    calibrate,
    calibration_error,
    rank_confidence,
    reliability,
    summarise_confidence,
)
from btsr_core.analysis.confidence import Confidence, confidences, fit_temperature
from btsr_core.evaluation.scorers import EmbeddingScorer


def said(confidence, is_hit):
    nothing = np.zeros(len(confidence))
    return Confidence(np.array(confidence, float), nothing, nothing, np.array(is_hit, bool))


@st.composite
def outcomes(draw):
    """Confidences, some of them equal, some on the edges of bins."""
    n = draw(st.integers(1, 40))
    steps = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    hits = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return said(np.array(steps) / 30, hits)


@given(outcomes(), st.integers(1, 20), st.sampled_from(["width", "mass"]))
def test_error_is_the_definition(found, n_bins, bins):
    table = reliability(found, bins, n_bins)
    if bins == "width":
        np.testing.assert_allclose(table.edges, np.linspace(0, 1, n_bins + 1))
    expected = oracles.calibration_error(
        found.max_probability.tolist(), found.is_hit.tolist(), table.edges.tolist()
    )
    assert calibration_error(table) == pytest.approx(expected, abs=1e-12)
    assert table.count.sum() == len(found.is_hit)
    assert table.count.shape == (n_bins,)


@given(outcomes(), st.sampled_from(["width", "mass"]), st.randoms(use_true_random=False))
def test_order_of_users_does_not_matter(found, bins, random):
    order = list(range(len(found.is_hit)))
    random.shuffle(order)
    other = said(found.max_probability[order], found.is_hit[order])
    error = calibration_error(reliability(found, bins))
    assert 0 <= error <= 1
    assert calibration_error(reliability(other, bins)) == pytest.approx(error, abs=1e-12)


def test_masses_are_equal_where_confidences_differ():
    values = np.random.default_rng(0).permutation(np.linspace(0.001, 0.002, 60))
    found = said(values, np.zeros(60))
    assert reliability(found, "mass").count.tolist() == [4] * 15
    by_width = reliability(found, "width")  # what tiny probabilities make of fixed bins
    assert by_width.count.tolist() == [60] + [0] * 14
    assert np.isnan(by_width.accuracy[1:]).all()


def test_equal_confidences_share_a_bin():
    table = reliability(said([0.2] * 9, [1] * 3 + [0] * 6), "mass")
    assert sorted(table.count.tolist()) == [0] * 14 + [9]
    assert calibration_error(table) == pytest.approx(1 / 3 - 0.2)


def test_error_by_hand():
    found = said([0.1, 0.1, 0.9, 1.0], [0, 1, 1, 0])
    table = reliability(found, "width", n_bins=2)
    assert table.confidence.tolist() == pytest.approx([0.1, 0.95])
    assert table.accuracy.tolist() == [0.5, 0.5]
    assert table.count.tolist() == [2, 2]
    assert calibration_error(table) == pytest.approx(0.5 * 0.4 + 0.5 * 0.45)


def test_a_model_that_says_what_comes_has_no_error_but_chance():
    scores, targets = drawn(0, n_users=20_000)
    plain, sharper = confidences(scorer_of_many(scores), users_of(targets), (1.0, 0.25))
    for bins in ("width", "mass"):
        assert calibration_error(reliability(plain, bins)) < 0.02
        assert calibration_error(reliability(sharper, bins)) > 0.15


def scorer_of_many(scores):
    """As `scorer_of`, for more users than items."""
    table = torch.tensor(np.asarray(scores, dtype=np.float32))
    return EmbeddingScorer(table, torch.eye(table.shape[1]))


def test_summary_by_hand():
    found = Confidence(
        np.array([0.5, 0.7]), np.array([1.0, 2.0]), np.array([-1.0, -3.0]), np.array([True, False])
    )
    values = summarise_confidence(found)
    assert values == pytest.approx(
        {
            "confidence": 0.6, "accuracy": 0.5, "entropy": 1.5, "nll": 2.0,
            "ece-width": 0.5 * 0.5 + 0.5 * 0.7, "ece-mass": 0.5 * 0.5 + 0.5 * 0.7,
        }
    )  # fmt: skip


def test_no_user_is_no_measurement():
    values = summarise_confidence(said([], []))
    assert len(values) == 6
    assert all(math.isnan(value) for value in values.values())
    for bins in ("width", "mass"):
        assert math.isnan(calibration_error(reliability(said([], []), bins)))
    none = EmbeddingScorer(torch.empty(0, 2), torch.ones(3, 2))
    found = rank_confidence(none, users_of([]))
    assert found.n_users == 0
    assert np.isnan(found.probability).all()
    whole = calibrate(none, users_of([]), none, users_of([]))
    assert math.isnan(whole.temperature)
    assert whole.scaled.entropy.shape == (0,)


def test_one_user():
    table = reliability(said([0.3], [1]), "mass")
    assert table.count.sum() == 1
    assert calibration_error(table) == pytest.approx(0.7)


def test_temperature_comes_from_the_validation_set():
    valid_scores, valid_targets = drawn(0, temperature=3, n_users=500)
    test_scores, test_targets = drawn(1, temperature=3, n_users=400)
    valid = scorer_of(valid_scores), users_of(valid_targets)
    test = scorer_of(test_scores), users_of(test_targets)
    found = calibrate(*valid, *test)
    assert found.temperature == fit_temperature(*valid)
    plain, scaled = (summarise_confidence(one) for one in (found.plain, found.scaled))
    assert scaled["nll"] < plain["nll"]
    assert scaled["ece-mass"] < plain["ece-mass"]
    assert scaled["accuracy"] == plain["accuracy"]  # a temperature moves no item
    expected = confidences(*test, (found.temperature,))[0]
    np.testing.assert_array_equal(found.scaled.entropy, expected.entropy)


def test_logistic_probabilities_rank_by_rank():
    rng = np.random.default_rng(0)
    scores = np.round(2 * rng.normal(size=(30, 60)))  # ties: the lower id first
    targets = rng.integers(60, size=30).tolist()
    found = rank_confidence(scorer_of(scores), users_of(targets))
    assert found.ranks.tolist() == [*RANKS] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50]
    assert found.n_users == 30
    for k, probability, rate in zip(found.ranks, found.probability, found.hit_rate, strict=True):
        total = hits = 0.0
        for row, target in zip(scores.tolist(), targets, strict=True):
            item = oracles.ranking(row, target, set(), k)[1][-1]
            total += 1 / (1 + math.exp(-row[item]))
            hits += item == target
        assert probability == pytest.approx(total / 30)
        assert rate == pytest.approx(hits / 30)


def test_ranks_beyond_the_catalogue_are_left_out():
    found = rank_confidence(scorer_of([[0.0, 1, 2]]), users_of([2]))
    assert found.ranks.tolist() == [1, 2, 3]
    assert found.hit_rate.tolist() == [1, 0, 0]
    assert found.probability[2] == pytest.approx(0.5)
