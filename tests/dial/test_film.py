from itertools import pairwise

import numpy as np
import pytest
import torch
from handmade import histories_of
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.config import ModelConfig, experiment
from btsr_core.dial.film import CONDITIONER, build_conditioned
from btsr_core.model.sasrec import SASRec
from btsr_core.training.train import build_model

CPU = torch.device("cpu")
N_ITEMS, WIDTH = 30, 5
CONFIG = ModelConfig(dim=8, n_blocks=2, dropout=0.4, max_len=12)
HISTORIES = histories_of([[3], [1, 2], [5, 6, 7, 7], [0, 29, 4, 4, 9]])
shares = st.floats(0, 1)


def conditioned(*, moved=True):
    model = build_conditioned(N_ITEMS, CONFIG, WIDTH, seed=0, device=CPU).eval()
    if moved:  # far from the start, so that every path matters
        torch.manual_seed(0)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.3 * torch.randn_like(weight))
    return model


def plain(weights):
    model = SASRec(N_ITEMS, CONFIG).eval()
    model.load_state_dict(weights)  # strictly: all of a plain model's weights, and no others
    return model


@given(shares)
def test_it_begins_as_the_plain_model_of_the_seed_whatever_the_share(share):
    model = conditioned(moved=False)
    start = build_model(
        experiment(seed=0, **CONFIG.model_dump(), regulariser="none"), N_ITEMS, CPU
    ).state_dict()
    written = model.written_out(share)
    assert written.keys() == start.keys()
    assert all(torch.equal(weight, start[name]) for name, weight in written.items())
    torch.testing.assert_close(model(HISTORIES), plain(start)(HISTORIES), rtol=0, atol=0)


@settings(max_examples=20)
@given(shares)
def test_written_out_it_is_the_plain_model_of_a_share(share):
    model = conditioned()
    written = plain(model.written_out(share))
    model.turn(share)
    for last_only in (False, True):
        found, expected = (m(HISTORIES, last_only=last_only) for m in (model, written))
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(shares)
def test_weights_are_modulated_as_the_equations_say(share):
    """(gamma, beta) = V (h(s) - h(1/2)), then w (1 + gamma) and b (1 + gamma) + beta."""
    model = conditioned()
    state = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    a, c = (state[f"{CONDITIONER}hidden.{name}"] for name in ("weight", "bias"))

    def hidden(s):
        z = a[:, 0] * (2 * s - 1) + c
        return z / (1 + np.exp(-z))

    told = state[f"{CONDITIONER}last.weight"] @ (hidden(share) - hidden(0.5))
    names = [f"blocks.{b}.{n}_norm" for b in (0, 1) for n in ("attention", "network")] + ["norm"]
    found = model.written_out(share)
    for name, (gamma, beta) in zip(names, told.reshape(len(names), 2, -1), strict=True):
        weight, bias = state.pop(f"{name}.weight"), state.pop(f"{name}.bias")
        np.testing.assert_allclose(found[f"{name}.weight"], weight * (1 + gamma), rtol=1e-5)
        expected = bias * (1 + gamma) + beta
        np.testing.assert_allclose(found[f"{name}.bias"], expected, rtol=1e-5, atol=1e-6)
    for name, tensor in state.items():
        if not name.startswith(CONDITIONER):
            np.testing.assert_array_equal(found[name], tensor.astype(np.float32))


def test_shares_differ_once_the_conditioner_has_moved():
    model = conditioned()
    outputs = [plain(model.written_out(share))(HISTORIES) for share in (0.0, 0.5, 1.0)]
    assert not any(torch.allclose(a, b) for a, b in pairwise(outputs))


def test_gradients_reach_the_conditioner():
    model = conditioned(moved=False)
    model.turn(0.9)
    (model(HISTORIES) ** 3).sum().backward()
    last = model.conditioner["last"].weight.grad
    assert (last.view(5, 2, -1).abs().sum(2) > 0).all()  # gamma and beta of every normalisation
    moved = conditioned()
    moved.turn(0.9)
    (moved(HISTORIES) ** 3).sum().backward()
    assert (moved.conditioner["hidden"].weight.grad != 0).any()


def test_the_middle_has_the_weights_that_a_plain_model_has_too():
    model = conditioned()
    state = model.state_dict()
    for name, weight in model.written_out(0.5).items():
        torch.testing.assert_close(weight, state[name], rtol=0, atol=0)


def test_writing_out_changes_nothing():
    model = conditioned()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = model.written_out(0.2)
    for weight in first.values():
        weight.zero_()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("seed", [0, 7])
def test_building_leaves_the_global_generator_alone(seed):
    state = torch.get_rng_state()
    one, other = (build_conditioned(N_ITEMS, CONFIG, WIDTH, seed, CPU) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
