import pytest

from btsr_core import sweep
from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.experiment import run_experiment
from btsr_core.runs import finished
from btsr_core.sweep import run_all, with_seeds


def test_seeds_count_up(tiny):
    assert [e.train.seed for e in with_seeds(tiny, 3)] == [0, 1, 2]


@pytest.mark.parametrize("n_seeds", [0, -1])
def test_no_seeds_is_an_error(tiny, n_seeds):
    with pytest.raises(InputError, match="n_seeds"):
        with_seeds(tiny, n_seeds)


def test_runs_come_in_order_equal_to_runs_made_alone_and_only_once(tiny, tmp_path, monkeypatch):
    wanted = with_seeds(tiny, 2)
    found = run_all([*wanted, wanted[0]], runs=tmp_path / "all", progress=False)
    assert [run.experiment for run in found] == [*wanted, wanted[0]]
    assert len(finished(tmp_path / "all")) == 2
    alone = run_experiment(wanted[1], runs=tmp_path / "alone", device="cpu", progress=False)
    assert alone.metrics("test", "full") == found[1].metrics("test", "full")

    monkeypatch.setattr(sweep, "ProcessPoolExecutor", None)  # nothing is left to train
    again = run_all(wanted, runs=tmp_path / "all", progress=False)
    assert [run.id for run in again] == [run.id for run in found[:2]]


def test_mistakes_stop_before_anything_trains(tiny, tmp_path):
    wrong = experiment(source=str(tmp_path / "missing.csv"))
    with pytest.raises(InputError, match=r"missing\.csv"):
        run_all([tiny, wrong], runs=tmp_path, progress=False)
    assert finished(tmp_path) == []


def test_an_error_in_a_worker_reaches_the_caller(tiny, tmp_path):
    bad = tiny.model_copy(update={"train": tiny.train.model_copy(update={"lr": 1e30})})
    with pytest.raises(InputError, match="lower lr"):
        run_all(with_seeds(bad, 2), runs=tmp_path, progress=False)
