import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from odd_files import FLIPS, flips_found

from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.sealed import write_parquet
from btsr_core.study.records import (
    _SCHEMA,
    BEYOND,
    Record,
    Targets,
    read_record,
    read_records,
    read_targets,
    write_record,
    write_targets,
)
from btsr_core.study.rows import write_row

DESCRIBED = experiment(alpha=0.3, regulariser="vicreg")
COLUMNS = ["reading", "bucket", "metric", "value"]
METRICS = [
    ("full", 0, "ndcg@10", 0.25),
    ("full", 1, "ndcg@10", 0.5),
    ("events", 0, "ndcg@10", np.nan),
    ("events", 0, "targets", 0),
]
RANKS = [1, 7, 100, 101, 102, 2**31 - 1]


def record(described=DESCRIBED, metrics=METRICS, curves=None, **changed):
    given = {
        "run_id": described.run_id("abc"), "experiment": described,
        "provenance": {"torch": "2.13", "commit": None}, "best_epoch": 2, "epochs": 2,
        "train_seconds": 12.5, "metrics": pd.DataFrame(metrics, columns=COLUMNS),
        "curves": pd.DataFrame({
            "epoch": [1, 2], "loss_prediction": [3.5, 3.25], "loss_regulariser": [np.nan, 1],
            "valid_ndcg@10": [0.25, 0.5], "seconds": [1.0, 1.5], **(curves or {}),
        }),
        "ranks": {"full": np.array(RANKS), "events": np.array([], int)},
        "arrays": {"singular-values": np.array([2.0, 1.0, 0.5])},
        "lists": np.array([[3, 1, 2], [5, 0, -1]]),
    }  # fmt: skip
    return Record(**(given | changed))


def targets(**changed):
    n = len(RANKS)
    rows = pd.DataFrame(
        {"reading": "full", "user": range(n), "item": [2] * n, "bucket": [1] * n,
         "history": [3] * n, "Popularity": [7] * n}
    )  # fmt: skip
    baselines = pd.DataFrame(
        [("Popularity", "full", 0, "hr@10", 0.5)], columns=["system", *COLUMNS]
    )
    given = {
        "sizes": {"fingerprint": "abc", "n_items": 6}, "rows": rows, "baselines": baselines,
        "buckets": np.array([1, 2, 3, 3, 3, 3]),
    }  # fmt: skip
    return Targets(**(given | changed))


def again(before, folder):
    return read_record(write_record(before, folder), targets())


def test_a_record_comes_back_as_it_was(tmp_path):
    before = record()
    after = again(before, tmp_path)
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
    found = again(record(), tmp_path)
    assert found.value("ndcg@10", "full") == 0.25
    assert found.value("ndcg@10", "full", 1) == 0.5
    assert np.isnan(found.value("ndcg@10", "events"))
    assert np.isnan(found.value("hr@10", "full"))


def test_a_record_is_small(tmp_path):
    ranks = np.random.default_rng(0).geometric(0.002, 10_000)
    assert write_record(record(ranks={"full": ranks}), tmp_path).stat().st_size < 12_000


def test_a_folder_of_records_names_what_is_none(tmp_path):
    assert read_records(tmp_path / "none", targets()) == ({}, {})
    others = [record(experiment(seed=seed)) for seed in range(2)]
    paths = [write_record(one, tmp_path) for one in others]
    write_targets(targets(), tmp_path)
    for name in ("empty", "notes", "half"):
        (tmp_path / f"{name}.parquet").touch()
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "notes.parquet")
    (tmp_path / "half.parquet").write_bytes(paths[0].read_bytes()[:-20])
    (tmp_path / "folder.parquet").mkdir()
    paths[0].rename(tmp_path / "renamed.parquet")
    found, faults = read_records(tmp_path, targets())
    assert list(found) == [paths[1].stem]
    assert set(faults) == {"empty", "notes", "half", "folder", "renamed"}
    for name, said in faults.items():
        assert f"{name}.parquet cannot be read (" in said
        assert "btsr study" in said
        assert "\n" not in said


def test_every_flipped_bit_is_found(tmp_path):
    path = write_record(record(), tmp_path)
    assert flips_found(path, lambda: read_record(path, targets())) == FLIPS
    path = write_targets(targets(), tmp_path)
    assert flips_found(path, lambda: read_targets(tmp_path)) == FLIPS


ODD = [
    ({"run_id": "0" * 16}, "it is of run 0000000000000000"),
    ({"experiment": experiment(alpha=0.4, regulariser="vicreg")}, "describes"),
    ({"best_epoch": 3}, "best_epoch = 3"),
    ({"best_epoch": 1}, "not the best"),
    ({"epochs": 3}, "curves of 2 epochs, not 3"),
    ({"train_seconds": np.nan}, "train_seconds = nan"),
    ({"metrics": [("full", 0, "hr@10", 7.0), *METRICS]}, "hr@10 = 7 of full, bucket 0"),
    ({"metrics": [("full", 2, "cov@5", -0.1), *METRICS]}, "cov@5 = -0.1 of full, bucket 2"),
    ({"metrics": [("full", 0, "mrr@10", np.nan), *METRICS]}, "mrr@10 = nan"),
    ({"metrics": [("full", 0, "auc", np.inf), *METRICS]}, "auc = inf"),
    ({"metrics": [*METRICS, METRICS[0]]}, "there twice"),
    ({"metrics": METRICS[1:]}, "no metric of them"),
    ({"curves": {"valid_ndcg@10": [0.25, np.nan]}}, "valid_ndcg@10 = nan in epoch 2"),
    ({"curves": {"valid_ndcg@10": [0.25, 1.5]}}, "valid_ndcg@10 = 1.5"),
    ({"curves": {"loss_prediction": [np.inf, 1.0]}}, "loss_prediction = inf in epoch 1"),
    ({"curves": {"seconds": [np.nan, 1.0]}}, "seconds = nan"),
    ({"ranks": {"full": np.array(RANKS[:-1])}}, "5 ranks of 6 targets of full"),
    ({"ranks": {"events": np.array(RANKS)}}, "0 ranks of 6 targets of full"),
    ({"ranks": {"full": np.array([0, *RANKS[1:]])}}, "a rank of full = 0"),
    ({"arrays": {"singular-values": np.array([np.inf])}}, "singular-values is not finite"),
    ({"lists": np.array([[6]])}, "an item of the lists = 6"),
]


@pytest.mark.parametrize(("changed", "said"), ODD, ids=[said for _, said in ODD])
def test_a_record_that_cannot_be_is_refused(tmp_path, changed, said):
    write_record(record(**changed), tmp_path).rename(tmp_path / f"{record().run_id}.parquet")
    with pytest.raises(InputError, match=said.replace("(", r"\(")) as caught:
        read_record(tmp_path / f"{record().run_id}.parquet", targets())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", _SCHEMA.names)
@pytest.mark.parametrize("damage", ["null", "ragged"])
def test_a_record_that_lacks_a_value_is_refused(tmp_path, column, damage):
    path = write_record(record(), tmp_path)
    (row,) = pq.read_table(path).to_pylist()
    if damage == "null":
        row[column] = None
    elif column == "curves":
        row[column][0] = (row[column][0][0], [1.0])
    elif column == "lists":
        row[column][0] = [1]
    elif isinstance(row[column], list):
        row[column][0] = None if column == "metrics" else (row[column][0][0], None)
    else:
        pytest.skip("one value")
    write_row(row, _SCHEMA, path)
    with pytest.raises(InputError, match=f"{path.name} cannot be read"):
        read_record(path, targets())


def test_targets_come_back_as_they_were(tmp_path):
    assert read_targets(tmp_path) is None
    write_targets(targets(), tmp_path)
    found = read_targets(tmp_path)
    assert found.sizes == targets().sizes
    assert found.fingerprint == "abc"
    pd.testing.assert_frame_equal(found.rows, targets().rows)
    pd.testing.assert_frame_equal(found.baselines, targets().baselines)
    np.testing.assert_array_equal(found.buckets, targets().buckets)
    assert found.of("events")["item"].tolist() == []
    assert found.counts == {"full": len(RANKS)}


ODD_TARGETS = [
    ({"sizes": {"n_items": 6}}, "no mapping with a fingerprint"),
    ({"sizes": {"fingerprint": "abc"}}, "n_items"),
    ({"sizes": {"fingerprint": "abc", "n_items": 5}}, "n_items"),
    ({"buckets": np.zeros(6, int)}, "a bucket = 0"),
    ({"rows": targets().rows.assign(item=6)}, "an item = 6"),
    ({"rows": targets().rows.drop(columns="bucket")}, "bucket"),
    ({"baselines": targets().baselines.assign(value=7.0)}, "hr@10 = 7"),
]


@pytest.mark.parametrize(("changed", "said"), ODD_TARGETS, ids=[said for _, said in ODD_TARGETS])
def test_targets_that_cannot_be_are_refused(tmp_path, changed, said):
    write_targets(targets(**changed), tmp_path)
    with pytest.raises(InputError, match=rf"targets\.parquet.*{said}.*btsr study"):
        read_targets(tmp_path)


@pytest.mark.parametrize("name", ["sizes", "baselines", "buckets"])
@pytest.mark.parametrize("value", ["3", "null", "", "{", "[" * 10**5])
def test_what_targets_say_beside_their_rows_is_checked(tmp_path, name, value):
    path = write_targets(targets(), tmp_path)
    table = pq.read_table(path)
    write_parquet(
        table.replace_schema_metadata({**table.schema.metadata, name.encode(): value}), path
    )
    with pytest.raises(InputError, match=r"targets\.parquet cannot be read"):
        read_targets(tmp_path)


def test_damaged_targets_are_named_with_the_remedy(tmp_path):
    path = write_targets(targets(), tmp_path)
    for damage in (b"PAR1", b""):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"targets\.parquet.*btsr study"):
            read_targets(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"targets\.parquet.*directory"):
        read_targets(tmp_path)
