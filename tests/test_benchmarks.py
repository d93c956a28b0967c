"""The benchmarks work on tiny data, and measure what they say; no timing is asserted."""

import json
from dataclasses import asdict

import made_up
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks import ours
from benchmarks.__main__ import main
from benchmarks.data import load, save, synthetic, usual_lengths
from benchmarks.export import benchmark_of
from benchmarks.machine import ROOT
from benchmarks.ours import (
    Trainer,
    eval_set_of,
    experiment_of,
    head_batches,
    head_epoch,
    measure,
    train_set_of,
)
from benchmarks.padded import PaddedData, PaddedSASRec, padded_loss, padded_ranks
from benchmarks.plan import choose, models, points, systems, tiny
from benchmarks.process import Shape, forget_peak, peak_mib, repeat, resident_mib
from benchmarks.scaling import measure as measure_point
from benchmarks.store import FILES, empty, is_current, read, write
from benchmarks.tables import scaling_table, systems_table
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.evaluation.metrics import UNRANKED
from btsr_core.experiment import prepare
from btsr_core.training.train import train_epoch

SHAPE = Shape(dim=8, n_blocks=2, n_heads=2, max_len=7, dropout=0.0, batch_size=64)
SETTINGS = {
    **asdict(SHAPE), "threads": 1, "epochs": 1, "train_seconds": 0, "evaluation_seconds": 0,
    "min_seconds": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    """Sequences shorter and longer than the window; one batch holds all of them."""
    rng = np.random.default_rng(0)
    return synthetic(30, rng.integers(2, 13, size=50), rng.integers(1, 13, size=20))


@pytest.fixture(scope="module")
def path(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "data.npz"
    save(data, path)
    return path


def padded_twin(model, n_items):
    """Return the padded implementation with the weights of a model of ours."""
    twin = PaddedSASRec(n_items, SHAPE)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    # Ours counts positions from the newest item, the padded one from the oldest place.
    weights["position_embedding.weight"] = weights["position_embedding.weight"].flip(0)
    # .. and has no padding item.
    weights["item_embedding.weight"] = F.pad(weights["item_embedding.weight"], (0, 0, 0, 1))
    twin.load_state_dict(weights)
    return twin


def test_padded_implementation_has_our_loss_gradients_and_ranks(data):
    n_items = int(data.n_items)
    trainer = Trainer(experiment_of(SETTINGS), n_items)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.mul_(5)  # far enough from 0 that attention matters
    twin = padded_twin(trainer.model, n_items)
    ranking = evaluate_model(trainer.model, eval_set_of(data), SHAPE.max_len)
    trainer.run(train_set_of(data))  # one batch: its loss and gradients are those before the step

    windows = PaddedData.of(data, SHAPE.max_len)
    loss = padded_loss(twin, windows.inputs, windows.targets)
    loss.backward()
    assert loss.item() == pytest.approx(trainer.loss, rel=1e-5)
    own = {name: weight.grad for name, weight in trainer.model.named_parameters()}
    own["position_embedding.weight"] = own["position_embedding.weight"].flip(0)
    own["item_embedding.weight"] = F.pad(own["item_embedding.weight"], (0, 0, 0, 1))
    for name, weight in twin.named_parameters():
        torch.testing.assert_close(weight.grad, own[name], rtol=1e-3, atol=1e-6, msg=name)

    ranks, best = padded_ranks(twin, data, SHAPE.max_len)
    unseen = ranking.ranks != UNRANKED
    assert unseen.any()
    assert (ranks[unseen] == ranking.ranks[unseen]).all()
    left = ranking.top_items >= 0
    assert (best[left] == ranking.top_items[left]).all()


def test_head_sees_every_target_once(data):
    small = Shape(max_len=7, batch_size=16)
    batches = head_batches(data, small)
    assert [len(data.lengths[i : i + 16]) for i in range(0, 50, 16)] == [16, 16, 16, 2]
    assert len(batches) == 4
    assert sum(map(len, batches)) == data.n_targets(7) == np.minimum(data.lengths - 1, 7).sum()
    expected = np.concatenate([s[1:][-7:] for s in data.sequences()])
    assert (np.sort(np.concatenate(batches)) == np.sort(expected)).all()


def test_head_takes_both_gradients(data):
    batches = [torch.from_numpy(targets) for targets in head_batches(data, SHAPE)]
    noise = torch.randn(len(batches[0]), 8)
    table = torch.zeros(30, 8, requires_grad=True)
    assert head_epoch(batches, noise, table) == pytest.approx(np.log(30), rel=1e-5)
    assert table.grad.abs().sum() > 0
    assert noise.grad is None  # each batch has a leaf of its own


@pytest.mark.parametrize("system", ["ours", "head", "padded"])
def test_systems_report_their_figures(path, system):
    figures = measure({**SETTINGS, "system": system}, path)
    assert figures["epoch_seconds"] > 0
    assert figures["training_peak_mib"] > 0
    assert len(figures["epochs_seconds"]) == 1
    if system != "head":
        assert 0 < figures["loss"] < 2 * np.log(30)
        assert figures["evaluated_users_per_second"] > 0
        assert 0 <= figures["ndcg@10"] <= 1
    name = {"ours": "ours-ce"}.get(system, system)
    assert made_up.system_results()["measurements"][name]["figures"].keys() <= figures.keys()


@pytest.mark.parametrize("measurement", models(), ids=lambda one: one.name)
def test_models_are_timed_with_their_regulariser(path, measurement, monkeypatch):
    """Also the one whose term waits for the importance of items."""
    terms = []

    def watched(*arguments, **named):
        losses = train_epoch(*arguments, **named)
        terms.append("loss_regulariser" in losses)
        return losses

    monkeypatch.setattr(ours, "train_epoch", watched)
    figures = measure({**tiny(measurement).settings, **SETTINGS, "turns": 0}, path)
    assert figures["epoch_seconds"] > 0
    assert "times_head" not in figures
    assert terms[-1] == (measurement.settings["regulariser"] != "none")


@pytest.mark.parametrize("objective", ["ce", "sce"])
def test_a_training_step_is_a_point(objective):
    figures = measure_point(
        {**SETTINGS, "point": "step", "objective": objective, "items": 40, "steps": 2,
         "full_length": True},
        None,
    )  # fmt: skip
    assert figures["positions_per_step"] == 64 * 7
    assert figures["timed_steps"] == 2
    assert figures["step_seconds"] > 0
    assert (
        made_up.scaling_results()["measurements"]["length-25"]["figures"].keys() <= figures.keys()
    )


@pytest.mark.parametrize("most_seconds", [1e6, 0])
def test_ranking_is_a_point_unless_it_would_take_too_long(most_seconds):
    figures = measure_point(
        {**SETTINGS, "point": "ranking", "users": 600, "items": 40, "most_seconds": most_seconds},
        None,
    )
    assert ("not_measured" in figures) == (most_seconds == 0)
    assert figures["users"] == (600 if most_seconds else 512)
    assert figures["users_per_second"] > 0
    measurements = made_up.scaling_results()["measurements"]
    assert measurements["users-1000x10000"]["figures"].keys() <= figures.keys()


def test_export_keeps_the_split(tiny, tmp_path):
    split = prepare(tiny.data, progress=False).split
    save(benchmark_of(split), tmp_path / "data.npz")
    written = load(tmp_path / "data.npz")
    usable = [s for s in split.train.to_lists() if len(s) >= 2]
    assert [s.tolist() for s in written.sequences()] == usable
    test = split.held_out["full"].test
    assert [s.tolist() for s in written.histories()] == test.inputs.to_lists()
    assert (written.test_targets == test.targets).all()
    assert int(written.n_items) == split.n_items


def test_made_up_lengths_are_like_those_of_beauty():
    lengths = usual_lengths(20_000)
    assert (lengths.min(), np.median(lengths)) == (5, 6)
    assert 7.5 < lengths.mean() < 8.5


def test_clock_and_memory_gauge():
    timing = repeat(lambda: None, at_least=3)
    assert len(timing.seconds) == 3
    assert min(timing.seconds) <= timing.median <= max(timing.seconds)
    if resident_mib() is not None:
        assert peak_mib() >= resident_mib() > 1
    block = torch.ones(2**24)
    assert peak_mib() > 64
    del block
    if forget_peak():
        assert peak_mib() < resident_mib() + 16


class TestCommand:
    """What `python -m benchmarks` accepts and stores."""

    def test_every_measurement_has_a_name_of_its_own(self):
        names = [m.name for m in (*systems(), *models(), *points())]
        assert len(names) == len(set(names))
        assert sum(m.expected for m in (*systems(), *models(), *points())) < 30 * 60

    def test_parts(self):
        everything = [*systems(), *models(), *points()]
        assert [m.name for m in choose(everything, ["peers"])] == ["recbole", "rectools"]
        assert len(choose(everything, ["scaling"])) == len(points())
        assert choose(everything, None) == everything

    def test_tiny_measurements_are_other_measurements(self):
        for measurement in (*systems(), *models(), *points()):
            assert tiny(measurement).settings != measurement.settings

    def test_unknown_parts_are_refused(self, capsys):
        with pytest.raises(SystemExit) as refused:
            main(["--only", "nonsense"])
        assert refused.value.code == 2
        assert "nothing is called 'nonsense'" in capsys.readouterr().err

    def test_list(self, capsys):
        assert main(["--list"]) == 0
        assert "catalogue-sce-1000000" in capsys.readouterr().out

    def test_results_are_kept_and_finished_ones_known(self, tmp_path):
        path, machine = tmp_path / "results.json", {"cpu": "one"}
        measurement = systems()[0]
        record = {"settings": measurement.settings, "code": "abc", "figures": {"a": 1.5}}
        results = {**empty(machine), "measurements": {measurement.name: record}}
        write(path, results)
        assert read(path, machine) == results
        assert read(path, {"cpu": "another"}) == empty({"cpu": "another"})
        assert is_current(record, measurement, "abc")
        assert not is_current(record, measurement, "abd")
        assert not is_current({**record, "failed": "why"}, measurement, "abc")
        assert not is_current({**record, "settings": {}}, measurement, "abc")
        assert not is_current(None, measurement, "abc")

    def test_damaged_results_are_refused(self, tmp_path):
        path = tmp_path / "results.json"
        path.write_text("[]")
        with pytest.raises(InputError, match="no results file"):
            read(path, {})


@pytest.mark.parametrize("group", FILES)
def test_stored_results_are_complete(group):
    path = ROOT / "benchmarks" / "results" / FILES[group]
    if not path.exists():
        pytest.skip("no results are stored")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert {"cpu", "cores", "memory_gib", "os"} <= results["machine"].keys()
    planned = {"systems": systems, "models": models, "scaling": points}[group]()
    assert {m.name for m in planned} == results["measurements"].keys()
    for record in results["measurements"].values():
        assert {"date", "commit", "code", "settings"} <= record.keys()
        assert "failed" not in record
        assert "not_measured" in record or {"torch", "python"} <= record["versions"].keys()
        speed = {"epoch_seconds", "step_seconds", "seconds"}
        assert "not_measured" in record or speed & record["figures"].keys()
    table = scaling_table(results) if group == "scaling" else systems_table(results)
    assert all(name in table for name in results["measurements"])
