"""Findings about scores, embeddings and confidence, for the ledger of the paper's claims.

A claim is about every objective that is recorded with and without Barlow Twins: it holds if each
pair differs the claimed way beyond chance over seeds, and does not if one differs the other way.
"""

from collections.abc import Mapping, Sequence

from btsr_core.pages.claims import Basis, Finding, Verdict, basis_of
from btsr_core.pages.results import systems
from btsr_core.pages.score_tables import Change, changes
from btsr_core.pages.words import bounds, signed
from btsr_core.settings import BarlowTwins
from btsr_core.study.measure import WIDEST
from btsr_core.study.run import Standing

RANK_RISES: Mapping[str, int] = {"yelp": 1, "gowalla": 1, "ml-": -1}
"""What the paper says of the effective rank (Fig 2 right, section 5), by how a dataset's name
begins: 1 it rises, -1 it falls."""

_TERM = BarlowTwins().name


def verdict_of(found: Sequence[Change], side: int) -> Verdict:
    """Return whether metrics of all pairs move to a side, 1 up or -1 down."""
    if not found:
        return "not recorded"
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
        _ours(found, {"overlap": ("overlap", 3)}),
        verdict_of(found, -1),
        "overlap",
        _basis(place, found),
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
        _ours(found, {"effective-rank": ("effective rank", 1)}) + silent,
        verdict_of(found, side or 1) if side or not found else "cannot be told",
        "spectra",
        _basis(place, found),
    )


def confidence_finding(place: Standing) -> Finding:
    """Return whether Barlow Twins makes a model more confident of its first item."""
    found = _changes(place, ["confidence"])
    return Finding(
        "With Barlow Twins scores are more confident (higher mean probability of the first item)",
        "says so and defines no measure",
        _ours(found, {"confidence": ("confidence", 4)}),
        verdict_of(found, 1),
        "calibration",
        _basis(place, found),
    )


def calibration_finding(place: Standing) -> Finding:
    """Return whether Barlow Twins calibrates better: error and negative log-likelihood fall."""
    found = _changes(place, ["ece-mass", "nll"])
    return Finding(
        "With Barlow Twins scores are better calibrated (lower ECE in bins of equal mass, and "
        "lower negative log-likelihood, as trained)",
        "says so and defines no measure",
        _ours(found, {"ece-mass": ("ECE", 4), "nll": ("NLL", 3)}),
        verdict_of(found, -1),
        "calibration",
        _basis(place, found),
    )


def _changes(place: Standing, metrics: Sequence[str]) -> list[Change]:
    return changes(systems(place), metrics, WIDEST, _TERM)


def _ours(found: Sequence[Change], labels: Mapping[str, tuple[str, int]]) -> str:
    """Return the changes, metric by metric, each with its interval and its p."""
    parts = []
    for metric, (label, decimals) in labels.items():
        said = [_change(one, decimals) for one in found if one.metric == metric]
        parts.append(f"{label}: {'; '.join(said)}")
    return "; ".join(parts)


def _change(one: Change, decimals: int) -> str:
    test = one.test
    said = f"{one.name} less {one.plain} {signed(test.difference, decimals)}"
    if test.reason:
        return f"{said} (no test: {test.reason})"
    return f"{said} ({bounds(test.interval, decimals)}, adjusted p {one.p:.2g})"


def _basis(place: Standing, found: Sequence[Change]) -> Basis:
    return basis_of(place, WIDEST, min((len(one.differences) for one in found), default=0))
