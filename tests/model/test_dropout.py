import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.model.dropout import attention, dropout


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 0.5, 0.9])
def test_entries_are_dropped_at_the_rate_and_the_others_scaled(rate):
    torch.manual_seed(0)
    n = 400_003
    found = dropout(torch.full((n,), 2.0), rate)
    kept = found != 0
    torch.testing.assert_close(
        found[kept], torch.full((int(kept.sum()),), 2 / (1 - rate)), rtol=2e-4, atol=0
    )
    deviation = (rate * (1 - rate) / n) ** 0.5
    assert abs(1 - kept.float().mean().item() - rate) < 5 * deviation + 2**-17
    neighbours = (kept[1:] == kept[:-1]).float().mean().item()  # draws share a word
    assert abs(neighbours - (rate**2 + (1 - rate) ** 2)) < 5 * deviation + 2**-16


@given(st.lists(st.integers(0, 5), min_size=0, max_size=4), st.sampled_from([0.25, 0.5]))
def test_any_shape_keeps_it_and_the_gradient_takes_the_same_entries(shape, rate):
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    found = dropout(x, rate)
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    found.sum().backward()
    assert torch.equal(x.grad, found)


def test_draws_belong_to_the_global_generator():
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(dropout(torch.ones(1000), 0.5))
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_no_rate_draws_nothing():
    state = torch.get_rng_state()
    x = torch.ones(3)
    assert dropout(x, 0.0) is x
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_without_luck_is_that_of_pytorch(monkeypatch, masked):
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, 2, 5, 4, dtype=torch.float64) for _ in "qkv")
    mask = (torch.arange(5) < torch.tensor([[1], [3], [5]]))[:, None, None] if masked else None
    monkeypatch.setattr("btsr_core.model.dropout.dropout", lambda x, rate: x)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=not masked)
    torch.testing.assert_close(attention(q, k, v, 0.5, mask), expected)
    torch.testing.assert_close(attention(q, k, v, 0.0, mask), expected)


def test_attention_drops_weights():
    torch.manual_seed(0)
    q, k = torch.zeros(1, 1, 400, 2), torch.zeros(1, 1, 400, 2)
    v = torch.ones(1, 1, 400, 1)
    last = torch.stack([attention(q, k, v, 0.5)[0, 0, -1, 0] for _ in range(200)])
    assert last.std() > 0.02  # 400 weights of 1/400, each kept or not: a deviation of 0.05
    assert abs(last.mean() - 1) < 0.02
