import math

import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses.info_nce import info_nce, negative_contrast

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 7), st.integers(1, 5))


def problem(seed, batch=5, dim=3):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, batch, dim))
    return torch.tensor(a), torch.tensor(b), torch.tensor(rng.integers(3, size=batch))


@given(seeds, sizes, st.floats(0.3, 3), st.booleans())
def test_info_nce_is_its_definition(seed, size, temperature, drop):
    a, b, targets = problem(seed, *size)
    chosen = targets if drop else None
    expected = oracles.info_nce(
        a.numpy(), b.numpy(), temperature, targets.numpy() if drop else None
    )
    found = info_nce(a, b, temperature, chosen).item()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("drop", [False, True])
def test_gradients_are_finite_differences(drop):
    a, b, targets = problem(0)
    chosen = targets if drop else None
    inputs = a.requires_grad_(), b.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: info_nce(x, y, 0.7, chosen), inputs)


def test_equal_rows_are_a_guess_among_all_others():
    z = torch.ones(4, 3, requires_grad=True)
    loss = info_nce(z, z, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(7))
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("targets", [None, torch.tensor([3])])
def test_a_batch_of_one_has_no_negatives(targets):
    z = torch.randn(1, 4, requires_grad=True)
    loss = info_nce(z, 2 * z, 1.0, targets)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_one_target_for_all_leaves_no_negatives():
    a, b, _ = problem(1)
    assert info_nce(a, b, 1.0, torch.zeros(5, dtype=torch.int64)).item() == 0


def test_swapping_the_views_changes_nothing():
    a, b, _ = problem(2)
    torch.testing.assert_close(info_nce(a, b, 0.5), info_nce(b, a, 0.5))


def negative_problem(seed, batch=5, dim=3):
    rng = np.random.default_rng(seed)
    negatives, positives = rng.normal(size=(batch, dim)), rng.normal(size=(2 * batch, dim))
    return torch.tensor(negatives), torch.tensor(positives)


@given(seeds, st.tuples(st.integers(2, 7), st.integers(1, 5)), st.floats(0.05, 3))
def test_negative_contrast_is_its_definition(seed, size, temperature):
    negatives, positives = negative_problem(seed, *size)
    expected = oracles.negative_contrast(negatives.numpy(), positives.numpy(), temperature)
    found = negative_contrast(negatives, positives, temperature).item()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_gradients_of_negative_contrast_are_finite_differences():
    negatives, positives = negative_problem(0)
    inputs = negatives.requires_grad_(), positives.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: negative_contrast(x, y, 0.5), inputs)


def test_a_single_negative_view_attracts_nothing():
    z, positives = torch.randn(1, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    loss = negative_contrast(z, positives, 0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_negative_contrast_of_large_scores_is_finite():
    negatives, positives = (1e3 * z.float() for z in negative_problem(3))
    negatives.requires_grad_()
    loss = negative_contrast(negatives, positives, 0.1)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(negatives.grad).all()


def test_equal_rows_are_a_guess_among_all_other_views():
    z = torch.ones(4, 3)
    assert negative_contrast(z, torch.ones(8, 3), 0.1).item() == pytest.approx(math.log(11))
