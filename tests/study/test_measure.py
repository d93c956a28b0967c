import warnings

import numpy as np
import pandas as pd
import pytest
from handmade import TINY

from btsr_core.analysis.buckets import bucket_metrics, distinct_users, popularity_buckets
from btsr_core.analysis.spectrum import effective_rank
from btsr_core.config import experiment
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.evaluation.metrics import CUTOFFS, summarise
from btsr_core.experiment import prepare, run_experiment
from btsr_core.study.measure import (
    READINGS,
    SHOWN_ITEMS,
    SHOWN_USERS,
    evaluation_sets,
    measure_run,
    measure_targets,
)
from btsr_core.study.records import BEYOND, read_record, write_record


@pytest.fixture(scope="module")
def data(tiny):
    return prepare(tiny.data)


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    return run_experiment(tiny, runs=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def record(run, data, tmp_path_factory):
    path = write_record(measure_run(run, data), tmp_path_factory.mktemp("results"))
    return read_record(path, measure_targets(data))


def test_recorded_metrics_are_the_runs(run, record):
    for reading in ("after-cutoff", "full"):
        for name, value in run.metrics("test", reading).items():
            assert record.value(name, reading) == pytest.approx(value, abs=1e-6), name
    for name, value in run.metrics("valid", "full").items():
        assert record.value(name, "valid") == pytest.approx(value, abs=1e-6), name


def test_every_metric_follows_from_the_recorded_ranks(record, data):
    for reading in READINGS:
        ranks = record.ranks[reading]
        assert len(ranks) == record.value("targets", reading)
        expected = summarise(ranks, np.empty((len(ranks), 0), int), data.split.n_items)
        for name, value in expected.items():
            if not name.startswith("cov"):
                assert record.value(name, reading) == pytest.approx(value, abs=1e-6), name


def test_buckets_are_measured_for_every_reading(run, record, data):
    split, model = data.split, run.model()
    counts = np.bincount(split.train.item_ids, minlength=split.n_items)
    buckets = popularity_buckets(distinct_users(split), counts)
    for reading, tested in evaluation_sets(split).items():
        ranking = evaluate_model(model, tested, run.experiment.model.max_len)
        parts = bucket_metrics(ranking.ranks, ranking.top_items, tested.targets, buckets)
        for bucket, values in enumerate(parts, start=1):
            for name, value in values.items():
                found = record.value(name, reading, bucket)
                assert found == pytest.approx(value, abs=1e-6, nan_ok=True), (reading, name)


def test_drawn_arrays_agree_with_the_numbers(record):
    spectrum = record.arrays["singular-values"]
    assert effective_rank(spectrum) == pytest.approx(record.value("effective-rank", "full"), 1e-4)
    edges = record.arrays["score-edges"]
    positive, negative = record.arrays["score-positive"], record.arrays["score-negative"]
    overlap = (np.minimum(positive, negative) * np.diff(edges)).sum()
    assert overlap == pytest.approx(record.value("overlap", "full"), abs=1e-3)
    assert record.value("overlap-low", "full") <= record.value("overlap-high", "full")
    assert abs(record.value("overlap-kde", "full") - overlap) < 0.2
    assert record.arrays["reliability-mass-count"].sum() == record.value("targets", "full")


def test_lists_are_those_of_the_first_users(run, record, data):
    test = data.split.held_out["full"].test
    ranking = evaluate_model(run.model(), test, run.experiment.model.max_len)
    np.testing.assert_array_equal(record.lists, ranking.top_items[:SHOWN_USERS, :SHOWN_ITEMS])


def test_a_record_says_what_it_was_made_with(run, record):
    assert record.run_id == run.id
    assert record.experiment == run.experiment
    assert {"commit", "torch", "device", "finished"} <= record.provenance.keys()
    assert record.curves["epoch"].tolist() == list(range(1, record.epochs + 1))
    assert record.curves["valid_ndcg@10"].argmax() + 1 == record.best_epoch


def test_targets_say_who_is_tested_on_what(data):
    targets = measure_targets(data)
    split = data.split
    assert targets.fingerprint == data.interactions.fingerprint
    for reading, tested in evaluation_sets(split).items():
        rows = targets.of(reading)
        np.testing.assert_array_equal(rows["item"], tested.targets)
        np.testing.assert_array_equal(rows["history"], tested.inputs.lengths)
        np.testing.assert_array_equal(rows["bucket"], targets.buckets[tested.targets])
        for a, b in zip(range(len(rows)), range(1, len(rows)), strict=False):
            same = tested.users[a] == tested.users[b]
            assert (rows["user"][a] == rows["user"][b]) == same
        for system in ("Popularity", "Last-item transitions"):
            ranks = rows[system].to_numpy().astype(int)
            table = targets.baselines
            own = table[(table["system"] == system) & (table["reading"] == reading)]
            overall = own[own["bucket"] == 0].set_index("metric")["value"]
            for k in CUTOFFS:
                assert (ranks <= k).mean() == pytest.approx(overall[f"hr@{k}"])
            assert ranks.max(initial=0) <= BEYOND


@pytest.mark.parametrize("n_items", [5, 12], ids=["some items", "all items"])
def test_a_single_test_user_is_measured_without_a_warning(tiny, tmp_path, n_items):
    """Also one who has had the whole catalogue, whom no item is left to be held against."""
    rows = [(f"u{u}", f"i{(u + n) % 12}", n) for u in range(30) for n in range(6)]
    rows += [("last", f"i{n}", 1000 + n) for n in range(n_items)]
    path = tmp_path / "one.csv"
    pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_csv(path, index=False)
    cutoff = (len(rows) - n_items) / (len(rows) - 1)  # the time of the first of them
    settings = {**TINY, "cutoff_quantile": cutoff, "max_epochs": 1}
    described = experiment(source=str(path), **settings)
    data = prepare(described.data)
    assert {len(part.test) for part in data.split.held_out.values()} == {1}
    run = run_experiment(described, runs=tmp_path / "runs", progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure_targets(data)
        record = measure_run(run, data)
    assert np.isnan(record.value("auc", "full")) == (n_items == 12)
