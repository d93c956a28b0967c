import math

import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses.cross_entropy import cross_entropy
from btsr_core.losses.sce import default_size, scalable_cross_entropy

CPU = torch.device("cpu")
seeds = st.integers(0, 2**32 - 1)


def stream(seed=0):
    return torch.Generator(CPU).manual_seed(seed)


def problem(seed=0, n=8, n_items=12, dim=3):
    rng = np.random.default_rng(seed)
    hidden, table = rng.normal(size=(n, dim)), rng.normal(size=(n_items, dim))
    return tuple(map(torch.tensor, (hidden, table, rng.integers(n_items, size=n))))


@given(seeds, st.booleans(), st.integers(1, 4), st.integers(1, 9), st.integers(1, 13))
def test_sce_is_eq_4_with_buckets(seed, mix, n_buckets, bucket_positions, bucket_items):
    hidden, table, targets = problem(seed)
    n, dim = hidden.shape
    shape = (n_buckets, n if mix else dim)
    directions = torch.randn(shape, generator=stream(seed), dtype=torch.float64).numpy()
    if mix:
        directions = directions @ hidden.numpy()
    expected = oracles.scalable_cross_entropy(
        hidden.numpy(), table.numpy(), targets.numpy(), directions, bucket_positions, bucket_items
    )
    found = scalable_cross_entropy(
        hidden, table, targets, stream(seed), mix=mix,
        n_buckets=n_buckets, bucket_positions=bucket_positions, bucket_items=bucket_items,
    )  # fmt: skip
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seeds, st.booleans(), st.integers(1, 3))
def test_buckets_that_hold_everything_give_the_full_softmax(seed, mix, n_buckets):
    hidden, table, targets = problem(seed)
    inputs = hidden.requires_grad_(), table.requires_grad_()
    loss = scalable_cross_entropy(
        *inputs, targets, stream(seed), mix=mix,
        n_buckets=n_buckets, bucket_positions=len(hidden), bucket_items=len(table),
    )  # fmt: skip
    full = cross_entropy(*inputs, targets)
    torch.testing.assert_close(loss, full)
    torch.testing.assert_close(torch.autograd.grad(loss, inputs), torch.autograd.grad(full, inputs))


def test_gradient_is_finite_differences():
    hidden, table, targets = problem()
    inputs = hidden.requires_grad_(), table.requires_grad_()

    def loss(h, t):
        # Plain directions do not move with the positions, and steps of 1e-6 leave buckets alone.
        return scalable_cross_entropy(
            h, t, targets, stream(), n_buckets=2, bucket_positions=4, bucket_items=5, mix=False
        )

    assert torch.autograd.gradcheck(loss, inputs)


def test_fewer_items_never_give_a_larger_loss():
    hidden, table, targets = problem(n=30, n_items=40)
    losses = [
        scalable_cross_entropy(
            hidden, table, targets, stream(), n_buckets=1, bucket_positions=30, bucket_items=items
        ).item()
        for items in (1, 5, 20, 40)
    ]
    assert losses == sorted(losses)


def test_one_position_whose_only_item_is_its_target():
    loss = scalable_cross_entropy(
        torch.ones(1, 2), torch.ones(1, 2), torch.tensor([0]), stream(),
        n_buckets=1, bucket_positions=1, bucket_items=1,
    )  # fmt: skip
    assert loss.item() == 0


def test_the_authors_sizes():
    assert default_size(1) == 2
    assert default_size(10_000) == 200
    assert default_size(50) == math.floor(2 * math.sqrt(50))
