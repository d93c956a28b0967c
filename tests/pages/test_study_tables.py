"""What the chapter on the study shows, on made-up records."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_records import TABLE, made_up_place

from btsr_core.pages import epochs, study_figures, study_sentences, study_tables
from btsr_core.pages.comparisons import compare_all
from btsr_core.pages.results import systems
from btsr_core.pages.study_tables import VALID
from btsr_core.study.records import write_targets
from btsr_core.study.run import Standing
from btsr_core.study.spec import Study


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"))


def searched(place, trials):
    """Return a place whose models have several trials, and the records that it had."""
    space = {"dropout": {"low": 0.1, "high": 0.6, "step": 0.1}}
    study = place.study.model_dump() | {"search": {"space": space}}
    study["datasets"]["walks"]["trials"] = trials
    more = Study.model_validate(study)
    return Standing(more, "walks", place.folder, place.targets, place.records)


def with_curve(record, values, best):
    curves = pd.DataFrame({f"valid_{metric}": values for metric in epochs.METRICS})
    return replace(record, curves=curves, best_epoch=best, epochs=len(values))


class TestTrials:
    def test_one_trial_is_the_defaults(self, place):
        table = study_tables.trial_table(place)
        assert table["system"].tolist() == list(systems(place))
        assert table["is chosen"].all()
        assert set(table[VALID].round(6)) == {0.1}

    def test_a_search_that_has_not_ended_chose_nothing(self, place):
        more = searched(place, 3)
        table = study_tables.trial_table(more)
        assert table.groupby("system").size().eq(3).all()
        assert not table["is chosen"].any()
        assert table["settings"].str.fullmatch(r"dropout 0\.\d").all()
        chosen = study_tables.chosen_table(more)
        assert set(chosen["trials"]) == {"1 of 3"}
        assert set(chosen["chosen"]) == {"not decided"}
        assert "trials are missing of SASRec-CE" in study_sentences.budget_sentence(table)
        space = study_tables.space_table(more)["may choose"]
        assert space["every model"] == "dropout 0.1 to 0.6 by 0.1"

    def test_the_best_trial_is_chosen(self, place):
        more = searched(made_up_place(place.folder, parts=(TABLE,)), 2)
        first = next(iter(more.records.values()))
        for one in [x for x in more.planned if x.part == "search"]:
            record = replace(first, run_id=one.run_id, experiment=one.experiment)
            is_better = (one.model, one.point["trial"]) == ("sasrec-ce", 1)
            value = 0.3 if is_better else 0.2  # ties: the defaults
            more.records[one.run_id] = with_curve(record, [value], 1)
        chosen = study_tables.chosen_table(more)["trial"]
        assert chosen.tolist() == ["1", *["0"] * (len(chosen) - 1)]
        said = study_sentences.budget_sentence(study_tables.trial_table(more))
        assert said == "Each of 4 models has 2 trials; 1 of 4 searches left the defaults."


class TestGaps:
    def test_datasets_without_records_are_counted(self, place, tmp_path):
        dumped = place.study.model_dump()
        study = Study.model_validate(
            dumped | {"datasets": {"walks": {}, "strolls": {}, "hikes": {}},
                      "plan": [*dumped["plan"], {"dataset": "strolls", **TABLE},
                               {"dataset": "hikes", **TABLE}]}
        )  # fmt: skip
        whole = Standing(study, "walks", place.folder, place.targets, place.records)
        write_targets(place.targets, tmp_path / "hikes")
        places = study_tables.standings(whole, tmp_path)
        assert [one.dataset for one in places] == ["walks", "hikes"]
        table = study_tables.count_table(places)
        assert table.loc[("walks", "table")].tolist() == [12, 12, 0, 0]
        assert table.loc[("strolls", "search")].tolist() == [4, 0, 4, 0]
        assert table.loc[("strolls", "table")].tolist() == [12, 0, 0, 12]
        said = study_sentences.gaps_sentence(places)
        assert said.startswith("25 of 57 planned runs are recorded: nothing of strolls and hikes.")
        assert study_tables.provenance_table(places).loc["runs", "hikes"] == "0"

    def test_nothing_missing(self, place):
        assert study_sentences.gaps_sentence([place]).endswith("nothing is missing.")

    def test_provenance(self, place):
        column = study_tables.provenance_table([place])["walks"]
        assert column["commits"] == "0123456789"
        assert column["finished"] == "2025-01-02"


class TestEpochs:
    @pytest.fixture
    def found(self, place):
        records = systems(place)
        ours = [with_curve(r, [0.1, 0.2, 0.5, 0.4], 3) for r in records["BT-SR"]]
        plain = [with_curve(r, [0.2, 0.1, 0.3 + s / 10], 1) for s, r in
                 enumerate(records["SASRec-CE"])]  # fmt: skip
        return {"SASRec-CE": plain, "BT-SR": ours}

    def test_runs_are_compared_where_all_were(self, found):
        one = epochs.equal_epochs(found, "BT-SR", "SASRec-CE", "ndcg@10")
        assert one.epoch == 3
        expected = [[-0.1] * 3, [0.1] * 3, [0.2, 0.1, 0.0]]
        np.testing.assert_allclose(one.by_epoch, expected, atol=1e-12)
        assert one.last.difference == pytest.approx(0.1)
        assert one.kept.difference == pytest.approx(0.3)
        assert np.isnan(one.bounds[0]).all()  # no spread
        assert one.bounds[2, 0] < 0.1 < one.bounds[2, 1]
        said = study_sentences.epochs_sentence([one])
        assert "All 6 runs of the two reached epoch 3" in said
        assert "the same sign (3 seeds, paired)" in said

    def test_a_pair_without_a_seed(self, found):
        one = epochs.equal_epochs(found, "BT-SR", "DuoRec", "ndcg@10")
        assert one.epoch == 0
        assert "no run of the same seed" in study_sentences.epochs_sentence([one])
        assert len(study_figures.equal_epoch_figure([one, one]).data)

    def test_table(self, found):
        table = epochs.epoch_table(found)
        assert list(table) == ["runs", "epoch 1", "epoch 3", "epoch kept"]
        assert table.loc[("ndcg@10", "BT-SR"), "epoch 3"] == "0.5000 ± 0.0000"
        assert table.loc[("cov@10", "SASRec-CE"), "epoch kept"].startswith("0.2000")
        assert epochs.epoch_table({}).empty

    def test_costs_and_stops(self, found):
        """Of each run its median epoch, of each system its median run."""
        epochs_of = {
            "SASRec-CE": [[2, 2, 9], [2, 2, 2], [2, 50, 50]],
            "BT-SR": [[3, 3, 3, 900], [3, 3, 3, 3], [1, 1, 1, 1]],
        }
        for name, own in found.items():
            found[name] = [
                replace(record, curves=record.curves.assign(seconds=seconds))
                for record, seconds in zip(own, epochs_of[name], strict=True)
            ]
        table = study_tables.cost_table(found)
        assert table.loc["BT-SR", "times SASRec-CE"] == "1.50"
        assert table.loc["SASRec-CE", "by run"] == "2.0 to 50.0"
        assert "took 2.0 s (median)" in study_sentences.cost_sentence(found)
        assert "BT-SR took least, 1.50 times" in study_sentences.cost_sentence(found)
        said = study_sentences.stopping_sentence(found)
        assert "from epoch 1 to 1" in said
        assert "0 of 6 runs" in said
        assert "no cost" in study_sentences.cost_sentence({})
        assert "No system has two seeds" in study_sentences.stopping_sentence({})


class TestFigures:
    def test_every_run_is_a_line_and_a_mark(self, place):
        found = systems(place)
        figure = study_figures.validation_curves(found)
        assert len(figure.data) == 2 * 2 * sum(map(len, found.values()))
        assert sum(bool(trace.showlegend) for trace in figure.data) == len(found)

    def test_comparisons_show_every_seed(self, place):
        tested = compare_all(place, systems(place), [("BT-SR", "DuoRec")], "ndcg@10", "full")
        figure = study_figures.comparison_figure(tested)
        seen, seeds, mean = figure.data[:3]
        assert list(seeds.x) == tested[0].by_seed.tolist()
        assert mean.x[0] == tested[0].difference
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(tested[0].interval.low)
        assert seen.x[1] == tested[0].visible
        assert "ndcg@10" in figure.layout.xaxis.title.text
        assert study_figures.comparison_figure([]).layout.title.text

    def test_trials(self, place):
        figure = study_figures.trial_strip(study_tables.trial_table(searched(place, 3)))
        assert list(figure.layout.yaxis.ticktext) == list(systems(place))
        assert all(len(trace.x) == 1 for trace in figure.data)  # the missing are not drawn
