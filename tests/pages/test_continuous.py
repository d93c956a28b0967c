"""Tables, figures and sentences of dials that serve every alpha."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up_dial_records import like_trained, made_up_dials, made_up_rivals
from made_up_records import made_up_place

from btsr_core.analysis.intervals import Interval, unbounded
from btsr_core.analysis.pareto import hypervolume
from btsr_core.dial.choice import PLANE, READING, rivals
from btsr_core.dial.plan import trained_models
from btsr_core.dial.records import dials_folder, write_dial_record
from btsr_core.pages import continuous_figures as drawn
from btsr_core.pages import continuous_sentences as said
from btsr_core.pages import continuous_tables as tables
from btsr_core.pages.frontier_tables import ALPHA
from btsr_core.pages.score_tables import seed_interval
from btsr_core.pages.words import NOTHING
from btsr_core.study.measure import VALIDATION

X, Y = PLANE


@pytest.fixture
def place(tmp_path):
    return made_up_place(tmp_path)


@pytest.fixture
def found(place):
    return made_up_rivals(place)


def one_seed(place):
    dials = {n: one for n, one in made_up_dials(place).items() if one.config.seed == 0}
    return rivals(place, dials)


class TestTables:
    def test_what_is_recorded_is_found(self, place, tmp_path):
        assert tables.recorded_rivals(place) == {}
        for record in made_up_dials(place).values():
            write_dial_record(record, dials_folder(tmp_path))
        assert list(tables.recorded_rivals(place)) == ["conditioned", "interpolated"]

    def test_shares_and_costs_of_every_way(self, place, found):
        table = tables.area_table(found, X, Y, "events")
        first, second, *others = table.index
        assert first == tables.TRAINED
        assert second.startswith(tables.SINGLE)
        assert others == [one.label for one in found.values()]
        trained = table.loc[tables.TRAINED]
        assert trained["share"] == trained["strict"] == trained["valid"] == 1
        assert math.isnan(trained["low"])  # a share of oneself does not vary
        assert (trained["epochs"], trained["seconds"]) == (6, 6.0)  # 3 alphas, 2 epochs of 1 s
        for one in found.values():
            row = table.loc[one.label]
            ratios = one.ratios(X, Y, "events")
            expected = seed_interval(ratios)
            assert (row["share"], row["low"], row["high"]) == (
                expected.mean, expected.low, expected.high,
            )  # fmt: skip
            assert row["least"] == ratios.min()
            assert row["valid"] == one.ratios(X, Y, VALIDATION).mean()
            points = one.dial_points(X, Y, "events")
            assert row["area"] == pytest.approx(np.mean([hypervolume(own) for own in points]))
        assert table.loc[found["conditioned"].label, "epochs"] == 4
        assert table.loc[found["interpolated"].label, "seconds"] == 12

    def test_above_the_worst_only_what_exceeds_it_counts(self, place, found):
        one = found["conditioned"]
        table = tables.area_table(found, X, Y, "events")
        ours, theirs = (p(X, Y, "events").mean(axis=0) for p in (one.dial_points,
                                                                 one.trained_points))  # fmt: skip
        worst = tuple(theirs.min(axis=0))
        expected = hypervolume(ours, worst) / hypervolume(theirs, worst)
        assert table.loc[one.label, "strict"] == pytest.approx(expected)

    def test_the_single_model_is_the_best_on_validation(self, place, found):
        trained = trained_models(place)
        places = {}
        for alpha, own in trained.items():
            for seed, record in own.items():
                metrics = record.metrics
                rows = (metrics["reading"] == VALIDATION) & (metrics["metric"] == Y)
                metrics.loc[rows, "value"] = 0.2 if alpha == 0.2 else 0.1
                record.__dict__.pop("_values", None)
                places[alpha, seed] = record.value(X, "events") * record.value(Y, "events")
        table = tables.area_table(made_up_rivals(place), X, Y, "events")
        row = table.loc[f"{tables.SINGLE} 0.2"]
        assert row["area"] == pytest.approx(np.mean([places[0.2, seed] for seed in range(3)]))
        assert (row["epochs"], row["seconds"]) == (2, 2.0)

    def test_in_words(self, found):
        words = tables.area_words(tables.area_table(found, X, Y, "events"))
        assert words.loc[tables.TRAINED, "of trained (%)"] == "100.0"
        assert words.loc[tables.TRAINED, "95 % over seeds"] == NOTHING
        assert " to " in words.loc[found["conditioned"].label, "95 % over seeds"]

    def test_nothing_recorded_is_an_empty_table(self):
        assert tables.area_table({}, X, Y, "events").empty
        assert tables.area_words(tables.area_table({}, X, Y, "events")).empty
        assert tables.turns({}, [X, Y], "events") == []

    def test_turns_from_end_to_end(self, place, found):
        told = tables.turns(found, [X, Y], "events")
        assert [(one.metric, one.label) for one in told] == [
            (metric, label) for metric in (X, Y)
            for label in (tables.TRAINED, *(one.label for one in found.values()))
        ]  # fmt: skip
        dial = told[1]  # 0.5 + alpha / 4 + 0.001 seed, with alpha from 0 to 0.4
        assert (dial.low, dial.high) == pytest.approx((0.501, 0.601))
        assert dial.change.mean == pytest.approx(0.1)
        assert dial.spread == pytest.approx(0.001)
        models = trained_models(place)
        assert told[0].low == pytest.approx(
            np.mean([one.value(X, "events") for one in models[0.0].values()])
        )
        assert math.isnan(tables.turns(one_seed(place), [X], "events")[1].spread)

    def test_equal_epochs_are_those_that_all_have(self, found):
        one = found["conditioned"]
        equal = tables.equal_epochs(one)
        assert tables.equal_epochs(found["interpolated"]) is None
        assert equal.epochs == (2, 2, 2)  # of 4 and 2
        assert equal.alphas == (0.0, 0.4)  # 0.16 is not trained
        ours = [0.5 + 0.001 * np.arange(3), 0.6 + 0.001 * np.arange(3)]
        area = [
            hypervolume(np.array([[low, low], [high, low - 0.1]]))
            for low, high in zip(*ours, strict=True)
        ]
        np.testing.assert_allclose(equal.shares, np.array(area) / (0.2 * 0.1), rtol=1e-6)


class TestFigures:
    def traces(self, figure, name):
        return [one for one in figure.data if one.name == name]

    @pytest.mark.parametrize(
        "draw",
        [
            lambda found: drawn.paths(found, X, Y, "events"),
            lambda found: drawn.along(found, [Y, X], "events"),
            lambda found: drawn.shares_by_seed(found, X, Y, "events"),
        ],
    )
    def test_title_axes_and_legend(self, place, found, draw):
        for some in (found, one_seed(place)):
            figure = draw(some)
            assert figure.layout.title.text
            assert all(axis.title.text for axis in figure.select_xaxes())
            assert all(axis.title.text for axis in figure.select_yaxes())
            shown = [one.name for one in figure.data if one.showlegend is not False]
            assert len(shown) == len(set(shown)) > 0
            assert {one.label for one in some.values()} <= {n.split(",")[0] for n in shown}
        assert not draw({}).data

    def test_paths_run_through_the_means_on_the_grid(self, found):
        figure = drawn.paths(found, X, Y, "events")
        one = found["interpolated"]
        (path,) = self.traces(figure, f"{one.label}, every {ALPHA}")
        dials = one.dials
        np.testing.assert_allclose(path.x, np.mean([d.values(X, "events") for d in dials], 0))
        np.testing.assert_allclose(path.y, np.mean([d.values(Y, "events") for d in dials], 0))
        assert len(path.x) == 41
        (marks,) = self.traces(figure, tables.TRAINED)
        np.testing.assert_allclose(
            np.stack([marks.x, marks.y], 1), one.trained_points(X, Y, "events").mean(0)
        )
        assert list(marks.text) == ["0", "0.2", "0.4"]

    def test_bars_and_bands_are_intervals_over_seeds(self, found):
        figure = drawn.along(found, [Y, X], "events")
        marks = self.traces(figure, tables.TRAINED)
        assert len(marks) == 2
        values = found["conditioned"].trained_points(X, X, "events")[:, 1, 0]
        interval = seed_interval(values)
        assert marks[1].y[1] == pytest.approx(interval.mean)
        assert marks[1].error_y.array[1] == pytest.approx(interval.high - interval.mean)

    def test_shares_are_per_cent_of_the_area(self, found):
        figure = drawn.shares_by_seed(found, X, Y, "events")
        for one in found.values():
            (marks,) = self.traces(figure, one.label)
            np.testing.assert_allclose(marks.y, 100 * one.ratios(X, Y, "events"))


class TestSentences:
    def test_nothing_is_recorded(self):
        for sentence in (
            said.made_of({}),
            said.reach(tables.area_table({}, X, Y, "events")),
            said.turning([]),
            said.verdict({}),
        ):
            assert sentence.startswith("No dial is recorded")
        assert "snaps" in said.verdict({})
        assert "nothing is compared" in said.at_equal_epochs([None])
        assert "nobody can tell" in said.lottery([], X)

    def test_settings_are_the_dials_own(self, found):
        sentence = said.made_of(found)
        assert f"3 seeds, {ALPHA} from 0 to 0.4, epochs 120 and width 64." in sentence
        assert "start 0.5, epochs 30 and lr 0.001." in sentence

    def test_shares_and_costs(self, found):
        table = tables.area_table(found, X, Y, "events")
        sentence = said.reach(table)
        for one in found.values():
            share = table.loc[one.label, "share"]
            assert f"reaches {100 * share:.1f} % (95 % over seeds" in sentence
        assert "with 4 epochs a seed instead of 6 and 133 % of the core time" in sentence
        assert f"For comparison, one model, {ALPHA} = " in sentence

    def test_turning_and_its_lottery(self, found):
        told = tables.turns(found, [X, Y], "events")
        sentence = said.turning(told)
        assert "a conditioned model 0.5010 to 0.6010 (+0.1000" in sentence
        assert f"{tables.TRAINED} {told[0].low:.4f} to" in sentence
        none = [replace(one, change=unbounded(0.1)) for one in told]
        assert said.turning(none).count("from zero for none of them") == 2
        moved = [replace(one, change=Interval(0.1, 0.05, 0.15)) for one in told[:2]]
        rest = [replace(one, change=Interval(0.1, -0.05, 0.15)) for one in told[2:3]]
        names = f"{tables.TRAINED} and a conditioned model"
        assert f"from zero for {names} alone." in said.turning(moved + rest)
        assert "a conditioned model 0.001" in said.lottery(told, X)

    def test_equal_epochs(self, found):
        one = tables.equal_epochs(found["conditioned"])
        sentence = said.at_equal_epochs([one, None])
        assert "After equally many epochs, 2 by seed" in sentence
        assert f"at {ALPHA} = 0 and 0.4" in sentence
        assert "2 to 5 by seed" in said.at_equal_epochs([replace(one, epochs=(2, 5, 3))])

    def test_the_verdict_says_what_drives_the_slider(self, place):
        both = made_up_rivals(place, like_trained(place))
        sentence = said.verdict(both)
        assert sentence.count("reaches 100.0 %") == 2
        assert "driven by" in sentence
        assert "better of both" in sentence

        factors = {"conditioned": 1.0, "interpolated": 0.9}
        sentence = said.verdict(made_up_rivals(place, like_trained(place, by_kind=factors)))
        assert "a conditioned model reaches 100.0 %" in sentence
        assert "an interpolated model misses it by 16.0 points" in sentence
        assert "better of both" not in sentence

    def test_the_verdict_says_what_the_dial_moves(self, place):
        def verdict(by):
            def value(kind, seed, metric, reading, alpha):
                step = by if metric == X else 0.001 * (seed - 1)
                return 0.9 + step * alpha * (1 + 0.01 * seed)

            return said.verdict(made_up_rivals(place, value))

        moved = verdict(2.0)  # by 0.4 times 2, 2.02 and 2.04
        assert f"Turned from end to end it moves {X} (+0.8080, " in moved
        assert f"), and {Y} (" in moved
        assert moved.endswith("by no more than seeds do.")
        still = verdict(0.0)
        assert f"it moves neither {X} (" in still
        assert still.endswith("well, and much alike.")

    def test_the_verdict_says_what_a_good_mean_leaves_open(self, place):
        value = like_trained(place)

        def lucky(kind, seed, metric, reading, alpha):
            factor = {0: 1.2, 1: 0.96, 2: 0.97}[seed]
            return value(kind, seed, metric, reading, alpha) * (factor if metric == X else 1)

        found = made_up_rivals(place, lucky)
        ratios = found["conditioned"].ratios(X, Y, READING)
        assert ratios.tolist() == pytest.approx([1.2, 0.96, 0.97])
        low = 100 * seed_interval(ratios).low
        sentence = said.verdict(found)
        assert f"reaches 104.3 % on average (the interval over seeds begins at {low:.1f} %" in (
            sentence
        )
        assert "of 3 seeds alone would miss it" in sentence
        assert "driven by" in sentence

    def test_the_verdict_says_by_how_much_each_missed_and_why(self, place):
        value = like_trained(place)

        def covers_less(kind, seed, metric, reading, alpha):
            return value(kind, seed, metric, reading, alpha) * (0.9 if metric == X else 1)

        found = made_up_rivals(place, covers_less)
        sentence = said.verdict(found)
        assert sentence.count("misses it by 7.0 points") == 2
        one = found["conditioned"]
        ours, theirs = (points(X, Y, READING).mean(0).max(0)
                        for points in (one.dial_points, one.trained_points))  # fmt: skip
        assert f"{X} comes to {ours[0]:.4f} at most where trained models have {theirs[0]:.4f}" in (
            sentence
        )
        assert f"{Y} comes" not in sentence
        assert sentence.endswith(
            f"The slider snaps to values of {ALPHA} that models are trained for."
        )
