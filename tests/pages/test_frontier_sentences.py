import math

import pandas as pd
import pytest

from btsr_core.analysis.intervals import Interval, unbounded
from btsr_core.analysis.significance import PairedTest
from btsr_core.pages import frontier_sentences as sentences

NAMES = ("Ours", "Plain")
X, Y = "cov@10", "ndcg@10"


def means(**points):
    rows = {name: {X: x, Y: y, "front": front} for name, (x, y, front) in points.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[X, Y, "front"])


def areas(*rows):
    columns = ["settings", "seeds", "area", "chance", "p"]
    return pd.DataFrame(rows, columns=columns, index=[f"dial {n}" for n in range(len(rows))])


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            means(Ours=(0.3, 0.2, True), Plain=(0.2, 0.1, False)),
            "Of 2 rankings 1 is exceeded by no other on both ndcg@10 and cov@10, by their means: "
            "Ours. Plain is exceeded by Ours.",
        ),
        (
            means(Ours=(0.3, 0.1, True), Plain=(0.2, 0.2, True)),
            "Of 2 rankings 2 are exceeded by no other on both ndcg@10 and cov@10, by their means: "
            "Ours and Plain.",
        ),
        (
            means(Plain=(0.2, 0.2, True), Another=(0.2, 0.1, False)),
            "Of 2 rankings 1 is exceeded by no other on both ndcg@10 and cov@10, by their means: "
            "Plain. Ours is not recorded.",
        ),
        (means(), "No run has both ndcg@10 and cov@10: there is no front."),
    ],
)
def test_on_the_front(table, expected):
    assert sentences.on_the_front(table, NAMES, X, Y) == expected


def test_equal_rankings_do_not_exceed_each_other():
    said = sentences.on_the_front(means(Ours=(0.2, 0.1, True), Plain=(0.2, 0.1, True)), NAMES, X, Y)
    assert "is exceeded by" not in said.split(":")[1]


def test_a_dial_reaches_further_or_not():
    said = sentences.along_alpha(areas((6, 5, 0.02, 0.015, 0.01), (6, 5, 0.02, 0.019, 0.4)))
    first, second = said.split("dial 1")
    assert "area of 0.02000, further than luck would" in first
    assert "1.0 % of draws would reach as far (0.01500 on average)" in first
    assert "no further than luck might" in second


def test_a_dial_of_one_seed_or_none():
    said = sentences.along_alpha(areas((6, 1, 0.02, math.nan, math.nan)))
    assert "with 1 seed nobody can tell" in said
    nothing = sentences.along_alpha(areas((1, 5, 0.02, math.nan, math.nan)))
    assert nothing.startswith("No run along")


def test_exposure_tells_apart_what_it_can():
    tests = {
        "gini": PairedTest(Interval(-0.1, -0.15, -0.05), 0.01, 4),
        "lift": PairedTest(Interval(0.2, 0.1, 0.3), 0.01, 4),
        "novelty": PairedTest(Interval(0.1, -0.1, 0.3), 0.5, 4),
        "tail": PairedTest(unbounded(0.02), math.nan, 4, "the metric is not known for every seed"),
    }
    assert sentences.exposure(tests, NAMES) == (
        "Ours's lists are less concentrated (Gini of exposure \N{MINUS SIGN}0.1000, "
        "\N{MINUS SIGN}0.1500 to \N{MINUS SIGN}0.0500) and "
        "more popular (popularity lift +0.2000, +0.1000 to +0.3000) than Plain's, over seeds. Not "
        "to be told apart (the metric is not known for every seed): novelty in bits (+0.1000) and "
        "share of the long tail (+0.0200)."
    )


def test_exposure_without_any_pair():
    test = PairedTest(unbounded(math.nan), math.nan, 0, "there is no seed")
    said = sentences.exposure({"gini": test}, NAMES)
    assert said == "Not to be told apart (there is no seed): Gini of exposure (not known)."


def groups(*rows):
    columns = ["from", "to", "n", "difference", "low", "high", "gain", "lose", "same"]
    return pd.DataFrame(rows, columns=columns)


def test_who_gains():
    found = {
        "history": groups(
            (1, 4, 30, 0.01, -0.01, 0.03, 0.2, 0.1, 0.7),
            (5, 9, 10, 0.05, 0.02, 0.08, 0.6, 0.2, 0.2),
        ),
        "bucket": groups((1, 1, 40, 0.02, math.nan, math.nan, 0.3, 0.125, 0.575)),
    }
    assert sentences.who_gains(found, Y, NAMES) == (
        "On ndcg@10, 30.0 % of 40 targets gain and 12.5 % lose where Ours takes the place of "
        "Plain. Of 3 groups, uncorrected for their number, the mean difference is told from zero "
        "in histories of 5 to 9 (+0.0500)."
    )
    unseen = sentences.who_gains({"bucket": found["bucket"]}, Y, NAMES)
    assert unseen.endswith("In no group can the mean difference be told from zero.")
    assert "share no recorded seed" in sentences.who_gains({}, Y, NAMES)


@pytest.mark.parametrize(
    ("ours", "plain", "expected"),
    [
        ((0.3, 0.2, True), (0.2, 0.1, False), "exceeds Plain on both cov@10"),
        ((0.1, 0.1, False), (0.2, 0.2, True), "on both cov@10 and ndcg@10 and stands behind"),
        ((0.3, 0.1, True), (0.2, 0.2, True), "has more cov@10 and no more ndcg@10 than Plain"),
        ((0.2, 0.3, True), (0.2, 0.2, False), "has more ndcg@10 and no more cov@10 than Plain"),
        ((0.2, 0.2, True), (0.2, 0.2, True), "equals Plain"),
    ],
)  # fmt: skip
def test_verdict_on_the_pair(ours, plain, expected):
    table = areas((6, 5, 0.02, 0.015, 0.01), (6, 5, 0.02, 0.019, 0.4))
    said = sentences.verdict(means(Ours=ours, Plain=plain), table, NAMES, X, Y)
    assert expected in said
    assert said.endswith("reaches further than luck on 1 of 2 dials.")


def test_verdict_without_a_dial_seeds_or_the_pair():
    both = means(Ours=(0.3, 0.2, True), Plain=(0.2, 0.1, False))
    assert sentences.verdict(both, areas(), NAMES, X, Y).endswith("Its dial is not recorded.")
    single = areas((6, 1, 0.02, math.nan, math.nan))
    assert "One seed cannot tell" in sentences.verdict(both, single, NAMES, X, Y)
    assert "there is no verdict" in sentences.verdict(both.iloc[:1], areas(), NAMES, X, Y)
