"""Findings about scores, embeddings and confidence, for the ledger of the paper's claims.

A claim is about every objective that is recorded with and without Barlow Twins: it holds if each
pair differs the claimed way beyond chance over seeds, and does not if one differs the other way.
"""

from collections.abc import Mapping, Sequence

from btsr_core.pages.claims import Finding, Verdict
from btsr_core.pages.results import systems
from btsr_core.pages.score_sentences import change
from btsr_core.pages.score_tables import Change, changes
from btsr_core.settings import BarlowTwins
from btsr_core.study.measure import WIDEST
from btsr_core.study.run import Standing

RANK_RISES: Mapping[str, int] = {"yelp": 1, "gowalla": 1, "ml-": -1}
"""What the paper says of the effective rank (Fig 2 right, section 5), by how a dataset's name
begins: 1 it rises, -1 it falls."""

_TERM = BarlowTwins().name


def verdict_of(found: Sequence[Change], side: int) -> Verdict:
    """Return whether metrics of all pairs move to a side, 1 up or -1 down."""
    moves = {one.side * side for one in found}  # the tests are adjusted for their number
    if -1 in moves:
        return "does not hold"
    return "holds" if moves == {1} else "cannot be told"


def score_findings(place: Standing) -> list[Finding]:
    """Return the findings of the chapters overlap, spectra and calibration, in this order."""
    return [
        separation_finding(place),
        rank_finding(place),
        confidence_finding(place),
        calibration_finding(place),
    ]


def separation_finding(place: Standing) -> Finding:
    """Return whether Barlow Twins drives scores of held-out and random items apart (Fig 2 left)."""
    found = _changes(place, ["overlap"])
    return Finding(
        "With Barlow Twins the scores of held-out items stand further apart from those of random "
        "ones (lower overlap factor)",
        "Fig 2 left, densities of both and their overlap factor",
        _ours(place, found, {"overlap": ("overlap", 3)}),
        verdict_of(found, -1),
        "overlap",
    )


def rank_finding(place: Standing) -> Finding:
    """Return whether the effective rank moves as the paper says of this dataset.

    Of a dataset that the paper does not speak of, nothing can be told.
    """
    found = _changes(place, ["effective-rank"])
    side = next((way for name, way in RANK_RISES.items() if place.dataset.startswith(name)), 0)
    silent = "" if side else f"; the paper does not speak of {place.dataset}"
    return Finding(
        "With Barlow Twins the effective rank of the users' embeddings (Eq. 9) rises on Yelp and "
        "Gowalla and falls on MovieLens",
        "Fig 2 right and section 5",
        _ours(place, found, {"effective-rank": ("effective rank", 1)}) + silent,
        verdict_of(found, side) if side else "cannot be told",
        "spectra",
    )


def confidence_finding(place: Standing) -> Finding:
    """Return whether Barlow Twins makes a model more confident of its first item."""
    found = _changes(place, ["confidence"])
    return Finding(
        "With Barlow Twins scores are more confident (higher mean probability of the first item)",
        "says so and defines no measure",
        _ours(place, found, {"confidence": ("confidence", 4)}),
        verdict_of(found, 1),
        "calibration",
    )


def calibration_finding(place: Standing) -> Finding:
    """Return whether Barlow Twins calibrates better: error and negative log-likelihood fall."""
    found = _changes(place, ["ece-mass", "nll"])
    return Finding(
        "With Barlow Twins scores are better calibrated (lower ECE in bins of equal mass, and "
        "lower negative log-likelihood, as trained)",
        "says so and defines no measure",
        _ours(place, found, {"ece-mass": ("ECE", 4), "nll": ("NLL", 3)}),
        verdict_of(found, -1),
        "calibration",
    )


def _changes(place: Standing, metrics: Sequence[str]) -> list[Change]:
    return changes(systems(place), metrics, WIDEST, _TERM)


def _ours(place: Standing, found: Sequence[Change], labels: Mapping[str, tuple[str, int]]) -> str:
    users = place.targets.of(WIDEST)["user"].nunique()
    said = [change(one, *labels[one.metric]) for one in found]
    numbers = "; ".join(said) or "no system is recorded both with and without it"
    return f"{place.dataset}, history {WIDEST}, {users:,} users: {numbers}"
