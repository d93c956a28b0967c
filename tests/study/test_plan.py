import pytest
from toy_study import STUDY, write

from btsr_core.study.plan import planned_runs, search_of
from btsr_core.study.spec import read_study


@pytest.fixture
def study(tmp_path):
    return read_study(write(tmp_path, STUDY))


def plan(study, scores):
    return planned_runs(study, "ml-100k", "content", scores)


def trials_of(study, model):
    return [one for one in plan(study, {}) if one.part == "search" and one.model == model]


def test_only_trials_can_begin(study):
    found = plan(study, {})
    assert [(one.part, one.model, one.status) for one in found] == [
        *[("search", "plain", "missing"), ("search", "twins", "missing")] * 2,
        *[("table", "plain", "waiting"), ("table", "twins", "waiting")] * 2,
        *[("alpha", "twins", "waiting")] * 2,
    ]  # fmt: skip
    assert all((one.run_id is None) == (one.status == "waiting") for one in found)


def test_trials_take_the_defaults_first(study):
    first, second = trials_of(study, "twins")
    assert first.experiment.loss.alpha == 0.25
    assert first.experiment.model.dropout == 0.3
    assert second.experiment.loss.alpha in (0.1, 0.2)
    assert first.experiment.train.patience == second.experiment.train.patience == 3


def test_the_best_trial_decides_what_is_trained_and_is_a_run_of_it(study):
    for best in (0, 1):
        trials = trials_of(study, "twins")
        scores = {one.run_id: float(place == best) for place, one in enumerate(trials)}
        found = [one for one in plan(study, scores) if one.model == "twins"]
        chosen = trials[best].experiment
        table = [one for one in found if one.part == "table"]
        assert [one.seed for one in table] == [0, 1]
        assert table[0].run_id == trials[best].run_id
        assert table[0].status == "recorded"
        assert table[1].status == "missing"
        assert table[1].experiment.model == chosen.model
        assert table[1].experiment.loss == chosen.loss
        alpha = [one for one in found if one.part == "alpha"]
        assert [one.experiment.loss.alpha for one in alpha] == [0.0, 0.5]
        assert all(one.experiment.model == chosen.model for one in alpha)


def test_one_trial_is_not_the_end_of_a_search(study):
    first, _ = trials_of(study, "twins")
    found = plan(study, {first.run_id: 1.0})
    assert all(one.status == "waiting" for one in found if one.part == "table")
    assert search_of(study, "ml-100k", "twins", "content", {first.run_id: 1.0}).chosen is None


def test_the_earlier_of_equal_trials_is_chosen(study):
    scores = {one.run_id: 0.5 for one in trials_of(study, "twins")}
    chosen = search_of(study, "ml-100k", "twins", "content", scores).chosen
    assert chosen == study.defaults("ml-100k", "twins")


def test_other_data_are_other_runs(study):
    here = {one.run_id for one in plan(study, {})} - {None}
    there = {one.run_id for one in planned_runs(study, "ml-100k", "else", {})} - {None}
    assert not here & there
