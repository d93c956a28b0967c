import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.intervals import Interval, unbounded
from btsr_core.pages.claims import Basis, Finding, above, below, every, sentence, simultaneous

NUMBERS = st.floats(-1, 1)


@pytest.mark.parametrize(
    ("low", "high", "is_above", "is_below"),
    [
        (0.1, 0.3, "holds", "does not hold"),
        (-0.3, -0.1, "does not hold", "holds"),
        (-0.1, 0.1, "cannot be told", "cannot be told"),
        (0.0, 0.1, "cannot be told", "does not hold"),  # on the threshold is on neither side
        (-0.1, 0.0, "does not hold", "cannot be told"),
        (math.nan, math.nan, "not recorded", "not recorded"),
    ],
)
def test_verdicts_follow_the_interval(low, high, is_above, is_below):
    interval = Interval((low + high) / 2, low, high)
    assert above(interval) == is_above
    assert below(interval) == is_below


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_below_is_above_in_the_mirror(a, b, mean, threshold):
    low, high = sorted((a, b))
    mirrored = Interval(-mean, -high, -low)
    assert below(Interval(mean, low, high), threshold) == above(mirrored, -threshold)


def test_a_claim_of_parts():
    high, low, zero = Interval(2, 1, 3), Interval(-2, -3, -1), Interval(0, -1, 1)
    assert every([(high, above), (low, below)]) == "holds"
    assert every([(high, above), (zero, above)]) == "cannot be told"
    assert every([(zero, above), (low, above), (high, above)]) == "does not hold"
    nothing = unbounded(math.nan)
    assert every([]) == every([(nothing, above), (nothing, below)]) == "not recorded"
    assert every([(nothing, above), (high, above)]) == "cannot be told"
    assert every([(unbounded(0.5), above)]) == "cannot be told"  # one seed


def test_the_worst_of_many_must_fail_clearly():
    """-0.1 +- 0.09 alone lies below zero, but not as the worst of five."""
    fails, fine = Interval(-0.1, -0.19, -0.01), Interval(1, 0.5, 1.5)
    assert every([(fails, above)]) == "does not hold"
    assert every([(fails, above), *[(fine, above)] * 4]) == "cannot be told"


def test_widening():
    one = Interval(0.5, 0.4, 0.7)
    same = simultaneous(one, 1)
    assert (same.low, same.high) == pytest.approx((0.4, 0.7))
    wide = simultaneous(one, 5)  # z of 0.995 over z of 0.975: 2.5758 / 1.9600
    assert (wide.low, wide.high) == pytest.approx((0.5 - 0.13142, 0.5 + 0.26284), abs=1e-4)
    assert wide.mean == 0.5
    assert math.isnan(simultaneous(unbounded(0.5), 3).low)


@pytest.mark.parametrize("verdict", ["holds", "does not hold", "cannot be told", "not recorded"])
def test_a_finding_as_a_sentence(verdict):
    basis = Basis("walks", "full", 1234, 2000, 1)
    said = sentence(Finding("Less is more", "Fig 1", "less, +0.1", verdict, "somewhere", basis))
    assert said.endswith(". In the paper: Fig 1.")
    if verdict == "not recorded":
        assert said.startswith("Less is more: no runs that could tell are recorded of walks.")
    else:
        assert said.startswith(f"Less is more: {verdict}")
        told = "walks, history full, 1,234 users, 2,000 targets, 1 seed"
        assert f"less, +0.1 (95 % intervals; {told})." in said
