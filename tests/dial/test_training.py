from itertools import repeat

import pytest
import torch

from btsr_core.dial.settings import CHECKED, KINDS, dial_config
from btsr_core.dial.training import at_alpha, drawn_losses, train_dial
from btsr_core.experiment import prepare, run_experiment
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import index_by_target
from btsr_core.training import train
from btsr_core.training.train import build_model, fit, fit_model, validation_metrics

CPU = torch.device("cpu")
EPOCHS = 3


@pytest.fixture(scope="module")
def data(tiny):
    return prepare(tiny.data)


def config_of(tiny, kind, **settings):
    changed = tiny.loss.model_copy(update={"alpha": 0.5})
    config = dial_config(tiny.model_copy(update={"loss": changed}), kind)
    own = config.settings.model_copy(update={"epochs": EPOCHS, **settings})
    return config.model_copy(update={"settings": own})


def made(config, data, folder, **options):
    return train_dial(
        config, data, folder=folder / "own", device=CPU, runs=folder / "runs", progress=False,
        **options,
    )  # fmt: skip


def assert_same(one, other):
    assert one.dial.tensors.keys() == other.dial.tensors.keys()
    for name, tensor in one.dial.tensors.items():
        assert torch.equal(tensor, other.dial.tensors[name]), name
    left, right = (t.curves.drop(columns="seconds") for t in (one, other))
    assert left.equals(right)


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_dial_equals_an_uninterrupted_one(tiny, data, tmp_path, monkeypatch, kind):
    config = config_of(tiny, kind)
    whole = made(config, data, tmp_path / "whole")
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", 0.0)
    real, calls = train.train_epoch, []

    def killed(*args, **options):
        calls.append(args[4])
        if len(calls) % 3 == 0:  # every third epoch begun is lost
            raise Killed
        return real(*args, **options)

    monkeypatch.setattr(train, "train_epoch", killed)
    for _ in range(20):
        try:
            found = made(config, data, tmp_path / "parts")
            break
        except Killed:
            continue
    assert len(calls) > 3
    assert_same(whole, found)


def test_ends_that_are_trained_are_not_trained_again(tiny, data, tmp_path, monkeypatch):
    config = config_of(tiny, "interpolated")
    first = made(config, data, tmp_path)
    monkeypatch.setattr(train, "train_epoch", None)
    assert_same(first, made(config, data, tmp_path))


def test_alphas_are_drawn_uniformly_from_a_stream_of_their_own(tiny, data, monkeypatch):
    config = config_of(tiny, "conditioned")
    turned = []

    class Turned:
        def turn(self, share):
            turned.append(share)

    def alphas(epoch, n=400):
        losses = drawn_losses(config, Turned(), epoch)
        return [next(losses).alpha for _ in range(n)]

    first = alphas(0)
    assert [share * 0.5 for share in turned] == first
    assert alphas(0) == first
    assert alphas(1) != first
    assert 0 < min(first) < 0.01
    assert 0.49 < max(first) < 0.5
    assert abs(sum(first) / len(first) - 0.25) < 4 * 0.5 / 12**0.5 / len(first) ** 0.5
    state = torch.get_rng_state()
    alphas(2)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loss_for_each_batch_takes_the_place_of_the_experiments(tiny, data):
    split = data.split
    sequences = index_by_target(PackedSequences.pack(split.train, split.n_items, CPU))
    config = config_of(tiny, "conditioned")
    described = config.experiment

    def epoch(**options):
        model = build_model(described, split.n_items, CPU)
        adam = torch.optim.Adam(model.parameters(), lr=described.train.lr)
        means = train.train_epoch(model, adam, sequences, described, 0, **options)
        return means, model.state_dict()

    means, weights = epoch()
    again, same = epoch(losses=repeat(described.loss))
    assert means == again
    assert all(torch.equal(same[name], weight) for name, weight in weights.items())
    _, others = epoch(losses=repeat(config.at(0.1).loss))
    assert not torch.equal(others["item_embedding.weight"], weights["item_embedding.weight"])


def test_a_conditioned_model_is_validated_where_it_says(tiny, data, tmp_path):
    config = config_of(tiny, "conditioned")
    found = made(config, data, tmp_path)
    kept = found.curves.iloc[found.stages["kept"][0] - 1]
    valid = data.split.held_out["full"].valid
    values = []
    for share in CHECKED:
        alpha = config.alpha(share)
        metrics = validation_metrics(found.dial.model_at(alpha), valid, config.experiment)
        values.append(metrics["valid_ndcg@10"])
        assert kept[at_alpha("valid_ndcg@10", alpha)] == metrics["valid_ndcg@10"]
        assert kept[at_alpha("valid_cov@10", alpha)] == metrics["valid_cov@10"]
    assert kept["valid_ndcg@10"] == pytest.approx(sum(values) / len(CHECKED))
    assert found.curves["valid_ndcg@10"].max() == kept["valid_ndcg@10"]
    assert found.stages["epochs"].tolist() == [EPOCHS]


def test_the_conditioner_is_trained(tiny, data, tmp_path):
    dial = made(config_of(tiny, "conditioned", epochs=6), data, tmp_path).dial
    last = dial.tensors["conditioner.last.weight"]
    assert (last != 0).any()
    low, high = (dial.model_at(alpha).state_dict() for alpha in (0.0, 0.5))
    assert not torch.equal(low["norm.weight"], high["norm.weight"])
    assert torch.equal(low["item_embedding.weight"], high["item_embedding.weight"])


def test_the_ends_of_an_interpolation_are_fine_tunes_of_one_start(tiny, data, tmp_path):
    config = config_of(tiny, "interpolated", lr=0.003)
    found = made(config, data, tmp_path)
    start = run_experiment(config.at(0.25), runs=tmp_path / "runs", progress=False)
    assert found.stages["stage"].tolist() == ["start", "low", "high"]
    assert found.stages["alpha"].tolist() == [0.25, 0.0, 0.5]
    epochs = [start.summary["epochs"], EPOCHS, EPOCHS]
    assert found.stages["epochs"].tolist() == epochs
    assert found.stages["kept"].tolist() == [start.summary["best_epoch"], EPOCHS, EPOCHS]
    assert len(found.curves) == sum(epochs)
    for alpha in (0.0, 0.5):
        update = {"max_epochs": EPOCHS, "patience": EPOCHS, "lr": 0.003}
        described = config.at(alpha)
        described = described.model_copy(
            update={"train": described.train.model_copy(update=update)}
        )
        model = start.model()
        fit_model(model, described, data.split, show_progress=False, keep="last")
        end = found.dial.model_at(alpha).state_dict()
        for name, weight in model.state_dict().items():
            assert torch.equal(end[name], weight), (alpha, name)


def test_the_last_epoch_is_kept_where_it_is_asked_for(tiny, data):
    described = tiny.model_copy(
        update={"train": tiny.train.model_copy(update={"max_epochs": 6, "patience": 1})}
    )
    model = build_model(described, data.split.n_items, CPU)
    progress = fit_model(model, described, data.split, show_progress=False, keep="last")
    assert progress.epoch == progress.best_epoch == 6  # no patience runs out
    best, other = fit(described, data.split, device=CPU, show_progress=False)
    assert other.best_epoch <= other.epoch
    assert best.state_dict().keys() == progress.best_state.keys()


def test_a_dial_of_one_seed_is_one_dial(tiny, data, tmp_path):
    config = config_of(tiny, "conditioned")
    torch.manual_seed(1)
    one = made(config, data, tmp_path / "one")
    torch.manual_seed(2)
    assert_same(one, made(config, data, tmp_path / "other"))
