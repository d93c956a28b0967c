"""The recorded study: every record is whole, follows from its ranks, and can be had again."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from btsr_core.dial.artefact import SUFFIX
from btsr_core.evaluation.metrics import summarise
from btsr_core.experiment import prepare, run_experiment
from btsr_core.files import project_root
from btsr_core.sealed import is_sealed
from btsr_core.study.measure import READINGS, measure_run
from btsr_core.study.records import TARGETS, read_record, read_targets
from btsr_core.study.spec import read_study

RESULTS = Path(__file__).parents[1] / "book" / "results"
RECORDS = sorted(path for path in RESULTS.glob("*/*.parquet") if path.name != TARGETS)
SHORT = [path for path in RECORDS if path.parent.name == "ml-100k-short"]


def test_there_are_records_and_they_clone_quickly():
    assert SHORT
    assert sum(path.stat().st_size for path in RESULTS.rglob("*.parquet")) < 10 * 2**20


def test_every_file_is_sealed():
    paths = [path for path in RESULTS.rglob("*") if path.suffix in (".parquet", SUFFIX)]
    assert len(paths) > len(RECORDS)
    assert [path for path in paths if not is_sealed(path)] == []


def test_records_belong_to_the_study():
    study = read_study(project_root() / "book" / "study.toml")
    assert {path.parent.name for path in RECORDS} <= set(study.datasets)


@pytest.mark.parametrize("_turn", range(12))
def test_a_records_metrics_follow_from_its_ranks_and_targets(_turn):
    path = random.choice(RECORDS)  # others each time
    targets = read_targets(path.parent)
    record = read_record(path, targets)
    assert record.run_id == path.stem == record.experiment.run_id(targets.fingerprint)
    assert (
        record.curves["valid_ndcg@10"].max()
        == record.curves["valid_ndcg@10"][record.best_epoch - 1]
    )
    for reading in READINGS:
        ranks, rows = record.ranks[reading], targets.of(reading)
        assert len(ranks) == len(rows)
        nothing = np.empty((len(ranks), 0), int)
        for bucket in (0, 1, 2, 3):
            own = ranks if not bucket else ranks[rows["bucket"] == bucket]
            if not len(own):
                continue
            expected = summarise(own, nothing[: len(own)], targets.sizes["n_items"])
            for name, value in expected.items():
                if not name.startswith("cov"):
                    found = record.value(name, reading, bucket)
                    assert found == pytest.approx(value, abs=1e-6), (reading, bucket, name)


def test_a_recorded_run_can_be_had_again(tmp_path):
    path = random.choice(SHORT)
    before = read_record(path, read_targets(path.parent))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run = run_experiment(before.experiment, runs=tmp_path, device="cpu", progress=False)
    torch.set_num_threads(threads)
    after = measure_run(run, prepare(before.experiment.data, progress=False))
    assert after.run_id == before.run_id == path.stem
    assert after.best_epoch == before.best_epoch
    # On another CPU the last bits of sums differ, and training makes more of them.
    for name in before.curves:
        if name != "seconds":
            np.testing.assert_allclose(after.curves[name], before.curves[name], 2e-3, 5e-3, name)
    for reading in READINGS:
        for name in ("hr@10", "ndcg@10", "cov@10"):
            value = pytest.approx(before.value(name, reading), abs=0.02)
            assert after.value(name, reading) == value, (reading, name)
