"""What the paper claims of alpha, of the tail and of its views, judged on a study's records.

Words such as "little" have no number in the paper. The thresholds that stand for them here are
below, and every claim states its own.
"""

import math
from collections.abc import Callable
from functools import partial

from btsr_core.analysis.intervals import Interval, unbounded
from btsr_core.pages.claims import Finding, Verdict, above, below, every
from btsr_core.pages.dial_sentences import evidence, listed, number, share, size
from btsr_core.pages.dials import (
    DEFAULT_SCALING,
    Sides,
    Sweep,
    beside_plain,
    bucket_numbers,
    difference,
    level,
    relative_difference,
    sweeps,
)
from btsr_core.pages.results import along, systems
from btsr_core.settings import BarlowTwins
from btsr_core.study.records import ALL_ITEMS
from btsr_core.study.run import Standing

LOW_ALPHA = 0.1
"""Weights below are the low ones, of which the paper says that they favour hr@1 and hr@5."""
TAIL_ALPHA = 0.2
"""Weights above raise the least popular bucket, the paper says."""
LITTLE = 0.1
"""A loss of less than this share is little."""
NEARLY_TWICE = 0.75
"""Gains of at least this share nearly double."""
NEAR_ZERO = 0.1
"""A bucket's hit rate below this share of the overall one is near zero."""
VIEW_DROP = 0.06
"""The share that another view in the partner's place loses at least, the paper says (§5.2)."""

PARTNER = str(BarlowTwins.model_fields["view"].default)
"""The paper's view: another user with the same target."""
SENSITIVITY, BUCKETS, VIEWS = "sensitivity", "buckets", "views"
_ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
_FIGURES = "its curves over \N{GREEK SMALL LETTER ALPHA}, Figs 3, 4, 6 and 8"
_FROM_ZERO = (
    f"Bucket 3 rises from near zero (hr@10 below {100 * NEAR_ZERO:.0f} % of the overall one)"
)


def alpha_claims(place: Standing, reading: str) -> list[Finding]:
    """Return what became of the claims about alpha (Figs 3, 4, 6, 8), in the default scaling.

    Parameters
    ----------
    place
        Records of the part `alpha`.
    reading
        Of the test pool.
    """
    sweep = sweeps(place, "alpha", "alpha")[DEFAULT_SCALING]
    return [
        low_alpha_favours_hits(place, sweep, reading),
        high_alpha_costs_little(place, sweep, reading),
        high_alpha_raises_hits(place, sweep, reading),
        high_alpha_doubles_coverage(place, sweep, reading),
        high_alpha_raises_tail(place, sweep, reading),
    ]


def low_alpha_favours_hits(place: Standing, sweep: Sweep, reading: str) -> Finding:
    """Judge that hr@1 and hr@5 are higher and cov@10 is lower at weights below 0.1."""
    low = {value: records for value, records in sweep.items() if float(value) < LOW_ALPHA}
    high = {value: records for value, records in sweep.items() if value not in low}
    metrics = {"hr@1": above, "hr@5": above, "cov@10": below}
    found = {name: _compared(difference, low, high, name, reading, place) for name in metrics}
    told = "; ".join(f"{name} {number(one)}" for name, one in found.items())
    return Finding(
        f"{_ALPHA} < {LOW_ALPHA} favours hr@1 and hr@5, with low coverage",
        _FIGURES,
        f"{_ALPHA} {listed(low)} less the mean over {listed(high)}: {told}",
        every([(found[name], judge) for name, judge in metrics.items()]),
        SENSITIVITY,
        evidence(place, reading, low, high),
    )


def high_alpha_costs_little(place: Standing, sweep: Sweep, reading: str) -> Finding:
    """Judge that the highest weight costs less than a tenth of hr@1."""
    claim = f"Raising {_ALPHA} costs hr@1 little (less than {100 * LITTLE:.0f} %)"
    return _raised(place, sweep, reading, claim, "hr@1", -LITTLE)


def high_alpha_raises_hits(place: Standing, sweep: Sweep, reading: str) -> Finding:
    """Judge that the highest weight raises hr@10."""
    return _raised(place, sweep, reading, f"Raising {_ALPHA} raises hr@10", "hr@10", 0.0)


def high_alpha_doubles_coverage(place: Standing, sweep: Sweep, reading: str) -> Finding:
    """Judge that the highest weight raises cov@10 by three quarters or more."""
    claim = f"Raising {_ALPHA} nearly doubles cov@10 (by at least {100 * NEARLY_TWICE:.0f} %)"
    return _raised(place, sweep, reading, claim, "cov@10", NEARLY_TWICE)


def high_alpha_raises_tail(place: Standing, sweep: Sweep, reading: str) -> Finding:
    """Judge that the last bucket's hr@10 is near zero up to alpha = 0.2, and higher above."""
    high = {value: records for value, records in sweep.items() if float(value) > TAIL_ALPHA}
    low = {value: records for value, records in sweep.items() if value not in high}
    claim = f"{_FROM_ZERO} above {_ALPHA} = {TAIL_ALPHA}"
    told, verdict = _tail(place, low, high, reading)
    ours = f"{_ALPHA} {listed(low)}, then {listed(high)}: {told}"
    return Finding(claim, _FIGURES, ours, verdict, SENSITIVITY, evidence(place, reading, low, high))


def scaling_matters(place: Standing, reading: str) -> Finding:
    """Judge whether one alpha means the same in Eq. 7, a sum, and in the public code.

    The two are compared over the weights above 0 that both have. The scaling matters where ndcg@10
    differs by more than a tenth for sure, and does not where it lies within a tenth for sure.
    """
    by_scaling = sweeps(place, "alpha", "alpha")
    plain, *others = by_scaling.values()
    other = others[0] if others else {}
    both = [value for value in plain if value in other and value]
    ours, theirs = ({value: some[value] for value in both} for some in (other, plain))
    found = _compared(relative_difference, ours, theirs, "ndcg@10", reading, place)
    covered = _compared(relative_difference, ours, theirs, "cov@10", reading, place)
    verdict: Verdict = "cannot be told"
    if found.low > LITTLE or found.high < -LITTLE:
        verdict = "holds"
    elif found.low > -LITTLE and found.high < LITTLE:
        verdict = "does not hold"
    elif math.isnan(found.mean):
        verdict = "not recorded"
    records = [record for system in plain.values() for record in system]
    dimensions = f"D = {records[0].experiment.model.dim}" if records else "D"
    return Finding(
        f"At equal {_ALPHA} it matters (over {100 * LITTLE:.0f} % of ndcg@10) whether L_BT is a "
        f"sum or is divided by {dimensions}",
        "Eq. 7 is a sum; the public code divides by D",
        f"The sum in place of the mean, over {_ALPHA} {listed(ours)}: ndcg@10 "
        f"{share(found)}; cov@10 {share(covered)}",
        verdict,
        SENSITIVITY,
        evidence(place, reading, ours, theirs),
    )


def tail_claims(place: Standing, reading: str) -> list[Finding]:
    """Return whether BT-SR lifts the last bucket from near zero (Figs 1, 5), by objective.

    Parameters
    ----------
    place
        Records of the part `table`.
    reading
        Of the test pool.
    """
    found = []
    for plain, name, others, ours in beside_plain(systems(place)):
        if ours[0].experiment.loss.regulariser_name != "barlow-twins":
            continue
        told, verdict = _tail(place, {plain: others}, {name: ours}, reading)
        claim = f"{_FROM_ZERO} with {name}"
        said = f"{plain}, then {name}: {told}"
        shown = "bucket 3 rises from near zero (Figs 1 and 5)"
        basis = evidence(place, reading, {plain: others}, {name: ours})
        found.append(Finding(claim, shown, said, verdict, BUCKETS, basis))
    return found


def view_changes(place: Standing, metric: str, reading: str) -> dict[str, Interval]:
    """Return by which fraction a metric differs from the partner's under each other view (§5.2).

    Empty where the partner is not recorded.
    """
    found = along(place, "views", "view")
    base = {view: found.pop(view) for view in [PARTNER] if view in found}
    return {
        str(view): _compared(relative_difference, {view: own}, base, metric, reading, place)
        for view, own in found.items()
        if base
    }


def view_claim(place: Standing, reading: str, metric: str = "ndcg@10") -> Finding:
    """Judge that every other view costs 6 % or more of a metric (section 5.2)."""
    changes = view_changes(place, metric, reading)
    told = "Other views: " + "; ".join(f"{view} {share(one)}" for view, one in changes.items())
    return Finding(
        f"Every other view loses at least {100 * VIEW_DROP:.0f} % of {metric} against the partner",
        "a drop of at least 6 % on Yelp and Kindle (section 5.2)",
        told,
        every([(one, partial(below, threshold=-VIEW_DROP)) for one in changes.values()]),
        VIEWS,
        evidence(place, reading, along(place, "views", "view")),
    )


def _raised(
    place: Standing,
    sweep: Sweep,
    reading: str,
    claim: str,
    metric: str,
    threshold: float,
) -> Finding:
    """Compare the highest weight with the lowest, which must be a low one."""
    weights = list(sweep)
    low = {value: sweep[value] for value in weights[:1] if float(value) < LOW_ALPHA}
    high = {value: sweep[value] for value in weights[1:][-1:]}
    found = _compared(relative_difference, high, low, metric, reading, place)
    ours = f"{_ALPHA} {listed(high)} beside {listed(low)}: {metric} {share(found)}"
    basis = evidence(place, reading, low, high)
    return Finding(claim, _FIGURES, ours, above(found, threshold), SENSITIVITY, basis)


def _tail(place: Standing, low: Sides, high: Sides, reading: str) -> tuple[str, Verdict]:
    """Say whether the last bucket's hr@10 starts near zero and rises, and judge it."""
    metric, targets = "hr@10", place.targets
    tail = bucket_numbers(targets)[-1]
    start, overall = unbounded(math.nan), math.nan
    if low:
        start = level([*low.values()], metric, reading, targets, tail)
        overall = level([*low.values()], metric, reading, targets).mean
    rise = _compared(difference, high, low, metric, reading, place, tail)
    events = int((targets.of(reading)["bucket"] == tail).sum())
    told = (
        f"{metric} over its {events:,} targets begins at {size(start)}, over all "
        f"targets at {overall:.4f}, and changes by {number(rise)}"
    )
    near_zero = partial(below, threshold=NEAR_ZERO * overall)
    return told, every([(start, near_zero), (rise, above)])


def _compared(
    compare: Callable[..., Interval],
    ours: Sides,
    others: Sides,
    metric: str,
    reading: str,
    place: Standing,
    bucket: int = ALL_ITEMS,
) -> Interval:
    """Compare two sides, of which either may not be recorded."""
    if not ours or not others:
        return unbounded(math.nan)
    return compare([*ours.values()], [*others.values()], metric, reading, place.targets, bucket)
