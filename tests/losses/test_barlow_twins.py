import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses.barlow_twins import barlow_twins, cross_correlation


def views(seed, batch=7, dim=4):
    a, b = np.random.default_rng(seed).normal(size=(2, batch, dim))
    return torch.tensor(a), torch.tensor(b)


seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(3, 12), st.integers(2, 6))  # unit rows in one dimension are constant
lams = st.floats(0, 2)


@given(seeds, sizes, lams)
def test_barlow_twins_is_eq_7(seed, size, lam):
    a, b = views(seed, *size)
    c, loss = oracles.barlow_twins(a.numpy(), b.numpy(), lam)
    np.testing.assert_allclose(cross_correlation(a, b), c, atol=1e-10)
    assert barlow_twins(a, b, lam, "sum").item() == pytest.approx(loss, rel=1e-9)


@given(seeds, sizes, lams)
def test_per_dimension_scaling_is_the_public_codes(seed, size, lam):
    a, b = views(seed, *size)
    expected = oracles.barlow_twins_public(a.numpy(), b.numpy(), lam)
    assert barlow_twins(a, b, lam, "per-dimension").item() == pytest.approx(expected, rel=1e-9)


def test_a_worked_example_in_two_dimensions():
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    # Unit rows already; centred [[.5, -.5], [-.5, .5]], so C(a, a) = [[1, -1], [-1, 1]].
    expected = torch.tensor([[1.0, -1], [-1, 1]]).double()
    torch.testing.assert_close(cross_correlation(a, a), expected)
    # (1 - 1)^2 twice on the diagonal, (-1)^2 twice off it.
    assert barlow_twins(a, a, 0.5, "sum").item() == pytest.approx(1.0)


@pytest.mark.parametrize("scaling", ["sum", "per-dimension"])
def test_gradients_are_finite_differences(scaling):
    a, b = (z.requires_grad_() for z in views(0))
    assert torch.autograd.gradcheck(lambda x, y: barlow_twins(x, y, 0.3, scaling), (a, b))


def test_gradient_by_slow_numpy_differences():
    a, b = views(5)
    a.requires_grad_()
    barlow_twins(a, b, 0.3, "sum").backward()
    step = 1e-6
    for n, i in np.ndindex(*a.shape):
        up, down = (a.detach().numpy().copy() for _ in range(2))
        up[n, i] += step
        down[n, i] -= step
        slope = [oracles.barlow_twins(x, b.numpy(), 0.3)[1] for x in (up, down)]
        assert a.grad[n, i].item() == pytest.approx((slope[0] - slope[1]) / (2 * step), abs=1e-6)


@given(seeds, sizes)
def test_scaling_the_rows_and_swapping_the_views_change_nothing(seed, size):
    a, b = views(seed, *size)
    lengths = torch.rand(size[0], 1, dtype=torch.float64) + 0.1
    loss = barlow_twins(a, b, 0.2, "sum").item()
    assert barlow_twins(a * lengths, b, 0.2, "sum").item() == pytest.approx(loss, rel=1e-9)
    assert barlow_twins(b, a, 0.2, "sum").item() == pytest.approx(loss, rel=1e-9)


@given(seeds, sizes)
def test_the_order_of_the_pairs_does_not_matter(seed, size):
    a, b = views(seed, *size)
    order = np.random.default_rng(seed).permutation(size[0])
    loss = barlow_twins(a, b, 0.2, "sum").item()
    assert barlow_twins(a[order], b[order], 0.2, "sum").item() == pytest.approx(loss, rel=1e-9)


@given(seeds, sizes)
def test_identical_views_have_a_unit_diagonal_even_when_nearly_collapsed(seed, size):
    a, _ = views(seed, *size)
    near = torch.ones_like(a) + 1e-4 * a  # rows almost equal
    np.testing.assert_allclose(cross_correlation(near, near).diagonal(), 1, rtol=1e-9)


def test_nearly_collapsed_rows_in_single_precision():
    rows = 1 + 1e-3 * torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    diagonal = cross_correlation(rows, rows).diagonal()
    torch.testing.assert_close(diagonal, torch.ones(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scaling", ["sum", "per-dimension"])
@pytest.mark.parametrize(
    "z",
    [torch.randn(1, 5), torch.ones(4, 5), torch.zeros(4, 5)],
    ids=["a batch of one", "equal rows", "zero rows"],
)
def test_views_that_do_not_vary_give_a_finite_loss_and_no_gradient(z, scaling):
    z = z.clone().requires_grad_()
    loss = barlow_twins(z, z, 0.1, scaling)
    loss.backward()
    assert loss.item() == (1.0 if scaling == "per-dimension" else 5.0)
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_one_constant_column_leaves_the_others_alone():
    z = torch.zeros(4, 3)
    z[:, :2] = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])  # unit rows, third column 0
    z.requires_grad_()
    c = cross_correlation(z, z)
    assert torch.equal(c[2], torch.zeros(3))
    torch.testing.assert_close(c[:2, :2], torch.eye(2))
    c.square().sum().backward()
    assert torch.isfinite(z.grad).all()


def test_inputs_are_not_edited():
    a, b = views(1)
    before = a.clone(), b.clone()
    barlow_twins(a, b, 0.1, "sum")
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])
