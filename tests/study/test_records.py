import numpy as np
import pandas as pd
import pytest

from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.study.records import (
    BEYOND,
    Record,
    Targets,
    read_record,
    read_records,
    read_targets,
    write_record,
    write_targets,
)


def record(run_id="0123456789abcdef", **changed):
    metrics = pd.DataFrame(
        [
            ("full", 0, "ndcg@10", 0.25),
            ("full", 1, "ndcg@10", 0.5),
            ("events", 0, "ndcg@10", np.nan),
        ],
        columns=["reading", "bucket", "metric", "value"],
    )
    curves = pd.DataFrame({"epoch": [1, 2], "loss_prediction": [3.5, 3.25]})
    given = {
        "run_id": run_id, "experiment": experiment(alpha=0.3, regulariser="vicreg"),
        "provenance": {"torch": "2.13", "commit": None}, "best_epoch": 2, "epochs": 2,
        "train_seconds": 12.5, "metrics": metrics, "curves": curves,
        "ranks": {"full": np.array([1, 7, 100, 101, 102, 2**31 - 1]), "events": np.array([], int)},
        "arrays": {"singular-values": np.array([2.0, 1.0, 0.5])},
        "lists": np.array([[3, 1, 2], [5, 0, -1]]),
    }  # fmt: skip
    return Record(**(given | changed))


def test_a_record_comes_back_as_it_was(tmp_path):
    before = record()
    after = read_record(write_record(before, tmp_path))
    assert after.run_id == before.run_id
    assert after.experiment == before.experiment
    assert after.provenance == before.provenance
    assert (after.best_epoch, after.epochs, after.train_seconds) == (2, 2, 12.5)
    pd.testing.assert_frame_equal(after.curves, before.curves, check_dtype=False)
    pd.testing.assert_frame_equal(after.metrics, before.metrics, check_dtype=False)
    np.testing.assert_array_equal(after.arrays["singular-values"], [2, 1, 0.5])
    np.testing.assert_array_equal(after.lists, before.lists)
    np.testing.assert_array_equal(after.ranks["full"], [1, 7, 100, BEYOND, BEYOND, BEYOND])
    assert not len(after.ranks["events"])


def test_values_are_found_by_reading_bucket_and_metric(tmp_path):
    found = read_record(write_record(record(), tmp_path))
    assert found.value("ndcg@10", "full") == 0.25
    assert found.value("ndcg@10", "full", 1) == 0.5
    assert np.isnan(found.value("ndcg@10", "events"))
    assert np.isnan(found.value("hr@10", "full"))


def test_a_record_is_small(tmp_path):
    ranks = np.random.default_rng(0).geometric(0.002, 10_000)
    assert write_record(record(ranks={"full": ranks}), tmp_path).stat().st_size < 12_000


def test_a_folder_of_records(tmp_path):
    assert read_records(tmp_path / "none") == {}
    for name in ("b", "a"):
        write_record(record(name), tmp_path)
    write_targets(targets(), tmp_path)
    assert list(read_records(tmp_path)) == ["a", "b"]


def test_a_damaged_record_is_named_with_the_remedy(tmp_path):
    path = write_record(record(), tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"{path.name}.*btsr study"):
        read_record(path)


def targets():
    rows = pd.DataFrame(
        {"reading": ["full", "events"], "user": [0, 0], "item": [2, 1], "bucket": [1, 2],
         "history": [3, 4], "Popularity": [7, 9]}
    )  # fmt: skip
    baselines = pd.DataFrame(
        [("Popularity", "full", 0, "hr@10", 0.5)],
        columns=["system", "reading", "bucket", "metric", "value"],
    )
    return Targets({"fingerprint": "abc", "n_items": 3}, rows, baselines, np.array([1, 2, 3]))


def test_targets_come_back_as_they_were(tmp_path):
    assert read_targets(tmp_path) is None
    write_targets(targets(), tmp_path)
    found = read_targets(tmp_path)
    assert found.sizes == targets().sizes
    assert found.fingerprint == "abc"
    pd.testing.assert_frame_equal(found.rows, targets().rows)
    pd.testing.assert_frame_equal(found.baselines, targets().baselines)
    np.testing.assert_array_equal(found.buckets, [1, 2, 3])
    assert found.of("events")["item"].tolist() == [1]


def test_damaged_targets_are_named_with_the_remedy(tmp_path):
    path = write_targets(targets(), tmp_path)
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"targets\.parquet.*btsr study"):
        read_targets(tmp_path)
