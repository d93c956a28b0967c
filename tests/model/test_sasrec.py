import numpy as np
import oracles
import pytest
import torch
from handmade import histories_of
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.config import ModelConfig
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import Group, Histories

N_ITEMS, MAX_LEN = 30, 12


@pytest.fixture(scope="module", params=[1, 2], ids=["one head", "two heads"])
def model(request):
    torch.manual_seed(0)
    config = ModelConfig(dim=16, n_blocks=2, n_heads=request.param, dropout=0.4, max_len=MAX_LEN)
    model = SASRec(N_ITEMS, config).eval()
    with torch.no_grad():  # far from the small initial weights, so that every path matters
        for weight in model.parameters():
            weight.mul_(10).add_(0.1 * torch.randn_like(weight))
    return model.double()


history = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=MAX_LEN)
batches = st.lists(history, min_size=1, max_size=9).map(lambda lists: sorted(lists, key=len))


@given(batches)
def test_outputs_are_those_of_the_equations_history_by_history(model, lists):
    histories = histories_of(lists)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    expected = [oracles.sasrec(weights, items, model.blocks[0].n_heads) for items in lists]
    np.testing.assert_allclose(
        model(histories).detach().numpy(), np.concatenate(expected), rtol=1e-9, atol=1e-9
    )
    last = np.stack([outputs[-1] for outputs in expected])
    for gradients in (True, False):  # two ways to compute the same
        with torch.set_grad_enabled(gradients):
            found = model(histories, last_only=True).detach().numpy()
        np.testing.assert_allclose(found, last, rtol=1e-9, atol=1e-9)


@given(history, st.integers(0, MAX_LEN))
def test_padding_on_the_right_of_a_rectangle_changes_nothing(model, items, extra):
    plain = histories_of([items])
    wide = Histories(plain.item_ids, plain.lengths, (Group(1, len(items) + extra),))
    for last_only, gradients in ((False, True), (True, True), (True, False)):
        with torch.set_grad_enabled(gradients):
            difference = model(wide, last_only=last_only) - model(plain, last_only=last_only)
        assert difference.abs().max() <= 1e-12


@given(batches)
def test_neighbours_change_nothing_in_single_precision(lists):
    torch.manual_seed(1)
    model = SASRec(N_ITEMS, ModelConfig(max_len=MAX_LEN)).eval()
    together = model(histories_of(lists))
    alone = torch.cat([model(histories_of([items])) for items in lists])
    assert (together - alone).abs().max() <= 1e-6


@given(history, st.data())
def test_the_future_changes_no_earlier_output(model, items, data):
    t = data.draw(st.integers(0, len(items) - 1))
    changed = list(items)
    changed[t] = (changed[t] + 1) % N_ITEMS
    before, after = (model(histories_of([h])) for h in (items, changed))
    assert torch.equal(before[:t], after[:t])
    assert not torch.equal(before[t:], after[t:])  # .. while it does change its own


@pytest.mark.parametrize("last_only", [False, True])
def test_gradients_are_finite_differences(model, last_only):
    histories = histories_of([[1], [2], [3, 4], [5, 6], [1, 2, 3]])
    embedded = model.embed(histories).detach().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: model.encode(x, histories, last_only=last_only), (embedded,)
    )


def test_gradients_of_a_batch_are_those_of_its_histories(model):
    lists = [[1], [4, 2], [2, 5, 4], [9, 8, 7, 6, 5, 4, 3]]
    weights = list(model.parameters())
    direction = torch.randn(sum(map(len, lists)), 16, dtype=torch.float64)
    together = torch.autograd.grad((model(histories_of(lists)) * direction).sum(), weights)
    parts = zip(lists, torch.split(direction, list(map(len, lists))), strict=True)
    alone = sum((model(histories_of([items])) * part).sum() for items, part in parts)
    torch.testing.assert_close(together, torch.autograd.grad(alone, weights))


def test_dropout_acts_in_training_alone():
    model = SASRec(N_ITEMS, ModelConfig(dim=8, dropout=0.5))
    histories = histories_of([[1], [2, 3, 4]])
    for last_only, gradients in ((False, True), (True, True), (True, False)):
        with torch.set_grad_enabled(gradients):
            assert not torch.equal(*(model(histories, last_only=last_only) for _ in "ab"))
            model.eval()
            assert torch.equal(*(model(histories, last_only=last_only) for _ in "ab"))
            model.train()


def test_the_table_has_a_row_an_item():
    model = SASRec(N_ITEMS, ModelConfig(dim=8))
    assert model.item_table.shape == (N_ITEMS, 8)
    assert model.item_table is model.item_embedding.weight


def test_positions_count_from_the_newest_item(model):
    ahead, newest = model(histories_of([[1, 2, 2]]))[1], model(histories_of([[1, 2]]))[1]
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


@pytest.mark.parametrize("has_mask_token", [False, True])
def test_a_projection_head_comes_last_and_changes_no_other_weight(has_mask_token):
    states = []
    for projection_dim in (0, 6):
        torch.manual_seed(3)
        config = ModelConfig(dim=8)
        model = SASRec(
            N_ITEMS, config, has_mask_token=has_mask_token, projection_dim=projection_dim
        )
        states.append(model.state_dict())
    plain, headed = states
    assert [name for name in headed if name not in plain] == list(headed)[len(plain) :]
    assert all(torch.equal(headed.pop(name), weight) for name, weight in plain.items())
    shapes = {name.removeprefix("projection."): tuple(w.shape) for name, w in headed.items()}
    assert shapes == {
        "0.weight": (6, 8), "0.bias": (6,), "1.weight": (6,), "1.bias": (6,),
        "3.weight": (6, 6), "3.bias": (6,),
    }  # fmt: skip
    for name, weight in headed.items():
        assert (weight.std() > 0) == (weight.dim() > 1), name  # drawn, or a constant
    torch.manual_seed(3)
    again = SASRec(N_ITEMS, config, has_mask_token=has_mask_token, projection_dim=6).state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in headed.items())


def test_the_projection_is_two_layers_around_a_norm_row_by_row_and_no_part_of_the_outputs():
    torch.manual_seed(5)
    model = SASRec(N_ITEMS, ModelConfig(dim=8, n_blocks=1), projection_dim=6).eval().double()
    histories = histories_of([[1], [2, 3]])
    z = model(histories, last_only=True)
    assert z.shape == (2, 8)
    weights = {n: w.detach().numpy() for n, w in model.projection.state_dict().items()}
    hidden = z.detach().numpy() @ weights["0.weight"].T
    hidden -= hidden.mean(1, keepdims=True)
    hidden /= np.sqrt((hidden**2).mean(1, keepdims=True) + 1e-5)
    expected = np.maximum(hidden, 0) @ weights["3.weight"].T
    np.testing.assert_allclose(model.project(z).detach().numpy(), expected, rtol=1e-9)
    assert SASRec(N_ITEMS, ModelConfig(dim=8)).project(z) is z


def test_a_masked_item_is_seen_as_the_mask_vector():
    torch.manual_seed(4)
    model = SASRec(N_ITEMS, ModelConfig(dim=8), has_mask_token=True).eval()
    with torch.no_grad():
        model.mask_embedding.weight.copy_(model.item_table[5:6])
    hidden = histories_of([[3, model.mask_id, 7]])
    torch.testing.assert_close(model(hidden), model(histories_of([[3, 5, 7]])))
    model(hidden, last_only=True)[0, 0].backward()
    assert model.mask_embedding.weight.grad.abs().sum() > 0
    assert set(model.item_embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist()) == {3, 7}
