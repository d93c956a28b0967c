import dataclasses
import math

import numpy as np
import pytest
from made_up_records import made_up_place

from btsr_core.analysis.power import Components, detectable, users_needed, variance_components
from btsr_core.pages import power_figures, power_sentences, power_tables
from btsr_core.pages.pairs import OURS, PLAIN, pair_of
from btsr_core.pages.results import systems

KNOWN = Components(0.01, 0.04, 0.0001, 0.03, 0.046, 0.07, 400, 5)


def made_up(components=KNOWN, size=0.02, **changed):
    given = {"dataset": "walks", "reading": "full", "metric": "ndcg@10"} | changed
    wanted = power_tables.Wanted(size, power_tables.PAPERS)
    return power_tables.Needs(**given, components=components, wanted=wanted)


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


@pytest.mark.parametrize("reading", ["full", "events"])
def test_differences_come_from_the_ranks(place, reading):
    found = power_tables.needs(place, "hr@10", reading)
    ours, plain = (
        np.array([(one.ranks[reading] <= 10).astype(float) for one in some])
        for some in pair_of(systems(place))
    )
    targets = len(place.targets.of(reading)) // 60
    by_user = (ours - plain).reshape(3, 60, targets).mean(axis=2)  # as many targets each
    expected = variance_components(by_user)
    for name, value in vars(expected).items():
        assert getattr(found.components, name) == pytest.approx(value), name


def test_what_it_takes_is_what_power_says():
    one = made_up()
    assert one.visible == detectable(KNOWN, 400, 5)
    assert one.users == users_needed(KNOWN, 0.02, 5)
    assert detectable(KNOWN, int(one.users), 5) <= 0.02 < detectable(KNOWN, int(one.users) - 1, 5)
    assert detectable(KNOWN, 400, 10**9) > 0.02
    assert math.isinf(one.seeds)
    assert 0 < one.paper_test < 1


def test_one_seed_speaks_of_other_users_alone(tmp_path):
    place = made_up_place(tmp_path, without=lambda one: one.seed > 0)
    one = power_tables.needs(place, "ndcg@10", "full", 0.1)
    assert math.isnan(one.components.users)
    error = math.sqrt(one.components.single / 60)
    assert one.visible == pytest.approx(2.8016 * error, rel=1e-3)
    assert math.isfinite(one.users)
    assert math.isnan(one.seeds)
    assert math.isnan(one.paper_test)


def test_no_common_seed_is_left_out(tmp_path, place):
    nothing = made_up_place(tmp_path, without=lambda one: one.model == "bt-sr")
    assert power_tables.needs(nothing, "ndcg@10", "full") is None
    found = power_tables.all_needs([nothing, place], ["ndcg@10", "hr@10"])
    assert [(one.reading, one.metric) for one in found] == [
        (reading, metric)
        for reading in ("after-cutoff", "full", "events")
        for metric in ("ndcg@10", "hr@10")
    ]


def test_wanted_is_what_is_given_or_the_papers():
    given = power_tables.wanted_difference("beauty-5core", "ndcg@10", 0.05, 0.007)
    assert (given.size, given.source) == (0.007, power_tables.CHOSEN)
    papers = power_tables.wanted_difference("beauty-5core", "ndcg@10", 0.05, 0.0)
    assert papers.size == pytest.approx(0.0569 - 0.0524)  # its Table 2
    assert papers.source == power_tables.PAPERS


def test_elsewhere_it_is_the_median_of_the_papers_relative_gains():
    gains = sorted([534 / 494, 150 / 127, 483 / 364, 569 / 524, 796 / 700])  # its Table 2, ndcg@10
    found = power_tables.wanted_difference("walks", "ndcg@10", 0.2, 0.0)
    assert found.size == pytest.approx((gains[2] - 1) * 0.2)
    assert found.source == power_tables.ELSEWHERE


def test_a_metric_that_the_paper_lacks_has_no_wanted_gain():
    assert math.isnan(power_tables.wanted_difference("walks", "ndcg@20", 0.2, 0.0).size)
    assert power_tables.paper_gain("beauty-5core", "ndcg@20") is None


def test_tables_leave_empty_what_is_not_known():
    single = dataclasses.replace(
        KNOWN, users=math.nan, seeds=math.nan, residual=math.nan, n_seeds=1
    )
    (row,) = power_tables.needs_table([made_up(single)]).to_dict("records")
    assert (row["seeds needed"], row["power over seeds"]) == ("", "")
    assert (
        row["users needed"]
        == f"{int(users_needed(power_tables.known_components(single), 0.02, 1)):,}"
    )
    (row,) = power_tables.component_table([made_up(single)]).to_dict("records")
    assert row["between seeds"] == ""
    assert row["between users, one seed"] == "0.2646"
    assert power_tables.needs_table([made_up()])["seeds needed"].tolist() == ["no number"]
    assert power_tables.needs_table([]).empty


class TestFigure:
    def test_lines_are_the_detectable_differences(self):
        figure = power_figures.detectable_differences([made_up(), made_up(reading="events")])
        names = [one.name for one in figure.data if one.showlegend]
        assert names == ["1 seed", "5 seeds", "20 seeds", "wanted", "today"]
        for trace, seeds in zip(figure.data, power_figures.SEEDS, strict=False):
            assert trace.y[7] == detectable(KNOWN, int(trace.x[7]), seeds)
            assert (np.diff(trace.y) <= 0).all()
        today = figure.data[4]
        assert (today.x[0], today.y[0]) == (400, detectable(KNOWN, 400, 5))
        panels = [note.text for note in figure.layout.annotations]
        assert panels == ["history full", "history events"]
        assert all("users" in axis.title.text for axis in figure.select_xaxes())
        assert "ndcg@10" in figure.layout.yaxis.title.text

    def test_one_seed_draws_one_line(self):
        figure = power_figures.detectable_differences(
            [made_up(dataclasses.replace(KNOWN, n_seeds=1))]
        )
        assert [one.name for one in figure.data] == ["1 seed", "wanted", "today"]

    def test_nothing_recorded(self):
        assert "no pair of runs" in power_figures.detectable_differences([]).layout.title.text


class TestSentences:
    def test_what_it_takes(self):
        said = power_sentences.visible_today([made_up()])
        assert said.startswith("History full, 400 users and 5 seeds: a difference of ndcg@10 of ")
        assert f"it takes {int(made_up().users):,} users with these seeds" in said
        assert said.endswith("no number of seeds suffices with these users.")

    def test_enough_today(self):
        said = power_sentences.visible_today([made_up(size=0.2)])
        assert "that is enough for the one wanted (the paper's, 0.2000)" in said
        assert power_sentences.verdict([made_up(size=0.2)]).endswith(
            "in 1 of 1 whose variance is known: walks full ndcg@10."
        )

    def test_one_seed(self):
        said = power_sentences.visible_today([made_up(dataclasses.replace(KNOWN, n_seeds=1))])
        assert "5 seeds" not in said
        assert "(other users, this seed)" in said

    @pytest.mark.parametrize("size", [math.nan, 0.0, -0.1])
    def test_no_gain_to_look_for(self, size):
        said = power_sentences.visible_today([made_up(size=size)])
        assert "is not above zero or not known" in said
        assert "0 of 0" in power_sentences.verdict([made_up(size=size)])

    def test_nothing_varies(self):
        still = dataclasses.replace(KNOWN, users=0.0, seeds=0.0, residual=0.0)
        assert "do not vary" in power_sentences.visible_today([made_up(still)])

    def test_nothing_recorded(self):
        for said in (power_sentences.visible_today([]), power_sentences.verdict([])):
            assert OURS in said
            assert PLAIN in said

    def test_the_nearest_is_named(self):
        near, far = made_up(dataset="near"), made_up(size=0.005, dataset="far")
        assert math.isinf(far.users)
        said = power_sentences.verdict([near, far])
        assert "Over 2 datasets" in said
        assert (
            f"Nearest is near, full, ndcg@10: {int(near.users):,} users where there are 400."
            in said
        )
        assert "no number of users would do" in power_sentences.verdict([far])

    def test_whose_gain_is_looked_for(self):
        one = made_up()
        said = power_sentences.wanted_sentence([one, one])
        assert said == f"The gain that is looked for is {one.wanted.source} on {one.dataset}."
        assert power_sentences.wanted_sentence([]) == "No gain is looked for."
