import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.config import ModelConfig
from btsr_core.model import SASRec

N_ITEMS, MAX_LEN = 30, 12


@pytest.fixture(scope="module", params=[1, 2], ids=["one head", "two heads"])
def model(request):
    torch.manual_seed(0)
    config = ModelConfig(dim=16, n_blocks=2, n_heads=request.param, dropout=0.4, max_len=MAX_LEN)
    model = SASRec(N_ITEMS, config).eval()
    with torch.no_grad():  # far from the small initial weights, so that every path matters
        for weight in model.parameters():
            weight.mul_(10).add_(0.1 * torch.randn_like(weight))
        model.item_embedding.weight[N_ITEMS].zero_()
    return model.double()


histories = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=MAX_LEN)


@settings(deadline=None)
@given(histories, st.data())
def test_padding_on_the_left_changes_nothing(model, history, data):
    extra = data.draw(st.integers(0, MAX_LEN - len(history)))
    ids = torch.tensor([history])
    padded = torch.cat([torch.full((1, extra), N_ITEMS), ids], 1)
    difference = (model(padded)[:, extra:] - model(ids)).abs().max()
    assert difference <= 1e-12


@settings(deadline=None)
@given(histories, st.data())
def test_padding_on_the_left_changes_nothing_in_single_precision(history, data):
    torch.manual_seed(1)
    model = SASRec(N_ITEMS, ModelConfig(max_len=MAX_LEN)).eval()
    extra = data.draw(st.integers(0, MAX_LEN - len(history)))
    ids = torch.tensor([history])
    padded = torch.cat([torch.full((1, extra), N_ITEMS), ids], 1)
    assert (model(padded)[:, extra:] - model(ids)).abs().max() <= 1e-6


@settings(deadline=None)
@given(histories, st.data())
def test_the_future_changes_no_earlier_output(model, history, data):
    t = data.draw(st.integers(0, len(history) - 1))
    changed = list(history)
    changed[t] = (changed[t] + 1) % N_ITEMS
    before, after = (model(torch.tensor([h]))[0] for h in (history, changed))
    assert torch.equal(before[:t], after[:t])
    assert not torch.equal(before[t:], after[t:])  # .. while it does change its own


def test_neighbours_in_a_batch_change_nothing(model):
    short, long = [3, 1, 4], [1, 5, 9, 2, 6, 5, 3]
    pad = [N_ITEMS] * (len(long) - len(short))
    both = model(torch.tensor([pad + short, long]))
    torch.testing.assert_close(both[0, len(pad) :], model(torch.tensor([short]))[0])


def test_only_padding_is_finite_forward_and_backward(model):
    out = model(torch.full((2, 5), N_ITEMS))
    assert torch.isfinite(out).all()
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    model.zero_grad()


def test_padding_row_is_zero_never_scored_and_never_learns():
    model = SASRec(N_ITEMS, ModelConfig(dim=8))
    assert model.item_table.shape == (N_ITEMS, 8)
    adam = torch.optim.Adam(model.parameters(), weight_decay=1e-2)
    hidden = model(torch.tensor([[N_ITEMS, N_ITEMS, 2, 3]]))
    (hidden[:, -1] @ model.item_table.T).sum().backward()
    adam.step()
    assert torch.equal(model.item_embedding.weight[N_ITEMS], torch.zeros(8))


def test_positions_count_from_the_newest_item(model):
    ahead, newest = model(torch.tensor([[1, 2, 2]]))[0, 1], model(torch.tensor([[1, 2]]))[0, 1]
    assert not torch.allclose(ahead, newest)  # the same prefix, one step older


def test_a_mask_token_adds_one_vector_and_changes_no_other_weight():
    states = []
    for has_mask_token in (False, True):
        torch.manual_seed(3)
        model = SASRec(N_ITEMS, ModelConfig(dim=8), has_mask_token=has_mask_token)
        assert model.item_table.shape == (N_ITEMS, 8)
        states.append(model.state_dict())
    plain, masked = states
    assert masked.pop("mask_embedding.weight").shape == (1, 8)
    assert plain.keys() == masked.keys()
    assert all(torch.equal(plain[name], masked[name]) for name in plain)


def test_a_masked_item_is_seen_as_the_mask_vector():
    torch.manual_seed(4)
    model = SASRec(N_ITEMS, ModelConfig(dim=8), has_mask_token=True).eval()
    with torch.no_grad():
        model.mask_embedding.weight.copy_(model.item_table[5:6])
    ids = torch.tensor([[N_ITEMS, 3, model.mask_id, 7]])
    torch.testing.assert_close(model(ids), model(torch.tensor([[N_ITEMS, 3, 5, 7]])))
    model(ids)[:, -1].sum().backward()
    assert model.mask_embedding.weight.grad.abs().sum() > 0
    assert torch.equal(model.item_embedding.weight.grad[N_ITEMS], torch.zeros(8))
