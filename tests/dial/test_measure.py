import numpy as np
import pytest
import torch

from btsr_core.dial.measure import grid, measure_dial
from btsr_core.dial.records import read_dial_record, write_dial_record
from btsr_core.dial.settings import dial_config
from btsr_core.dial.training import train_dial
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import prepare, run_experiment
from btsr_core.study.measure import (
    READINGS,
    VALIDATION,
    evaluation_sets,
    measure_run,
    measure_targets,
)
from btsr_core.study.records import BEYOND


def config_of(tiny, high, kind="conditioned", low=0.0):
    loss = tiny.loss.model_copy(update={"alpha": high})
    config = dial_config(tiny.model_copy(update={"loss": loss}), kind, low)
    return config.model_copy(update={"settings": config.settings.model_copy(update={"epochs": 2})})


@pytest.fixture(scope="module")
def data(tiny):
    return prepare(tiny.data)


@pytest.fixture(scope="module")
def trained(tiny, data, tmp_path_factory):
    return train_dial(
        config_of(tiny, 0.05), data, folder=tmp_path_factory.mktemp("dial"),
        device=torch.device("cpu"), progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def record(trained, data, tmp_path_factory):
    found = measure_dial(trained, data, {"device": "cpu"})
    path = write_dial_record(found, tmp_path_factory.mktemp("results"))
    return read_dial_record(path, measure_targets(data))


def test_the_grid_is_fine_and_has_both_ends(tiny):
    alphas = grid(config_of(tiny, 0.5))
    assert len(alphas) == 51
    assert {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.07} <= set(alphas.tolist())
    assert grid(config_of(tiny, 0.025)).tolist() == pytest.approx([0, 0.025 / 3, 0.05 / 3, 0.025])
    assert grid(config_of(tiny, 0.3, low=0.295)).tolist() == [0.295, 0.3]


def test_what_is_recorded_is_what_the_plain_model_does(trained, record, data):
    for alpha in record.alphas:
        model = trained.dial.model_at(float(alpha))
        for reading, tested in evaluation_sets(data.split).items():
            ranking = evaluate_model(model, tested, record.config.experiment.model.max_len)
            for name, value in ranking.metrics().items():
                assert record.value(name, reading, alpha) == pytest.approx(value, abs=1e-6)
            if reading == "full":
                n = record.ranks.shape[1]
                place = record.place(alpha)
                expected = np.minimum(ranking.ranks[:n], BEYOND)
                np.testing.assert_array_equal(record.ranks[place], expected)
                np.testing.assert_array_equal(record.lists[place], ranking.top_items[:n, :10])
        valid = data.split.held_out["full"].valid
        ranking = evaluate_model(model, valid, record.config.experiment.model.max_len)
        for name, value in ranking.metrics().items():
            assert record.value(name, VALIDATION, alpha) == pytest.approx(value, abs=1e-6)


def test_the_measures_are_those_of_recorded_runs(tiny, data, record, tmp_path):
    """Names and buckets too, so that a dial's numbers stand beside a run's."""
    quick = tiny.model_copy(
        update={"train": tiny.train.model_copy(update={"max_epochs": 1, "patience": 1})}
    )
    run = measure_run(run_experiment(quick, runs=tmp_path, progress=False), data)
    rows = run.metrics[run.metrics["reading"].isin([*READINGS, VALIDATION])]
    known = set(zip(rows["reading"], rows["bucket"], rows["metric"], strict=True))
    assert set(record.metrics) <= known
    for reading in READINGS:
        for bucket in (0, 1, 2, 3):
            assert (reading, bucket, "ndcg@10") in record.metrics
            assert (reading, bucket, "cov@10") in record.metrics


def test_provenance_and_costs_are_kept(trained, record):
    assert record.provenance == {"device": "cpu"}
    assert record.dial_id == trained.dial.dial_id
    assert record.stages["epochs"].tolist() == [2]
