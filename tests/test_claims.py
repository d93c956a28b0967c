import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.claims import Finding, above, all_of, below, sentence, simultaneous
from btsr_core.intervals import Interval, unbounded

NUMBERS = st.floats(-1, 1)


@pytest.mark.parametrize(
    ("low", "high", "is_above", "is_below"),
    [
        (0.1, 0.3, "holds", "does not hold"),
        (-0.3, -0.1, "does not hold", "holds"),
        (-0.1, 0.1, "cannot be told", "cannot be told"),
        (0.0, 0.1, "cannot be told", "does not hold"),  # on the threshold is on neither side
        (-0.1, 0.0, "does not hold", "cannot be told"),
        (math.nan, math.nan, "cannot be told", "cannot be told"),
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
    assert all_of(["holds", "holds"]) == "holds"
    assert all_of(["holds", "cannot be told"]) == "cannot be told"
    assert all_of(["cannot be told", "does not hold", "holds"]) == "does not hold"
    assert all_of([]) == "cannot be told"


def test_widening():
    one = Interval(0.5, 0.4, 0.7)
    same = simultaneous(one, 1)
    assert (same.low, same.high) == pytest.approx((0.4, 0.7))
    wide = simultaneous(one, 5)  # z of 0.995 over z of 0.975: 2.5758 / 1.9600
    assert (wide.low, wide.high) == pytest.approx((0.5 - 0.13142, 0.5 + 0.26284), abs=1e-4)
    assert wide.mean == 0.5
    assert math.isnan(simultaneous(unbounded(0.5), 3).low)


@pytest.mark.parametrize("verdict", ["holds", "does not hold", "cannot be told"])
def test_a_finding_as_a_sentence(verdict):
    said = sentence(Finding("Less is more", "more in Fig 1", "less, +0.1", verdict, "somewhere"))
    assert said.startswith(f"Less is more: {verdict}")
    assert "less, +0.1. The paper: more in Fig 1." in said
