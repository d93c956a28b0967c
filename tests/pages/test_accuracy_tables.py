import numpy as np
import pandas as pd
import pytest
from made_up_records import made_up_place

from btsr_core.analysis.intervals import Interval, unbounded
from btsr_core.analysis.significance import PairedTest
from btsr_core.pages import accuracy_sentences as sentences
from btsr_core.pages import accuracy_tables as tables
from btsr_core.pages.comparisons import Comparison, compare_all, pairs_of
from btsr_core.pages.paper import LABEL
from btsr_core.pages.results import metric_points, systems
from btsr_core.pages.words import MINUS

NAN = float("nan")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_up_place(tmp_path_factory.mktemp("records"))


def comparison(second="SASRec-CE", mean=0.01, half=0.005, *, first="BT-SR", seeds=5, users=500,
               metric="ndcg@10", p=0.01):  # fmt: skip
    """Return a comparison with an interval of a given half width; NaN stands for none."""
    interval = Interval(mean, mean - half, mean + half)
    over_users = None if metric.startswith("cov") else PairedTest(interval, 0.1, users - 1)
    if seeds == 1:
        interval, p = unbounded(mean), NAN
    reason = "one seed has no spread to test against" if seeds == 1 else ""
    return Comparison(
        first, second, metric, users, seeds, (0.05 + mean, 0.05), np.full(seeds, mean), interval,
        PairedTest(interval, p, seeds - 1, reason), p, over_users, NAN if seeds == 1 else 0.02,
        NAN if seeds == 1 else 0.03,
    )  # fmt: skip


class TestTables:
    def test_the_best_mean_of_each_column_is_bold(self, place):
        points = metric_points(place, systems(place), ["hr@10", "cov@10"], "full")
        styler = tables.accuracy_table(points, ["hr@10", "cov@10"], "walks")
        means = points.groupby("system")[["hr@10", "cov@10"]].mean()
        assert styler.data.index[0] == "Popularity"
        assert styler.to_html().count("font-weight: bold") >= 1
        for metric in means:
            best = next(
                name for name in styler.data.index if name.startswith(means[metric].idxmax())
            )
            assert styler.data.loc[best, metric].startswith(f"{means[metric].max():.4f}")

    def test_the_papers_values_stand_below_ours(self, place):
        points = metric_points(place, systems(place), ["hr@10", "cov@10"], "full")
        table = tables.accuracy_table(points, ["hr@10"], "beauty-5core").data
        assert table.loc[("BT-SR (3 seeds)", LABEL), "hr@10"] == "0.0937 ± 0.0019"
        assert table.loc[("SASRec-BCE (3 seeds)", LABEL), "hr@10"] == "0.0789"
        assert ("Popularity", LABEL) not in table.index

    def test_comparisons_have_a_row_each(self, place):
        found = systems(place)
        tested = compare_all(place, found, pairs_of(found), "ndcg@10", "full")
        table = tables.comparison_table(tested, "beauty-5core")
        assert len(table) == len(tested)
        assert table.loc["BT-SR \N{MINUS SIGN} SASRec-CE", LABEL] == "+0.0045"
        assert LABEL not in tables.comparison_table(tested, "walks")
        one = tables.comparison_table([comparison(p=1e-5)], "walks").iloc[0]
        assert one["difference"] == "+0.0100 (+0.0050 to +0.0150)"
        assert one["p (Holm)"] == "< 0.001"
        assert one["could see, seeds"] == "0.0300"

    def test_what_one_seed_cannot_tell_is_no_column(self):
        table = tables.comparison_table([comparison(seeds=1)], "walks")
        assert list(table) == ["seeds", "difference", "over users"]

    def test_a_pair_has_a_row_a_dataset(self):
        found = {"/some/walks.csv": comparison(users=1234), "beauty-5core": comparison(seeds=1)}
        table = tables.dataset_table(found)
        assert list(table.index) == ["walks.csv", "beauty-5core"]
        assert list(table["users"]) == ["1,234", "500"]
        assert list(table["BT-SR"]) == ["0.0600", "0.0600"]
        assert table.loc["walks.csv", "difference"] == "+0.0100 (+0.0050 to +0.0150)"
        assert list(table[LABEL]) == ["\N{EN DASH}", "+0.0045"]
        assert table.loc["beauty-5core", "p"] == "\N{EN DASH}"
        assert tables.dataset_table({}).empty

    def test_regimes(self):
        one = comparison("SASRec-BCE", metric="ndcg@20")
        table = tables.regime_table({0.1: one}, "yelp-2020-5core")
        assert table[LABEL].tolist() == ["0.0176", "0.0180"]
        assert table["ndcg@20"].tolist() == ["0.0500", "0.0600"]
        assert LABEL not in tables.regime_table({0.1: one}, "walks")
        assert tables.regime_table({}, "walks").empty


class TestStanding:
    points = pd.DataFrame(
        {
            "system": ["Popularity", "BT-SR", "BT-SR", "DuoRec"],
            "seed": [-1, 0, 1, 0],
            "ndcg@10": [0.3, 0.1, 0.3, 0.25],
        }
    )

    def test_place_and_bar(self):
        assert sentences.standing_sentence(self.points, "ndcg@10") == (
            "BT-SR comes 2nd of 2 trained systems in ndcg@10 (0.2000; the best is DuoRec with "
            "0.2500), not above popularity, the best of what is not trained (0.3000)."
        )

    def test_first_without_a_bar(self):
        points = self.points[1:].replace({"ndcg@10": 0.25}, 0.1)
        said = sentences.standing_sentence(points, "ndcg@10")
        assert said.endswith("comes 1st of 2 trained systems in ndcg@10 (0.2000; next comes DuoRec "
                             "with 0.1000).")  # fmt: skip

    def test_not_recorded(self):
        assert "not recorded" in sentences.standing_sentence(self.points[3:], "ndcg@10")


class TestVerdict:
    def test_above_below_and_neither(self):
        said = sentences.verdict_sentence(
            [
                comparison("Popularity"),
                comparison("DuoRec", -0.01),
                comparison("SASRec-CE", 0.001, p=0.5),
            ]
        )
        assert said == (
            "On ndcg@10 over 500 users and 5 seeds, BT-SR lies above Popularity; lies below "
            "DuoRec; cannot be told from SASRec-CE (95 % intervals over users and seeds, not "
            "corrected). "
            "Of 3 paired t-tests over seeds, 2 stay below 0.05 after Holm's correction. With 80 % "
            "power a test sees a true difference from SASRec-CE of 0.0200 over users and seeds or "
            "0.0300 over seeds; +0.0010 was found."
        )

    def test_few_seeds_may_be_too_narrow(self):
        assert "perhaps too narrow" in sentences.verdict_sentence([comparison(seeds=3)])

    def test_one_seed_speaks_of_users_alone(self):
        said = sentences.verdict_sentence([comparison(seeds=1)])
        assert "over users alone: one seed has no spread" in said
        assert "test over seeds cannot be made" in said
        assert "80 %" not in said

    def test_one_seed_of_a_coverage_tells_nothing(self):
        said = sentences.verdict_sentence([comparison(seeds=1, metric="cov@10")])
        assert said.startswith("On cov@10 nothing can be told from 1 seed")

    def test_few_users_and_nothing_recorded(self):
        assert "too few" in sentences.verdict_sentence([comparison(users=29)])
        assert sentences.verdict_sentence([]).startswith("Nothing is recorded")

    def test_pairs(self):
        said = sentences.pairs_sentence(
            [
                comparison(),
                comparison("SASRec-BCE", -0.01, first="BT-SR (BCE)"),
                comparison("DuoRec"),
            ]
        )
        assert "+0.0100 beside SASRec-CE (+0.0050 to +0.0150: a gain)" in said
        loss = "and -0.0100 beside SASRec-BCE (-0.0150 to -0.0050: a loss)"
        assert loss.replace("-0", f"{MINUS}0") in said
        assert "DuoRec" not in said
        assert sentences.pairs_sentence([]).startswith("No objective")

    def test_regimes(self):
        one = comparison("SASRec-BCE", 0.001, metric="ndcg@20")
        said = sentences.regimes_sentence({0.1: one}, "walks")
        assert "+0.0010 at 0.1 (\N{MINUS SIGN}0.0040 to +0.0060: cannot be told from none)" in said
        assert said.endswith("Alpha 0.4 is not recorded.")
        assert "not recorded for walks" in sentences.regimes_sentence({}, "walks")

    def test_datasets(self):
        found = {
            "walks": comparison(p=0.001),
            "/some/hikes.csv": comparison(mean=-0.01, half=0.02, seeds=1),
        }
        said = sentences.datasets_sentence(found)
        assert "+0.0100 on walks (5 seeds; +0.0050 to +0.0150: a gain)" in said
        assert "on hikes.csv (1 seed, users alone; " in said
        assert said.endswith("sees a difference on 1 of 2 datasets.")
        assert sentences.datasets_sentence({}).startswith("No dataset")
