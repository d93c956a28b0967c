import pytest

from btsr_core import sweep
from btsr_core.config import experiment
from btsr_core.errors import InputError
from btsr_core.experiment import prepare, run_experiment
from btsr_core.runs import finished
from btsr_core.settings import REGULARISERS
from btsr_core.sweep import run_all, run_systems, with_and_without, with_seeds


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

    monkeypatch.setattr(sweep, "worker_pool", None)  # nothing is left to train
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


@pytest.mark.parametrize("regulariser", sorted(set(REGULARISERS) - {"none"}))
def test_the_pair_differs_in_the_regulariser_alone(regulariser):
    base = experiment(objective="gbce", t=0.5, regulariser=regulariser, alpha=0.3, seed=4)
    (plain_name, plain), (name, found) = with_and_without(base).items()
    assert (plain_name, found) == ("SASRec-gBCE", base)
    assert name != plain_name
    assert not plain.loss.is_regularised
    assert plain == experiment(objective="gbce", t=0.5, regulariser="none", alpha=0.3, seed=4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regulariser": "none"}, "regulariser = 'none': .*Choose a regulariser .barlow-twins, "),
        ({"alpha": 0}, "alpha = 0: .*would be one.* alpha above 0"),
        ({"regulariser": "vicreg", "alpha": 0}, "alpha = 0"),
    ],
)
def test_a_model_is_not_compared_with_itself(settings, said):
    with pytest.raises(InputError, match=said):
        with_and_without(experiment(**settings))


@pytest.mark.usefixtures("no_processes")
def test_systems_have_the_same_seeds_and_their_own_names(tiny, tmp_path):
    losses = {name: experiment(regulariser=name).loss for name in ("none", "duorec", "vicreg")}
    wanted = {name: tiny.model_copy(update={"loss": loss}) for name, loss in losses.items()}
    found = run_systems(wanted, 2, runs=tmp_path, progress=False)
    assert list(found) == list(wanted)
    for name, runs in found.items():
        assert [run.experiment.train.seed for run in runs] == [0, 1]
        assert {run.experiment.loss.regulariser.name for run in runs} == {name}


def test_prepared_data_are_not_read_again(tiny, tmp_path, monkeypatch):
    data = prepare(tiny.data, progress=False)
    trained = run_all([tiny], data=data, runs=tmp_path, progress=False)
    monkeypatch.setattr(sweep, "load_data", None)
    again = run_all([tiny], data=data, runs=tmp_path, progress=False)
    assert [run.id for run in again] == [run.id for run in trained]
    other = tiny.model_copy(update={"data": tiny.data.model_copy(update={"k_core": 3})})
    with pytest.raises(TypeError):  # of other data the prepared ones tell nothing
        run_all([other], data=data, runs=tmp_path, progress=False)
