import math

import numpy as np
import oracles
import pytest
import torch
from handmade import drawn, eval_set, scorer_of, users_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from btsr_core.analysis import confidence
from btsr_core.analysis.confidence import confidences, fit_temperature
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import SCORES_HELD, rank
from btsr_core.evaluation.scorers import EmbeddingScorer


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.floats(0.1, 10),
    st.booleans(),
)  # fmt: skip
def test_each_user_by_the_definitions(seed, n_users, n_items, temperature, ties):
    rng = np.random.default_rng(seed)
    scores = 3 * rng.normal(size=(n_users, n_items))
    scores = np.round(scores) if ties else scores.astype(np.float32).astype(float)
    targets = rng.integers(n_items, size=n_users)
    found = confidences(scorer_of(scores), users_of(targets), (1.0, temperature))
    for one, at in zip(found, (1.0, temperature), strict=True):
        for u in range(n_users):
            expected = oracles.confidence(scores[u].tolist(), targets[u], at)
            values = one.max_probability[u], one.entropy[u], one.target_log_probability[u]
            assert values == pytest.approx(expected[:3], rel=1e-5, abs=1e-5)
            assert one.is_hit[u] == expected[3]


@pytest.mark.parametrize("held", [1, 25, 60])
def test_blocks_change_nothing(monkeypatch, held):
    scores, targets = drawn(0, n_users=23)
    problem = scorer_of(scores), users_of(targets)
    whole, temperature = confidences(*problem)[0], fit_temperature(*problem)
    monkeypatch.setitem(SCORES_HELD, "cpu", held)  # one, two and five users at a time
    cut = confidences(*problem)[0]
    for name in ("max_probability", "entropy", "target_log_probability", "is_hit"):
        np.testing.assert_allclose(getattr(whole, name), getattr(cut, name), rtol=1e-5)
    assert fit_temperature(*problem) == pytest.approx(temperature, rel=1e-5)


def test_items_seen_before_count_too():
    scorer = scorer_of([[9.0, 0, 0]])
    found = confidences(scorer, eval_set([[0, 0]], [0]))[0]
    assert found.is_hit.tolist() == [True]
    assert found.max_probability[0] > 0.99
    assert rank(scorer, eval_set([[0, 0]], [0])).metrics()["hr@1"] == 0


def test_large_scores_do_not_overflow():
    found = confidences(scorer_of([[1e4, -1e4]]), users_of([1]))[0]
    assert found.max_probability.tolist() == [1]
    assert found.entropy.tolist() == [0]
    assert found.target_log_probability.tolist() == [-2e4]


def test_a_level_of_its_own_for_every_user_changes_nothing():
    scores, targets = drawn(0)
    problem = scorer_of(scores), users_of(targets)
    levels = np.linspace(-5, 5, len(scores))[:, None]
    other = scorer_of(scores + levels), users_of(targets)
    for name in ("max_probability", "entropy", "target_log_probability"):
        one, two = (getattr(confidences(*p)[0], name) for p in (problem, other))
        np.testing.assert_allclose(one, two, rtol=1e-4)
    assert fit_temperature(*other) == pytest.approx(fit_temperature(*problem), rel=1e-4)


def likelihood(scores, targets, inverse):
    scaled = inverse * scores
    top = scaled.max(1)
    sums = top + np.log(np.exp(scaled - top[:, None]).sum(1))
    return (sums - scaled[np.arange(len(scaled)), targets]).mean()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 1, 3]), st.floats(0.05, 20))
def test_temperature_is_where_the_targets_are_most_probable(seed, temperature, scale):
    scores, targets = drawn(seed, temperature)
    scores = scale * scores
    found = fit_temperature(scorer_of(scores), users_of(targets))
    best = minimize_scalar(
        lambda x: likelihood(scores, targets, math.exp(x)),
        bounds=(-7, 7), method="bounded", options={"xatol": 1e-7},
    )  # fmt: skip
    assert found == pytest.approx(math.exp(-best.x), rel=1e-4)


def test_temperature_of_scores_that_are_too_large_undoes_it():
    scores, targets = drawn(1, temperature=1, n_users=3000)
    found = fit_temperature(scorer_of(5 * scores), users_of(targets))
    assert found == pytest.approx(5, rel=0.1)


def test_the_start_from_a_few_users_changes_nothing(monkeypatch):
    scores, targets = drawn(2, temperature=2)
    problem = scorer_of(scores), users_of(targets)
    found = fit_temperature(*problem)
    for size in (1, 7, 199):
        monkeypatch.setattr(confidence, "FIRST_USERS", size)
        assert fit_temperature(*problem) == pytest.approx(found, rel=1e-5)


def test_temperatures_that_have_no_minimum_inside():
    scores = np.array([[2.0, 1, 0], [0, 1, 2]])
    worst = fit_temperature(scorer_of(scores), users_of([2, 0]))
    assert worst == pytest.approx(1000, rel=0.01)
    best = fit_temperature(scorer_of(scores), users_of([0, 2]))
    assert 0.001 <= best < 0.1
    found = confidences(scorer_of(scores), users_of([0, 2]), (best,))[0]
    np.testing.assert_allclose(found.target_log_probability, 0, atol=1e-6)


def test_equal_scores_have_any_temperature():
    assert fit_temperature(scorer_of(np.ones((3, 4))), users_of([0, 1, 2])) == 1


def test_no_user():
    none = EmbeddingScorer(torch.empty(0, 2), torch.ones(3, 2))
    found = confidences(none, users_of([]), (1.0, 2.0))
    assert [one.entropy.shape for one in found] == [(0,), (0,)]
    assert found[0].is_hit.shape == (0,)
    assert math.isnan(fit_temperature(none, users_of([])))


def test_scores_that_are_no_numbers_are_an_error():
    diverged = EmbeddingScorer(torch.full((1, 2), torch.nan), torch.ones(3, 2))
    for measure in (confidences, fit_temperature):
        with pytest.raises(InputError, match="diverged"):
            measure(diverged, users_of([1]))
