"""Equal epochs and epochs kept: pairs of systems, values of a setting, what is said of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_dials import PARTS
from made_up_records import made_up_place
from scipy import stats

from btsr_core.pages import dial_epochs, dials, epoch_figures, epoch_sentences, epochs
from btsr_core.pages.results import along, systems
from btsr_core.pages.words import MINUS, NOTHING

NAME = "Knob"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"), parts=PARTS)


@pytest.fixture(scope="module")
def records(place):
    """Return a record of each seed, 0 to 2."""
    return systems(place)["BT-SR"]


def run(record, values, best=None):
    """Return a record with these validation values, of coverage the tenfold; it keeps the last."""
    curves = pd.DataFrame({"valid_ndcg@10": values, "valid_cov@10": 10 * np.array(values)})
    kept = len(values) if best is None else best
    return replace(record, curves=curves, best_epoch=kept, epochs=len(values))


def runs(records, *curves):
    """Return a run a curve, the seeds ascending."""
    return [run(record, values) for record, values in zip(records, curves, strict=False)]


@pytest.fixture
def found(records):
    """Return three values: the base; one 0.1, 0.2, 0.3 above it at epoch 2; one equal to it.

    Seeds stop at different epochs; epoch 2 is the last that all have.
    """
    base = runs(records, [0.0, 0.1], [0.0, 0.1, 0.9], [0.0, 0.1, 0.5, 0.6])
    above = runs(records, [0.5, 0.2, 0.4], [0.5, 0.3], [0.5, 0.4, 0.1])
    return {0.0: base, 0.25: above, 0.5: base}


class TestDial:
    def test_each_value_beside_the_first(self, found):
        """At epoch 2: 0.2, 0.3, 0.4 less 0.1. Kept, always the last: 0.4, 0.3, 0.1 less theirs."""
        one = dial_epochs.dial(NAME, found)
        assert (one.name, one.base, one.epoch, one.seeds) == (NAME, 0.0, 2, [0, 1, 2])
        assert list(one.compared["ndcg@10"]) == [0.25, 0.5]
        own = one.compared["ndcg@10"][0.25]
        np.testing.assert_allclose(own.by_epoch, [[0.5] * 3, [0.1, 0.2, 0.3]])
        kept = np.array([0.4 - 0.1, 0.3 - 0.9, 0.1 - 0.6])
        assert own.kept.difference == pytest.approx(kept.mean())
        half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
        assert own.last.interval.low == pytest.approx(0.2 - half)
        assert own.last.interval.high == pytest.approx(0.2 + half)
        half = stats.t.ppf(0.975, 2) * kept.std(ddof=1) / np.sqrt(3)
        assert own.kept.interval.low == pytest.approx(kept.mean() - half)
        assert one.compared["cov@10"][0.25].last.difference == pytest.approx(2)

    def test_one_epoch_for_all_values(self, found, records):
        """A value whose runs stop early shortens the comparison of every other."""
        short = {**found, 0.75: runs(records, [0.3], [0.2, 0.2], [0.1, 0.4])}
        one = dial_epochs.dial(NAME, short)
        assert {own.epoch for by in one.compared.values() for own in by.values()} == {1}
        assert one.compared["ndcg@10"][0.25].last.difference == pytest.approx(0.5)

    def test_means_end_with_the_first_run_of_their_value(self, found):
        means = dial_epochs.dial(NAME, found).means["ndcg@10"]
        np.testing.assert_allclose(means[0.0], [0, 0.1])
        np.testing.assert_allclose(means[0.25], [0.5, 0.3])

    def test_means_are_over_the_seeds_of_all(self, found):
        one = dial_epochs.dial(NAME, {**found, 0.25: found[0.25][2:]})
        assert one.seeds == [2]
        np.testing.assert_allclose(one.means["ndcg@10"][0.0], [0, 0.1, 0.5, 0.6])
        assert one.compared["ndcg@10"][0.25].seeds == 1
        assert one.compared["ndcg@10"][0.5].seeds == 3

    def test_without_a_common_seed(self, found):
        """A value is left out; where every other is, nothing is compared."""
        apart = {0.0: found[0.0][:1], 0.25: found[0.25][1:], 0.5: found[0.5][:1]}
        one = dial_epochs.dial(NAME, apart)
        assert list(one.compared["ndcg@10"]) == [0.5]
        assert list(one.means["cov@10"]) == [0.0, 0.5]
        del apart[0.5]
        assert dial_epochs.dial(NAME, apart).epoch == 0

    def test_values_that_share_seeds_with_the_base_but_not_with_each_other(self, found):
        one = dial_epochs.dial(NAME, {0.0: found[0.0], 1: found[0.25][:1], 2: found[0.5][1:]})
        assert list(one.compared["ndcg@10"]) == [1, 2]
        assert (one.seeds, one.means["ndcg@10"]) == ([], {})
        assert not any(trace.x is not None for trace in epoch_figures.dial_curves([one]).data)

    @pytest.mark.parametrize("base", [None, "partner"])
    def test_nothing_recorded(self, base, found):
        for known in ({}, {"crop": found[0.0]}):
            one = dial_epochs.dial(NAME, known, base)
            assert (one.epoch, one.seeds) == (0, [])
            assert one.compared == {metric: {} for metric in epochs.METRICS}
            assert "none can be compared" in epoch_sentences.dial_sentence(one)
            for draw in (epoch_figures.dial_differences, epoch_figures.dial_curves):
                assert "no run is recorded" in draw([one]).to_json()

    def test_named_by_scaling_where_there_are_several(self, place):
        turned = dial_epochs.by_scaling(
            {
                "alpha": dials.sweeps(place, "alpha", "alpha"),
                "lam": dials.sweeps(place, "lambda", "lam"),
            }
        )
        assert [one.name for one in turned] == ["alpha (per-dimension)", "alpha (sum)", "lam"]
        assert [one.base for one in turned] == [0.0] * 3
        assert list(turned[0].compared["ndcg@10"]) == [0.2, 0.4]

    def test_views(self, place):
        one = dial_epochs.dial("View", along(place, "views", "view"), "partner")
        assert list(one.compared["cov@10"]) == ["crop", "mask"]
        figure = epoch_figures.dial_differences([one])
        assert list(figure.layout.xaxis.ticktext) == ["crop", "mask"]
        assert figure.data[0].customdata[1][0] == "mask"

    @settings(max_examples=40)
    @given(
        st.lists(
            st.lists(st.floats(0, 1, width=32), min_size=1, max_size=5), min_size=6, max_size=6
        )
    )
    def test_two_values_are_each_others_opposite(self, records, curves):
        """Which of two is the base changes the sign alone; as do systems compared as a pair."""
        a, b = runs(records, *curves[:3]), runs(records, *curves[3:])
        ahead = dial_epochs.dial(NAME, {"a": a, "b": b}, "a").compared["ndcg@10"]["b"]
        back = dial_epochs.dial(NAME, {"a": a, "b": b}, "b").compared["ndcg@10"]["a"]
        pair = epochs.equal_epochs({"a": a, "b": b}, "b", "a", "ndcg@10")
        assert ahead.epoch == back.epoch == pair.epoch == min(map(len, curves))
        np.testing.assert_array_equal(ahead.by_epoch, -back.by_epoch)
        np.testing.assert_array_equal(ahead.by_epoch, pair.by_epoch)
        assert ahead.kept.difference == pytest.approx(-back.kept.difference)
        if {len(values) for values in curves} == {ahead.epoch}:  # all keep their last
            assert ahead.kept == ahead.last


class TestPairs:
    def test_all_of_the_book_but_rankings_without_training(self, place):
        tested = epochs.equal_pairs(systems(place))
        named = [(one.metric, one.first, one.second) for one in tested]
        others = ["SASRec-CE", "SASRec-BCE", "DuoRec"]
        assert named == [(m, "BT-SR", other) for m in epochs.METRICS for other in others]

    def test_own_pair_alone_where_the_default_is_missing(self, records):
        known = dict.fromkeys(("SASRec-BCE", "BT-SR (BCE)", "DuoRec"), records)
        tested = epochs.equal_pairs(known)
        assert [(one.first, one.second) for one in tested] == [("BT-SR (BCE)", "SASRec-BCE")] * 2

    def test_a_pair_without_a_common_seed_is_left_out(self, records):
        known = {"BT-SR": records[:1], "SASRec-CE": records[1:], "DuoRec": records}
        assert {one.second for one in epochs.equal_pairs(known)} == {"DuoRec"}
        assert epochs.equal_pairs({}) == []
        assert "share a seed" in epoch_sentences.pairs_sentence([])
        assert epochs.difference_table([]).empty

    def test_correction_is_for_both_readings(self, found):
        """Of four tests, two of a difference that does not vary: Holm's factors are 2 and 1."""
        own = epochs.equal_epochs({"a": found[0.25], "b": found[0.0]}, "a", "b", "ndcg@10")
        same = epochs.equal_epochs({"a": found[0.5], "b": found[0.0]}, "a", "b", "ndcg@10")
        first, second = epochs.corrected([own, same])
        ordered = sorted([own.last.p, own.kept.p])
        assert sorted([first.last.p, first.kept.p]) == pytest.approx(
            [2 * ordered[0], max(2 * ordered[0], ordered[1])]
        )
        assert np.isnan([second.last.p, second.kept.p]).all()
        assert first.last.interval == own.last.interval

    def test_table(self, found):
        own = epochs.equal_epochs({"A": found[0.25], "B": found[0.0]}, "A", "B", "ndcg@10")
        row = epochs.difference_table([own]).loc[("ndcg@10", f"A {MINUS} B")]
        assert row["seeds"] == "3"
        assert row["equal epochs"] == "2"
        assert row["difference there"] == f"+0.2000 ({MINUS}0.0484 to +0.4484)"
        assert row["p there (Holm)"] == f"{own.last.p:.3f}" == "0.074"
        assert row["difference as kept"].startswith(f"{MINUS}0.2667 (")

    def test_one_seed_has_no_interval(self, found):
        known = {"A": found[0.25][:1], "B": found[0.0][:1]}
        row = epochs.difference_table([epochs.equal_epochs(known, "A", "B", "cov@10")]).iloc[0]
        assert row["difference there"] == "+1.0000"
        assert row["p there (Holm)"] == row["p as kept (Holm)"] == NOTHING


class TestSentences:
    @pytest.fixture
    def steady(self, records):
        """Return a function that makes runs of two epochs with given values, but for a noise."""

        def make(equal, kept, n=3):
            noise = (0.001, 0.002, 0.004)
            return [
                run(record, [equal + extra, kept + 2 * extra])
                for record, extra in zip(records[:n], noise, strict=False)
            ]

        return make

    @pytest.fixture
    def base(self, records):
        """Return runs that stopped after one epoch, so that equal and kept differ for others."""
        return runs(records, [0.1], [0.1], [0.1])

    def said(self, base, **values):
        return epoch_sentences.dial_sentence(dial_epochs.dial(NAME, {"base": base, **values}))

    def test_the_same(self, base, steady):
        said = self.said(base, high=steady(0.5, 0.5), low=steady(0.02, 0.02))
        assert said.startswith(
            f"{NAME}, beside base: between epoch 1 and the epochs kept, no conclusion changes in 4 "
            "comparisons. On ndcg@10 it is the same for 2 of 2 values (1 higher, 1 lower). On cov"
        )
        assert said.endswith("(validation users; 95 % intervals over 3 seeds, paired).")

    def test_changes(self, base, steady):
        said = self.said(
            base,
            turned=steady(0.5, 0.02),
            early=steady(0.5, 0.0955),  # 0.0975, 0.0995 and 0.1035 as kept
            late=steady(0.0977, 0.5),
            even=steady(0.0977, 0.0955),
        )
        assert "the conclusion changes in 6 of 8 comparisons and is reversed in 2." in said
        assert (
            "On ndcg@10 it is the same for 1 of 4 values (1 not told apart); higher at equal "
            "epochs but lower as kept: turned; higher at equal epochs alone: early; higher as kept "
            "alone: late. "
        ) in said

    def test_one_value(self, base, steady):
        said = self.said(base, turned=steady(0.5, 0.02))
        assert "On cov@10 it is not the same for the one value; higher at equal epochs" in said
        said = self.said(base, high=steady(0.5, 0.5))
        assert "On cov@10 it is the same for the one value (1 higher)" in said

    def test_two_seeds_are_too_few(self, base, steady):
        said = self.said(base, few=steady(0.5, 0.02, n=2))
        assert said == (
            f"{NAME}: no value shares 3 seeds with base, so equal epochs and the epochs kept "
            "cannot be told to agree or not."
        )
        said = self.said(base, few=steady(0.5, 0.02, n=2), many=steady(0.5, 0.5))
        assert "in 2 comparisons. On ndcg@10 it is the same for the one value (1 higher); " in said
        assert "1 value with fewer than 3 seeds" in said
        assert "intervals over 2 to 3 seeds" in said

    def test_pairs(self, base, steady):
        tested = epochs.equal_pairs({"BT-SR": steady(0.5, 0.02), "SASRec-CE": base})
        said = epoch_sentences.pairs_sentence(tested)
        assert "changes in 2 of 2 comparisons and is reversed in 2. On ndcg@10" in said
        assert f"higher at equal epochs but lower as kept: BT-SR {MINUS} SASRec-CE" in said
        assert said.endswith("with Holm's correction for all 4).")
        tested = epochs.equal_pairs({"BT-SR": steady(0.5, 0.02, n=2), "SASRec-CE": base})
        assert epoch_sentences.pairs_sentence(tested).startswith("No pair shares 3 seeds, so ")


class TestFigures:
    def test_differences_show_both_readings(self, found):
        one = dial_epochs.dial(NAME, found)
        figure = epoch_figures.dial_differences([one, one])
        assert len(figure.data) == 2 * 2 * 2
        equal, kept = figure.data[:2]
        assert (equal.name, kept.name) == ("equal epochs", "epochs kept")
        assert [trace.showlegend for trace in figure.data] == [True] * 2 + [False] * 6
        own = one.compared["ndcg@10"][0.25]
        assert equal.y[0] == pytest.approx(0.2)
        assert kept.y[0] == pytest.approx(own.kept.difference)
        assert equal.y[0] - equal.error_y.arrayminus[0] == pytest.approx(own.last.interval.low)
        assert kept.y[0] + kept.error_y.array[0] == pytest.approx(own.kept.interval.high)
        assert equal.error_y.array[1] is None  # the same for every seed
        assert equal.x[0] < 0.25 < kept.x[0]
        assert figure.layout.xaxis.title.text == f"{NAME}<br>equal: epoch 2"
        assert figure.layout.yaxis.title.text == "difference from 0.0"
        assert [note.text for note in figure.layout.annotations] == list(epochs.METRICS)

    def test_two_seeds_draw_no_interval(self, found):
        """It would be 12.7 standard errors wide and hide all else."""
        one = dial_epochs.dial(NAME, {value: own[:2] for value, own in found.items()})
        assert np.isfinite(one.compared["ndcg@10"][0.25].last.interval.low)
        assert set(epoch_figures.dial_differences([one]).data[0].error_y.array) == {None}

    def test_a_value_looks_alike_in_every_panel(self, found, records):
        other = {0.0: found[0.0], 0.1: found[0.25], 0.25: found[0.25]}
        turned = [dial_epochs.dial(NAME, found), dial_epochs.dial("Other", other)]
        figure = epoch_figures.dial_curves(turned)
        assert len(figure.data) == 2 * 3 + 2 * 3
        looks = {(trace.name, trace.line.color, trace.line.dash) for trace in figure.data}
        assert len(looks) == len({trace.name for trace in figure.data}) == 4
        listed = [trace for trace in figure.data if trace.showlegend]
        ranked = sorted(listed, key=lambda trace: trace.legendrank)
        assert [trace.name for trace in ranked] == ["0.0", "0.1", "0.25", "0.5"]
        assert ranked[0].line.dash == "dash"
        assert {shape.x0 for shape in figure.layout.shapes} == {2}
        titles = [note.text for note in figure.layout.annotations]
        assert titles == [*epochs.METRICS, f"{NAME}, 3 seeds", "Other, 3 seeds"]

    def test_more_values_than_colours_are_told_apart(self, found):
        many = {0.0: found[0.0], **{float(value): found[0.25] for value in range(1, 15)}}
        figure = epoch_figures.dial_curves([dial_epochs.dial(NAME, many)])
        looks = {(trace.line.color, trace.line.dash) for trace in figure.data}
        assert len(looks) == 15

    def test_what_has_nothing_is_left_out(self, found):
        turned = [dial_epochs.dial("Nothing", {}), dial_epochs.dial(NAME, found)]
        for draw in (epoch_figures.dial_differences, epoch_figures.dial_curves):
            assert "Nothing" not in draw(turned).to_json()
