import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses import binary
from btsr_core.losses.binary import binary_cross_entropy, positive_power
from btsr_core.sequences.sampler import draw_negatives

CPU = torch.device("cpu")


def stream(seed=0):
    return torch.Generator(CPU).manual_seed(seed)


def problem(seed=0, n=6, n_items=9, dim=3):
    rng = np.random.default_rng(seed)
    hidden, table = rng.normal(size=(n, dim)), rng.normal(size=(n_items, dim))
    targets = rng.integers(n_items, size=n)
    return tuple(map(torch.tensor, (hidden, table, targets)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(0, 1))
def test_bce_is_eq_1_and_gbce_its_power(seed, k, beta):
    hidden, table, targets = problem(seed)
    negatives = draw_negatives(targets, len(table), k, stream(seed))
    arrays = [tensor.numpy() for tensor in (hidden, table, targets, negatives)]
    found = binary_cross_entropy(hidden, table, targets, k, stream(seed), beta=beta)
    assert found.item() == pytest.approx(oracles.binary_cross_entropy(*arrays, beta), rel=1e-9)
    mean = binary_cross_entropy(
        hidden, table, targets, k, stream(seed), reduction="mean", beta=beta
    )
    assert mean.item() == pytest.approx(found.item() / (1 + k))


def test_gradient_is_finite_differences():
    hidden, table, targets = problem()
    inputs = hidden.requires_grad_(), table.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h, t: binary_cross_entropy(h, t, targets, 4, stream()), inputs
    )


def test_chunks_change_neither_value_nor_gradient(monkeypatch):
    found = []
    for numbers in (binary.GATHERED_NUMBERS, 2 * 4 * 3):  # all positions at once; two at a time
        monkeypatch.setattr(binary, "GATHERED_NUMBERS", numbers)
        hidden, table, targets = problem()
        inputs = hidden.requires_grad_(), table.requires_grad_()
        loss = binary_cross_entropy(*inputs, targets, 4, stream())
        found.append([loss, *torch.autograd.grad(loss, inputs)])
    torch.testing.assert_close(*found)


@given(st.integers(1, 500), st.integers(2, 1000))
def test_the_power_goes_from_one_to_the_sampling_rate(k, n_items):
    assert positive_power(k, n_items, 0.0) == pytest.approx(1)
    assert positive_power(k, n_items, 1.0) == pytest.approx(k / (n_items - 1))


def test_the_power_by_hand():
    # a = 10 / 100; beta = 0.1 (0.75 (1 - 10) + 10) = 0.325
    assert positive_power(10, 101, 0.75) == pytest.approx(0.325)


def test_large_scores_do_not_overflow():
    table = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    loss = binary_cross_entropy(torch.ones(1, 1), table, torch.tensor([1]), 2, stream())
    loss.backward()
    assert loss.item() == pytest.approx(3e4)  # the positive at -1e4, both negatives at 1e4
    assert torch.isfinite(table.grad).all()
