import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses.vicreg import vicreg

WEIGHTS = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}
seeds = st.integers(0, 2**32 - 1)
weights = st.tuples(st.floats(0, 30), st.floats(0, 30), st.floats(0, 30))


def views(seed, batch=6, dim=4):
    rng = np.random.default_rng(seed)
    # Deviations on both sides of one, so that the hinge is open for some columns alone.
    return tuple(map(torch.tensor, rng.normal(size=(2, batch, dim)) * rng.uniform(0.1, 3, dim)))


@given(seeds, st.tuples(st.integers(2, 9), st.integers(1, 5)), weights)
def test_vicreg_is_its_definition(seed, size, given_weights):
    a, b = views(seed, *size)
    named = dict(zip(WEIGHTS, given_weights, strict=True))
    expected = oracles.vicreg(a.numpy(), b.numpy(), *given_weights)
    assert vicreg(a, b, **named).item() == pytest.approx(expected, rel=1e-9)


def test_gradients_are_finite_differences():
    a, b = (z.requires_grad_() for z in views(0))
    assert torch.autograd.gradcheck(lambda x, y: vicreg(x, y, **WEIGHTS), (a, b))


def test_spread_uncorrelated_equal_views_cost_nothing():
    z = 2 * torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert vicreg(z, z, **WEIGHTS).item() == 0


def test_rows_are_not_scaled():
    a, b = views(1)
    assert vicreg(2 * a, b, **WEIGHTS).item() != pytest.approx(vicreg(a, b, **WEIGHTS).item())


@pytest.mark.parametrize("z", [torch.randn(1, 5), torch.ones(4, 5)], ids=["one row", "equal rows"])
def test_views_that_do_not_vary_give_a_finite_loss_and_no_gradient(z):
    z = z.clone().requires_grad_()
    loss = vicreg(z, z, **WEIGHTS)
    loss.backward()
    assert loss.item() == pytest.approx(25 * (1 - 0.01))  # the root of 1e-4 is left of the spread
    assert torch.equal(z.grad, torch.zeros_like(z))
