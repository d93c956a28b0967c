from types import SimpleNamespace

import numpy as np
import pytest
from handmade import TINY

from btsr_core.errors import InputError
from btsr_core.pages.results import (
    along,
    common_seeds,
    metric_points,
    open_results,
    reading_of,
    runs_of,
    systems,
    values_of,
)

STUDY = """
[models.plain]
regulariser = "none"

[models.twins]
regulariser = "barlow-twins"

[datasets.planned]
settings = { source = "nowhere.csv" }

[[plan]]
dataset = "planned"
part = "table"
models = ["plain"]
seeds = 1

[other]
[[other.plan]]
part = "table"
models = ["plain", "twins"]
seeds = 5

[[other.plan]]
part = "alpha"
models = ["twins"]
seeds = 1
grid.alpha = [0.4, 0.0]
grid.scaling = ["per-dimension", "sum"]
"""


@pytest.fixture(scope="module")
def chapter(tmp_path_factory, tiny_csv, no_processes):
    """Parameters of a chapter about a file that no study names."""
    folder = tmp_path_factory.mktemp("own")
    study = folder / "study.toml"
    study.write_text(STUDY)
    further = {name: value for name, value in TINY.items() if name != "max_epochs"}
    return SimpleNamespace(
        dataset=str(tiny_csv), user_col="user_id", item_col="item_id", time_col="timestamp",
        settings=" ".join(f"{name}={value}" for name, value in further.items()),
        n_seeds=2, max_epochs=2, study=str(study), results="", mirror="", runs=str(folder / "runs"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(chapter):
    return open_results(chapter, ["table", "alpha"])


def test_what_nobody_planned_is_trained_as_the_chapter_says(place):
    found = systems(place)
    assert list(found) == ["SASRec-CE", "BT-SR"]
    for records in found.values():
        assert [one.experiment.train.seed for one in records] == [0, 1]  # n_seeds, not 5
        assert all(one.epochs == 2 for one in records)
        assert all(one.experiment.model.dim == TINY["dim"] for one in records)


def test_only_the_wanted_parts_are_trained(chapter, tmp_path, capsys):
    own = SimpleNamespace(**{**vars(chapter), "runs": str(tmp_path), "n_seeds": 1})
    place = open_results(own, ["alpha"])
    assert len(runs_of(place, "alpha")) == 4
    # The trial of the twins, two scalings of alpha = 0.4, and alpha = 0 without any.
    assert len(place.records) == 4
    shown = capsys.readouterr().err
    assert "4/4" in shown  # how far it is
    assert "validation ndcg@10" in shown


def test_records_along_a_setting(place):
    sweep = along(place, "alpha", "alpha", scaling="sum")
    assert list(sweep) == [0.0, 0.4]
    for alpha, records in sweep.items():
        losses = [one.experiment.loss for one in records]
        assert [loss.alpha * loss.is_regularised for loss in losses] == [alpha] * 2
        assert [one.experiment.train.seed for one in records] == [0, 1]
    assert (
        sweep[0.0][0].run_id
        == along(place, "alpha", "alpha", scaling="per-dimension")[0.0][0].run_id
    )  # without a regulariser its scaling has no effect


def test_a_second_look_trains_nothing(chapter, place, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError

    monkeypatch.setattr("btsr_core.study.run.worker_pool", refuse)
    monkeypatch.setattr("btsr_core.pages.results.run_study", lambda *_args, **_kwargs: [])
    again = open_results(chapter, ["table", "alpha"])
    assert again.records.keys() == place.records.keys()
    assert {one.status for one in again.planned} == {"recorded"}


def test_another_cut_of_a_file_has_records_of_its_own(chapter, place, tmp_path):
    own = SimpleNamespace(
        **{**vars(chapter), "settings": chapter.settings.replace("k_core=2", "k_core=1"),
           "n_seeds": 1}
    )  # fmt: skip
    other = open_results(own, ["table"])
    assert other.folder != place.folder
    assert not other.records.keys() & place.records.keys()


def test_pairs_share_a_seed(place):
    plain, twins = systems(place).values()
    assert [(a.experiment.train.seed, b.experiment.train.seed)
            for a, b in common_seeds(plain[::-1], twins)] == [(0, 0), (1, 1)]  # fmt: skip
    assert common_seeds(plain[:1], twins[1:]) == []


def test_points_hold_baselines_and_a_row_a_run(place):
    found = systems(place)
    points = metric_points(place, found, ["ndcg@10", "cov@10"], "full")
    assert points["system"].tolist() == [
        "Popularity", "Last-item transitions", "SASRec-CE", "SASRec-CE", "BT-SR", "BT-SR"
    ]  # fmt: skip
    own = points[points["system"] == "BT-SR"]["ndcg@10"]
    np.testing.assert_allclose(own, values_of(found["BT-SR"], "ndcg@10", "full"))
    assert points.notna().all().all()
    alone = metric_points(place, found, ["ndcg@10"], "full", baselines=False)
    assert set(alone["system"]) == {"SASRec-CE", "BT-SR"}


def test_what_is_planned_but_not_recorded_says_what_to_run(chapter, tmp_path, tiny_csv):
    study = tmp_path / "study.toml"
    study.write_text(
        STUDY.replace("nowhere.csv", str(tiny_csv)).replace(
            "settings = {", "settings = { k_core = 2, cutoff_quantile = 0.8,"
        )
    )
    own = SimpleNamespace(
        **{**vars(chapter), "dataset": "planned", "study": str(study), "results": str(tmp_path)}
    )
    with pytest.raises(InputError, match="btsr study --only planned"):
        open_results(own, ["table"])


def test_the_most_epochs_are_a_parameter_and_no_further_setting(chapter, tmp_path):
    given = {"settings": "max_epochs=20", "runs": str(tmp_path / "runs")}
    own = SimpleNamespace(**{**vars(chapter), **given})
    with pytest.raises(InputError, match="this chapter has the parameter max_epochs; set that"):
        open_results(own, ["table"])
    assert not (tmp_path / "runs").exists()


def test_an_unknown_reading_is_refused():
    assert reading_of("events") == "events"
    with pytest.raises(InputError, match=r"history = 'past'.*after-cutoff, full, events"):
        reading_of("past")
