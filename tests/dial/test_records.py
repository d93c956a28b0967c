import dataclasses

import numpy as np
import pytest
from made_up_dial_records import USERS, made_up_dials
from made_up_records import made_up_place
from odd_files import FLIPS, flips_found

from btsr_core.dial.records import (
    dials_folder,
    read_dial_record,
    read_dials,
    write_dial_record,
)
from btsr_core.errors import InputError
from btsr_core.study.records import BEYOND, read_records


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


@pytest.fixture(params=["conditioned", "interpolated"])
def record(request, place):
    return next(one for one in made_up_dials(place).values() if one.config.kind == request.param)


def test_what_is_written_is_read(record, place, tmp_path):
    path = write_dial_record(record, tmp_path)
    assert path == tmp_path / f"{record.dial_id}.parquet"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    found = read_dial_record(path, place.targets)
    assert (found.dial_id, found.config) == (record.dial_id, record.config)
    assert found.provenance == record.provenance
    assert found.stages.equals(record.stages)
    np.testing.assert_array_equal(found.alphas, record.alphas)
    np.testing.assert_array_equal(found.lists, record.lists)
    np.testing.assert_array_equal(found.ranks, record.ranks)
    assert found.metrics.keys() == record.metrics.keys()
    for key, values in record.metrics.items():
        np.testing.assert_allclose(found.metrics[key], values, rtol=1e-6)
    assert sorted(found.curves) == sorted(record.curves)
    assert found.curves["stage"].tolist() == record.curves["stage"].tolist()
    for name in record.curves.columns.drop("stage"):
        np.testing.assert_allclose(found.curves[name], record.curves[name], rtol=1e-6)


def test_ranks_beyond_are_one(record, place, tmp_path):
    far = dataclasses.replace(record, ranks=np.full_like(record.ranks, 2000))
    found = read_dial_record(write_dial_record(far, tmp_path), place.targets)
    assert (found.ranks == BEYOND).all()


def test_a_dataset_without_a_test_user_has_no_list(record, place, tmp_path):
    n = len(record.alphas)
    nobody = dataclasses.replace(
        record, lists=np.empty((n, 0, 10), int), ranks=np.empty((n, 0), int)
    )
    found = read_dial_record(write_dial_record(nobody, tmp_path), place.targets)
    assert found.ranks.shape == (n, 0)
    assert found.lists.size == 0


def test_values_by_alpha(record):
    values = record.values("cov@10", "events", 2)
    assert values.shape == record.alphas.shape
    assert record.value("cov@10", "events", 0.4, 2) == values[-1]
    assert record.value("cov@10", "events", 0.07 + 0.03) == record.values("cov@10", "events")[10]
    assert record.alphas[record.place(0.3)] == 0.3
    assert np.isnan(record.values("cov@7", "events")).all()
    with pytest.raises(InputError, match=r"0\.123.*not measured"):
        record.value("cov@10", "events", 0.123)


def test_cost_is_that_of_all_trainings(record):
    if record.config.kind == "conditioned":
        assert (record.epochs, record.epoch_seconds) == (4, 8.0)
    else:
        assert (record.epochs, record.epoch_seconds) == (6, 12.0)


def test_records_of_dials_and_of_runs_do_not_mix(place, tmp_path):
    dials = made_up_dials(place)
    folder = dials_folder(tmp_path)
    for record in dials.values():
        write_dial_record(record, folder)
    found, faults = read_dials(folder, place.targets)
    assert (found.keys(), faults) == (dials.keys(), {})
    assert read_records(tmp_path, place.targets) == ({}, {})
    assert read_dials(tmp_path / "nowhere", place.targets) == ({}, {})
    assert next(iter(dials.values())).ranks.shape[1] == USERS


@pytest.mark.parametrize("content", [b"", b"half a file"])
def test_a_damaged_record_is_named(place, record, tmp_path, content):
    whole = write_dial_record(record, tmp_path)
    (tmp_path / "dial.parquet").write_bytes(content)
    found, faults = read_dials(tmp_path, place.targets)
    assert list(found) == [whole.stem]
    assert list(faults) == ["dial"]
    assert "dial.parquet cannot be read" in faults["dial"]
    assert "\n" not in faults["dial"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dial_id": "0" * 16}, "it is of dial"),
        ({"alphas": None}, "measured from"),
        ({"epochs": 0}, "same length"),
        ({"kept": 10**6}, "epochs kept"),
        ({"hr@10": 7.0}, r"hr@10 = 7 of full, bucket 0"),
        ({"ndcg@10": np.nan}, "ndcg@10 = nan"),
        ({"cov@10": np.inf}, "cov@10 = inf"),
        ({"seconds": np.nan}, "seconds = nan"),
        ({"valid_ndcg@10": 1.5}, "valid_ndcg@10 = 1.5"),
        ({"ranks": 0}, "a rank = 0"),
        ({"lists": 50}, "an item of the lists = 50"),
    ],
    ids=str,
)
def test_a_record_that_cannot_be_is_refused(record, place, tmp_path, changed, said):
    (name, value), = changed.items()  # fmt: skip
    stages, curves, metrics = record.stages.copy(), record.curves.copy(), dict(record.metrics)
    given = {"stages": stages, "curves": curves, "metrics": metrics}
    if name in stages.columns and name != "seconds":
        stages.loc[0, name] = value
    elif name in curves:
        curves.loc[0, name] = value
    elif "@" in name:
        metrics["full", 0, name] = np.full_like(record.alphas, value)
    elif name in ("ranks", "lists"):
        given[name] = np.full_like(getattr(record, name), value)
    elif name == "alphas":
        given[name] = record.alphas / 2
    else:
        given[name] = value
    odd = dataclasses.replace(record, **given)
    path = tmp_path / f"{record.dial_id}.parquet"
    write_dial_record(odd, tmp_path).rename(path)
    with pytest.raises(InputError, match=said):
        read_dial_record(path, place.targets)


def test_every_flipped_bit_is_found(record, place, tmp_path):
    path = write_dial_record(record, tmp_path)
    assert flips_found(path, lambda: read_dial_record(path, place.targets)) == FLIPS
