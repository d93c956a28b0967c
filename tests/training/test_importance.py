import numpy as np
import oracles
import pytest
import torch
from handmade import pack

from btsr_core.config import ModelConfig
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences
from btsr_core.training import importance
from btsr_core.training.importance import item_importance

CPU = torch.device("cpu")
N_ITEMS, MAX_LEN = 20, 5
LISTS = [
    [3, 4],
    [7],
    [1, 2, 3, 4],
    [],
    [9, 9, 9, 2, 1, 0, 5, 6],
    [5, 6, 7],
    [11, 12, 13, 14, 15, 16],
]


def model_and_store(lists=LISTS, **settings):
    torch.manual_seed(2)
    config = ModelConfig(dim=6, n_blocks=2, n_heads=2, dropout=0.5, max_len=MAX_LEN)
    model = SASRec(N_ITEMS, config, **settings).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(10).add_(0.1 * torch.randn_like(weight))
    return model, PackedSequences.pack(pack(lists), N_ITEMS, CPU)


def inputs_of(items):
    return items[:-1][-MAX_LEN:]


@pytest.mark.parametrize("has_mask_token", [False, True])
def test_importance_is_central_differences_of_the_best_score(has_mask_token):
    model, store = model_and_store(has_mask_token=has_mask_token)
    found = item_importance(model, store, MAX_LEN).split([len(items) for items in LISTS])
    weights = {name: weight.detach().numpy() for name, weight in model.state_dict().items()}
    table = weights["item_embedding.weight"]

    def scores(embedded):
        """Of the catalogue, for a history whose items are embedded one by one."""
        rows = weights | {"item_embedding.weight": embedded}
        return table @ oracles.sasrec(rows, list(range(len(embedded))), 2)[-1]

    for items, values in zip(LISTS, found, strict=True):
        inputs = inputs_of(items)
        expected = np.zeros(len(items))
        if inputs:
            embedded = table[inputs]
            second, first = np.sort(scores(embedded))[-2:]
            assert first - second > 1e-3  # no tie, so that the best stays the best
            slopes = np.zeros_like(embedded)
            for entry in np.ndindex(slopes.shape):
                step = np.zeros_like(embedded)
                step[entry] = 1e-5
                ahead, back = (scores(embedded + s).max() for s in (step, -step))
                slopes[entry] = (ahead - back) / 2e-5
            assert (abs(slopes.sum(1)) < 1e-6 * abs(slopes).sum()).all()  # with signs: nothing
            stop = len(items) - 1
            expected[stop - len(inputs) : stop] = abs(slopes).sum(1) / abs(slopes).sum()
        np.testing.assert_allclose(values.numpy(), expected, rtol=1e-5, atol=1e-9)


def test_importance_sums_to_one_over_each_input():
    model, store = model_and_store()
    found = item_importance(model.float(), store, MAX_LEN)
    assert found.shape == store.item_ids.shape
    for items, values in zip(LISTS, found.split([len(items) for items in LISTS]), strict=True):
        assert values.sum().item() == pytest.approx(1 if inputs_of(items) else 0, abs=1e-6)


@pytest.mark.parametrize(("name", "value"), [("BATCH", 2), ("MOST_SCORES", 1)])
def test_importance_does_not_depend_on_how_it_is_cut(monkeypatch, name, value):
    model, store = model_and_store()
    whole = item_importance(model, store, MAX_LEN)
    monkeypatch.setattr(importance, name, value)
    torch.testing.assert_close(item_importance(model, store, MAX_LEN), whole)


def test_without_a_gradient_importance_is_uniform():
    model, store = model_and_store()
    with torch.no_grad():
        model.norm.weight.zero_()  # a constant output
    found = item_importance(model, store, MAX_LEN)
    for items, values in zip(LISTS, found.split([len(items) for items in LISTS]), strict=True):
        n = len(inputs_of(items))
        expected = [0.0] * (len(items) - 1 - n) + [1 / n] * n + [0.0] if n else [0.0] * len(items)
        assert values.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("training", [True, False])
def test_explaining_leaves_model_gradients_and_generator_alone(training):
    model, store = model_and_store()
    model.train(training)
    state = torch.get_rng_state()
    with torch.no_grad():  # whatever the caller has switched off
        found = item_importance(model, store, MAX_LEN)
    assert not found.requires_grad
    assert model.training == training
    assert all(module.training == training for module in model.modules())
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
