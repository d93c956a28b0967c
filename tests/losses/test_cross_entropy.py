import numpy as np
import oracles
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.losses import cross_entropy as module
from btsr_core.losses.cross_entropy import cross_entropy


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 9), st.integers(1, 5))
def test_cross_entropy_is_eq_3(seed, n, n_items, dim):
    rng = np.random.default_rng(seed)
    hidden, table = rng.normal(size=(n, dim)), 3 * rng.normal(size=(n_items, dim))
    targets = rng.integers(n_items, size=n)
    loss = cross_entropy(*map(torch.tensor, (hidden, table, targets)))
    expected = oracles.cross_entropy(hidden, table, targets)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def problem(n=7, n_items=4, dim=3):
    torch.manual_seed(0)
    hidden, table = torch.randn(n, dim).double(), torch.randn(n_items, dim).double()
    return hidden.requires_grad_(), table.requires_grad_(), torch.randint(n_items, (n,))


@pytest.fixture(params=[1, 2, 3, 7, 100])
def rows(request, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_LOGITS", {"cpu": 1})
    monkeypatch.setattr(module, "CHUNK_ROWS", request.param)


@pytest.mark.usefixtures("rows")
def test_gradient_is_finite_differences_for_every_chunk():
    hidden, table, targets = problem()
    assert torch.autograd.gradcheck(lambda h, t: cross_entropy(h, t, targets), (hidden, table))


@pytest.mark.usefixtures("rows")
def test_chunks_give_the_value_and_gradient_of_all_logits_at_once():
    hidden, table, targets = problem(n=20, n_items=11)
    (3 * cross_entropy(hidden, table, targets)).backward()
    found = hidden.grad.clone(), table.grad.clone()
    hidden.grad = table.grad = None
    (3 * F.cross_entropy(hidden @ table.T, targets)).backward()
    torch.testing.assert_close(found, (hidden.grad, table.grad))


def test_a_repeated_target_is_subtracted_once_a_position():
    hidden, table, _ = problem(n=5)
    targets = torch.tensor([2, 2, 2, 2, 0])
    assert torch.autograd.gradcheck(lambda h, t: cross_entropy(h, t, targets), (hidden, table))


def test_only_what_needs_a_gradient_gets_one():
    hidden, table, targets = problem()
    cross_entropy(hidden.detach(), table, targets).backward()
    assert hidden.grad is None
    assert table.grad is not None
    with torch.no_grad():
        assert not cross_entropy(hidden, table, targets).requires_grad


def test_large_scores_do_not_overflow():
    table = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    loss = cross_entropy(torch.ones(1, 1), table, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert torch.isfinite(table.grad).all()
