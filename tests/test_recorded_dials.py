"""The recorded dials: every record is whole, and the artefact does what is recorded of it."""

from pathlib import Path

import numpy as np
import pytest

from btsr_core.dial.artefact import SUFFIX, load_dial
from btsr_core.dial.choice import chosen_dial
from btsr_core.dial.measure import grid
from btsr_core.dial.plan import planned_dials, trained_models
from btsr_core.dial.records import FOLDER, read_dials
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.experiment import prepare
from btsr_core.files import project_root
from btsr_core.study.measure import READINGS, SHOWN_ITEMS, VALIDATION, WIDEST, evaluation_sets
from btsr_core.study.records import BEYOND, read_records, read_targets
from btsr_core.study.run import Standing
from btsr_core.study.spec import read_study

RESULTS = Path(__file__).parents[1] / "book" / "results"
FOLDERS = sorted(path for path in RESULTS.glob(f"*/{FOLDER}") if path.is_dir())


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: path.parent.name)
def place(request):
    folder = request.param.parent
    study = read_study(project_root() / "book" / "study.toml")
    targets = read_targets(folder)
    return Standing(study, folder.name, folder, targets, *read_records(folder, targets))


def test_there_are_some_and_all_results_clone_quickly():
    assert FOLDERS
    assert sum(path.stat().st_size for path in RESULTS.rglob("*") if path.is_file()) < 10 * 2**20


def test_records_are_those_that_are_planned(place):
    records, faults = read_dials(place.folder / FOLDER, place.targets)
    assert not faults
    assert not place.faults
    assert {one.dial_id for one in planned_dials(place, records)} == set(records)
    for name, record in records.items():
        assert record.dial_id == name == record.config.dial_id(place.targets.fingerprint)
        np.testing.assert_array_equal(record.alphas, grid(record.config))
        assert {round(alpha, 9) for alpha in trained_models(place)} <= set(record.alphas.tolist())
        assert len(record.curves) == record.epochs
        assert "dirty" not in record.provenance["commit"]
        for reading in (*READINGS, VALIDATION):
            for metric in ("ndcg@10", "cov@10"):
                values = record.values(metric, reading)
                assert ((values > 0) & (values < 1)).all(), (reading, metric)
        assert ((record.ranks >= 1) & (record.ranks <= BEYOND)).all()
        assert record.lists.min() >= 0
        assert record.lists.max() < place.targets.sizes["n_items"]


def test_the_artefact_is_that_of_the_chosen_dial_alone(place):
    chosen = chosen_dial(place)
    files = list((place.folder / FOLDER).glob(f"*{SUFFIX}"))
    assert files == ([chosen.artefact] if chosen else [])
    assert all(path.stat().st_size < 2.5 * 2**20 for path in files)


def test_the_artefact_does_what_is_recorded_of_it(place):
    chosen = chosen_dial(place)
    if chosen is None:
        pytest.skip("no dial drives this slider")
    dial, record = load_dial(chosen.artefact), chosen.records[0]
    assert (dial.config, dial.fingerprint) == (record.config, place.targets.fingerprint)
    try:
        split = prepare(dial.config.experiment.data, progress=False).split
    except InputError as error:
        pytest.skip(f"the data cannot be had: {error}")
    for alpha in (0.0, 0.13, dial.config.high):
        tested = evaluation_sets(split)[WIDEST]
        ranking = evaluate_model(dial.model_at(alpha), tested, dial.config.experiment.model.max_len)
        # On another CPU the last bits of sums differ, and near ties may change places.
        for name, value in ranking.metrics().items():
            assert record.value(name, WIDEST, alpha) == pytest.approx(value, abs=2e-3), name
        n = record.ranks.shape[1]
        lists = record.lists[record.place(alpha)]
        assert (lists == ranking.top_items[:n, :SHOWN_ITEMS]).mean() > 0.95
