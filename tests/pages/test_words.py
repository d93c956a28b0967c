from btsr_core.analysis.intervals import Interval
from btsr_core.pages.words import (
    MINUS,
    NOTHING,
    bounds,
    count,
    joined,
    short_commit,
    signed,
    unsigned,
)


def test_lists():
    assert [joined(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_differences_and_their_bounds():
    assert (signed(0.01234), signed(-0.5), signed(float("nan"))) == (
        "+0.0123", f"{MINUS}0.5000", NOTHING,
    )  # fmt: skip
    assert bounds(Interval(0, -0.5, 0.25)) == f"{MINUS}0.5000 to +0.2500"
    assert bounds(Interval(0, float("nan"), float("nan"))) == NOTHING


def test_counts():
    assert [count(n, "seed") for n in (0, 1, 1000)] == ["0 seeds", "1 seed", "1,000 seeds"]
    assert count(2, "search", "searches") == "2 searches"


def test_levels():
    assert (unsigned(0.12345), unsigned(2.0, 1), unsigned(None)) == ("0.1235", "2.0", NOTHING)
    assert unsigned(float("nan")) == NOTHING


def test_commits():
    assert short_commit("0123456789abcdef-dirty") == "0123456789-dirty"
    assert short_commit(None) == "unknown"
