import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from handmade import TINY

from btsr_core import experiment as door
from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import prepare, run_experiment
from btsr_core.runs import CHECKPOINT, find_run, finished, load_run, table_of_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(tiny, runs):
    return run_experiment(tiny, runs=runs, progress=False)


def test_a_run_holds_everything_and_no_pickle(run):
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        "config.json", "versions.json", "history.json", "metrics.json",
        "model.safetensors", "items.parquet", "ranks.parquet", "SHA256SUMS",
    }  # fmt: skip
    versions = json.loads((run.path / "versions.json").read_text())
    assert versions["torch"] == torch.__version__
    assert len(run.history) == run.summary["epochs"]


def test_the_same_configuration_loads_instead_of_training(run, tiny, runs, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(door, "fit", refuse)
    again = run_experiment(tiny, runs=runs, progress=False)
    assert again.id == run.id
    assert again.summary == run.summary


def test_the_data_count_not_the_place(run, tiny, tiny_csv, tmp_path, runs):
    moved = tmp_path / "elsewhere.csv"
    moved.write_bytes(tiny_csv.read_bytes())
    assert (
        run_experiment(experiment(source=str(moved), **TINY), runs=runs, progress=False).id
        == run.id
    )
    moved.write_bytes(tiny_csv.read_bytes() + b"u0,i1,9999\n")
    edited = experiment(source=str(moved), **TINY)
    assert edited.run_id(door.load_data(edited.data, progress=False).fingerprint) != run.id


def test_the_loaded_model_gives_the_recorded_metrics(run, tiny):
    split = prepare(tiny.data).split
    for history, held_out in split.held_out.items():
        ranking = evaluate_model(run.model(), held_out.test, tiny.model.max_len)
        recorded = run.metrics("test", history)
        np.testing.assert_equal(ranking.metrics(), recorded)
        table = run.ranks("test", history)
        assert table["rank"].tolist() == ranking.ranks.tolist()
        assert table["user_id"].tolist() == held_out.test.users.tolist()
        assert table["item_id"].tolist() == split.items[held_out.test.targets].tolist()
        if len(table):
            assert recorded["hr@10"] == (table["rank"] <= 10).mean()


def test_the_best_epoch_is_the_one_kept(run):
    scores = run.history["valid_ndcg@10"]
    assert run.summary["best_epoch"] == scores.idxmax() + 1
    assert run.metrics("valid", "full")["ndcg@10"] == scores.max()


def test_loading_leaves_the_global_generator_alone(run):
    state = torch.get_rng_state()
    run.model()
    assert torch.equal(torch.get_rng_state(), state)


def test_runs_are_found_by_their_first_digits(run, runs):
    assert find_run(run.id[:6], runs).id == run.id
    assert find_run(str(run.path), runs / "nowhere").id == run.id
    with pytest.raises(InputError, match="no finished run"):
        find_run("zzzz", runs)
    assert run.id in table_of_runs(runs)[0]["run"].tolist()


def test_no_runs(tmp_path):
    assert finished(tmp_path / "none") == []
    assert table_of_runs(tmp_path)[0].empty
    with pytest.raises(InputError, match="no finished run"):
        load_run(tmp_path)


@pytest.mark.parametrize("device", ["nonsense", "mps", "cuda:99"])
def test_a_device_that_is_not_there(tiny, tmp_path, device):
    with pytest.raises(InputError, match="this machine has cpu"):
        run_experiment(tiny, runs=tmp_path, device=device, progress=False)
    assert finished(tmp_path) == []


def test_a_runs_folder_that_cannot_be(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--runs"):
        run_experiment(tiny, runs=tmp_path / "file", progress=False)


def test_a_reading_of_the_history_without_users(tmp_path):
    """Everybody's second to last step lies before the cutoff: `after-cutoff` leaves nobody."""
    path = tmp_path / "late.csv"
    rows = [(u, (u + t) % 5, t + u / 100) for u in range(40) for t in range(4)]
    late = [(u, (u + 9) % 5, 100) for u in range(8)]
    pd.DataFrame(rows + late, columns=["user_id", "item_id", "timestamp"]).to_csv(path, index=False)
    described = experiment(source=str(path), **TINY | {"cutoff_quantile": 0.97, "k_core": 0})
    run = run_experiment(described, runs=tmp_path / "runs", progress=False)
    assert run.summary["test"]["after-cutoff"]["users"] == 0
    assert np.isnan(run.metrics("test", "after-cutoff")["ndcg@10"])
    assert run.summary["test"]["full"]["users"] == 8
    assert run.ranks("test", "after-cutoff").empty


TRAIN = """
import os, signal, sys
from pathlib import Path
from btsr_core.training import train
from btsr_core.config import Experiment
from btsr_core.experiment import run_experiment
train.CHECKPOINT_SECONDS = 0.0
begin = train.train_epoch
def train_epoch(*given, **named):
    if Path(sys.argv[3]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return begin(*given, **named)
train.train_epoch = train_epoch
described = Experiment.model_validate_json(sys.argv[1])
run_experiment(described, runs=sys.argv[2], device="cpu", progress=False)
"""


def test_a_killed_run_leaves_a_valid_store_and_resumes_to_the_same_numbers(tiny, tmp_path):
    store = tmp_path / "store"
    fingerprint = door.load_data(tiny.data, progress=False).fingerprint
    path = store / tiny.run_id(fingerprint)
    command = [sys.executable, "-c", TRAIN, tiny.model_dump_json(), store, path / CHECKPOINT]
    killed = subprocess.run(list(map(str, command)), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (path / CHECKPOINT).exists()
    assert finished(store) == []
    assert table_of_runs(store)[0].empty

    resumed = run_experiment(tiny, runs=store, device="cpu", progress=False)
    whole = run_experiment(tiny, runs=tmp_path / "other", device="cpu", progress=False)
    pd.testing.assert_frame_equal(
        resumed.history.drop(columns="seconds"), whole.history.drop(columns="seconds")
    )
    assert resumed.metrics("test", "full") == whole.metrics("test", "full")
    assert not (path / CHECKPOINT).exists()
