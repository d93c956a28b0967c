import dataclasses

import pytest
import torch
from handmade import histories_of
from odd_files import FLIPS, flips_found

from btsr_core.dial.artefact import Dial, load_dial, save_dial
from btsr_core.dial.film import build_conditioned
from btsr_core.dial.interpolation import ends
from btsr_core.dial.settings import KINDS, dial_config
from btsr_core.errors import InputError
from btsr_core.model.sasrec import SASRec
from btsr_core.training.train import build_model

CPU = torch.device("cpu")
N_ITEMS = 12
HISTORIES = histories_of([[3], [1, 2], [5, 6, 7]])


def with_alpha(tiny, alpha=0.5, **loss):
    changed = tiny.loss.model_copy(update={"alpha": alpha, **loss})
    return tiny.model_copy(update={"loss": changed})


def made(tiny, kind):
    """A dial whose weights are far from each other."""
    config = dial_config(with_alpha(tiny), kind)
    torch.manual_seed(0)
    if kind == "interpolated":
        low, high = (build_model(config.experiment, N_ITEMS, CPU).state_dict() for _ in range(2))
        tensors = ends(low, {name: torch.randn_like(tensor) for name, tensor in high.items()})
    else:
        model = build_conditioned(N_ITEMS, tiny.model, config.settings.width, 0, CPU)
        tensors = {name: torch.randn_like(tensor) for name, tensor in model.state_dict().items()}
    return Dial(config, N_ITEMS, "content", tensors)


@pytest.fixture(params=list(KINDS))
def dial(request, tiny):
    return made(tiny, request.param)


def test_models_are_plain_and_ready_to_score(dial):
    for alpha in (0.0, 0.123, 0.5):
        model = dial.model_at(alpha)
        assert type(model) is SASRec
        assert not model.training
        assert torch.isfinite(model(HISTORIES)).all()
    outputs = [dial.model_at(alpha)(HISTORIES) for alpha in (0.0, 0.25, 0.5)]
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[1], outputs[2])


@pytest.mark.parametrize("alpha", [-0.001, 0.501, 7.0, float("nan")])
def test_an_alpha_outside_of_the_range_is_refused(dial, alpha):
    with pytest.raises(InputError, match=r"alpha = .* 0 to 0\.5"):
        dial.model_at(alpha)


def test_what_is_saved_is_loaded(dial, tmp_path):
    path = save_dial(dial, tmp_path)
    assert path == tmp_path / f"{dial.dial_id}.safetensors"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    found = load_dial(path)
    assert (found.config, found.n_items, found.fingerprint) == (dial.config, N_ITEMS, "content")
    assert found.dial_id == dial.dial_id
    for alpha in (0.0, 0.3, 0.5):
        assert torch.equal(found.model_at(alpha)(HISTORIES), dial.model_at(alpha)(HISTORIES))


def test_loading_leaves_the_global_generator_alone(dial, tmp_path):
    path = save_dial(dial, tmp_path)
    state = torch.get_rng_state()
    load_dial(path).model_at(0.2)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("content", [None, b"", b"half a file"])
def test_a_file_that_is_no_dial_is_named(tmp_path, content):
    path = tmp_path / "dial.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"dial\.safetensors cannot be read"):
        load_dial(path)


def test_weights_of_another_shape_are_refused(dial, tmp_path):
    path = save_dial(dataclasses.replace(dial, n_items=N_ITEMS + 1), tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        load_dial(path)


def test_names_tell_dials_apart(tiny):
    one = dial_config(with_alpha(tiny), "conditioned")
    wide = one.model_copy(update={"settings": one.settings.model_copy(update={"width": 8})})
    others = [
        dial_config(with_alpha(tiny), "interpolated"),
        dial_config(with_alpha(tiny, 0.4), "conditioned"),
        dial_config(with_alpha(tiny), "conditioned", low=0.1),
        wide,
    ]
    names = {config.dial_id("content") for config in (one, *others)} | {one.dial_id("another")}
    assert len(names) == 6
    elsewhere = one.experiment.data.model_copy(update={"source": "/somewhere/else.csv"})
    moved = one.experiment.model_copy(update={"data": elsewhere})
    assert dial_config(moved, "conditioned").dial_id("content") == one.dial_id("content")


def test_what_cannot_be_dialled_is_refused(tiny):
    with pytest.raises(InputError, match="conditioned, interpolated"):
        dial_config(with_alpha(tiny), "guessed")
    with pytest.raises(InputError, match="range of alpha"):
        dial_config(with_alpha(tiny, 0.0), "conditioned")
    with pytest.raises(InputError, match="range of alpha"):
        dial_config(with_alpha(tiny), "conditioned", low=0.5)
    headed = tiny.loss.regulariser.model_copy(update={"projection_dim": 5})
    with pytest.raises(InputError, match="projection head"):
        dial_config(with_alpha(tiny, regulariser=headed), "interpolated")


def test_shares_and_alphas_are_inverse(tiny):
    config = dial_config(with_alpha(tiny), "conditioned", low=0.1)
    assert (config.share(0.1), config.share(0.5)) == (0.0, 1.0)
    assert config.share(config.alpha(0.3)) == pytest.approx(0.3)
    assert config.at(0.2).loss.alpha == 0.2
    assert config.at(0.2).train == config.experiment.train


def test_every_flipped_bit_is_found(dial, tmp_path):
    path = save_dial(dial, tmp_path)
    assert flips_found(path, lambda: load_dial(path)) == FLIPS


def test_weights_that_are_not_finite_or_of_another_dial_are_refused(dial, tmp_path):
    name = next(iter(dial.tensors))
    odd = {**dial.tensors, name: torch.full_like(dial.tensors[name], torch.nan)}
    with pytest.raises(InputError, match="a weight is not finite"):
        load_dial(save_dial(dataclasses.replace(dial, tensors=odd), tmp_path))
    other = save_dial(dial, tmp_path).rename(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=f"it is dial {dial.dial_id}"):
        load_dial(other)
