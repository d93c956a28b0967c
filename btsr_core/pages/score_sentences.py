"""Takeaways about scores, embeddings and confidence: sentences from recorded numbers."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.overlap import FEW_USERS, N_NEGATIVES
from btsr_core.pages.results import Systems, runs_of, values_of
from btsr_core.pages.score_figures import binary_systems
from btsr_core.pages.score_tables import Change
from btsr_core.pages.words import count, signed
from btsr_core.study.measure import WIDEST
from btsr_core.study.run import Standing

NEAR = 0.1
"""Relative difference up to which two numbers are called nearly the same."""


def protocol(place: Standing, reading: str = WIDEST, part: str = "table") -> str:
    """Say on whom a chapter's numbers were measured, and how much of the plan is recorded."""
    rows = place.targets.of(reading)
    planned = [one for one in place.planned if one.part == part]
    seeds = sorted({one.seed for one, _ in runs_of(place, part)})
    return (
        f"{place.dataset}, history {reading}: {rows['user'].nunique():,} test users, "
        f"{len(rows):,} targets, {place.targets.sizes['n_items']:,} items. "
        f"{len(runs_of(place, part))} of {len(planned)} planned runs are recorded, "
        f"with {count(len(seeds), 'seed')}."
    )


def sampling() -> str:
    """Say what the scores of the densities are scores of."""
    return (
        f"Every user of the full history counts, with one target and {N_NEGATIVES} random items "
        "that are neither in the history nor the target, the same for every system."
    )


def told(found: Sequence[Change], labels: Mapping[str, tuple[str, int]]) -> str:
    """Say of which metrics a change can be told, and which way; adjusted for all of them.

    Parameters
    ----------
    found
        As `score_tables.changes` gives them.
    labels
        What each metric is called, and its decimals.
    """
    if not found:
        return "No system is recorded both with and without a regulariser."
    known = [one for one in found if one.side]
    if not known:
        return (
            f"Over seeds, none of {count(len(found), 'comparison')} can be told from chance "
            "(p adjusted for their number)."
        )
    ways = {1: "higher", -1: "lower"}
    parts = [
        f"{labels[one.metric][0]} is {ways[one.side]} under {one.name} than under {one.plain} "
        f"({signed(one.test.difference, labels[one.metric][1])})"
        for one in known
    ]
    return (
        f"Of {count(len(found), 'comparison')} over seeds {len(known)} can be told from chance "
        f"(p adjusted for their number): {'; '.join(parts)}."
    )


def units(found: Systems) -> str:
    """Say how far the scores of each system reach, which forbids a common axis."""
    spans = {
        name: float(np.mean([np.ptp(one.arrays["score-edges"]) for one in known]))
        for name, records in found.items()
        if (known := [one for one in records if "score-edges" in one.arrays])
    }
    if len(spans) < 2:
        return "Fewer than two systems have recorded scores."
    least, most = min(spans, key=lambda n: spans[n]), max(spans, key=lambda n: spans[n])
    return (
        f"From the lowest to the highest score it is {spans[least]:.1f} under {least} and "
        f"{spans[most]:.1f} under {most}: compare overlap factors, not axes."
    )


def steadiness(found: Systems) -> str:
    """Say how far one seed's overlap factor is known, and how far seeds differ."""
    halves = [
        float((values_of(r, "overlap-high", WIDEST) - values_of(r, "overlap-low", WIDEST)).mean())
        / 2
        for r in found.values()
    ]
    spreads = [values_of(r, "overlap", WIDEST).std(ddof=1) for r in found.values() if len(r) > 1]
    said = f"Other users would move one run's overlap factor by about {np.mean(halves):.3f} (95 %)"
    if not spreads:
        return f"{said}; with one seed each, nothing says how far another seed would."
    return f"{said}; seeds of one system differ by {np.mean(spreads):.3f} (standard deviation)."


def few_users(found: Systems) -> str:
    """Say how far kernel densities agree with bins, and what a figure of few users would show."""
    bins, curves, few, spread = (
        float(np.mean([values_of(records, name, WIDEST).mean() for records in found.values()]))
        for name in ("overlap", "overlap-kde", "overlap-few", "overlap-few-sd")
    )
    said = f"Of all users, kernel densities overlap by {curves:.3f} where bins do by {bins:.3f}"
    if np.isnan(spread):
        return f"{said}, on average over runs."
    return (
        f"{said}, on average over runs. Kernel densities of {FEW_USERS} random users, as many as "
        f"the public notebook draws, overlap by {few:.3f}, with a standard deviation of "
        f"{spread:.3f} between one draw of users and another."
    )


def _means(found: Systems, metric: str, reading: str) -> FloatArray:
    return np.array([values_of(records, metric, reading).mean() for records in found.values()])


def separation_and_accuracy(found: Systems, metric: str, reading: str) -> str:
    """Say whether systems whose scores overlap less, or whose AUC is higher, rank better."""
    if len(found) < 2:
        return "Fewer than two systems are recorded."
    by_overlap = 1 - _concordance(found, ("overlap", WIDEST), (metric, reading))
    by_auc = _concordance(found, ("auc", WIDEST), (metric, reading))
    return (
        f"Of {count(_pairs(found), 'pair')} of systems, the one of less overlap has the "
        f"better {metric} ({reading}) in {100 * by_overlap:.0f} %, the "
        f"one of higher AUC in {100 * by_auc:.0f} %; 50 % would be no relation."
    )


def _concordance(found: Systems, first: tuple[str, str], second: tuple[str, str]) -> float:
    """Return the share of pairs of systems that two metrics, each of a reading, order alike."""
    a, b = (_means(found, *one) for one in (first, second))
    pairs = [(a[i] - a[j]) * (b[i] - b[j]) for i, j in combinations(range(len(found)), 2)]
    return float(np.mean([product > 0 for product in pairs])) if pairs else float("nan")


def rank_and_metric(found: Systems, metric: str, reading: str) -> str:
    """Say whether systems of a larger effective rank have more of a metric."""
    if len(found) < 2:
        return "Fewer than two systems are recorded."
    share = _concordance(found, ("effective-rank", WIDEST), (metric, reading))
    return (
        f"Of {count(_pairs(found), 'pair')} of systems, the one of larger effective rank has the "
        f"higher {metric} ({reading}) in {100 * share:.0f} %; 50 % would be no relation."
    )


def measures_of_rank(found: Systems) -> str:
    """Say whether Eq. 9, its centred form and the notebook's number order systems alike."""
    if len(found) < 2:
        return "Fewer than two systems are recorded: there is no order to compare."
    centred, notebook = (
        _concordance(found, ("effective-rank", WIDEST), (name, WIDEST))
        for name in ("effective-rank-centred", "notebook-rank")
    )
    return (
        f"Of {count(_pairs(found), 'pair')} of systems, the public notebook's number orders "
        f"{100 * notebook:.0f} % as Eq. 9 does, and Eq. 9 of centred embeddings "
        f"{100 * centred:.0f} %."
    )


def calibration_caution(found: Systems) -> str:
    """Say what the calibration error is made of: how often the first item is right at all."""
    records = [one for own in found.values() for one in own]
    confidence, accuracy, error, filtered = (
        values_of(records, name, WIDEST) for name in ("confidence", "accuracy", "ece-width", "hr@1")
    )
    seen = np.clip(filtered - accuracy, 0, None)
    said = (
        f"With seen items in the ranking, the first item is the target for {_percent(accuracy)} of "
        f"the users; without them, for {_percent(filtered)} (hr@1)"
    )
    if (seen > 0).any():
        said += f": in some run a seen item stands first for at least {_percent(seen.max())}"
    ratio = error / confidence
    near = np.abs(ratio - 1) <= NEAR
    which = f"all {len(near)}" if near.all() else f"{near.sum()} of {len(near)}"
    return (
        f"{said}. The mean confidence is {_percent(confidence)}, and in {which} runs the "
        f"ECE (equal width) lies within {100 * NEAR:.0f} % of it: where it does, the ECE says how "
        "confident a model is, and little about how well it knows when it is right."
    )


def _percent(values: FloatArray | float) -> str:
    """Return a share, or the range of some, in per cent."""
    low, high = (f"{100 * end:.1f}" for end in (np.nanmin(values), np.nanmax(values)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def binary_claims(found: Systems) -> str:
    """Say what binary models claim of their first and their tenth item, and what came."""
    parts = []
    for name, records in binary_systems(found).items():
        known = [one.arrays for one in records if len(one.arrays.get("rank", ())) >= 10]
        if not known:
            continue
        claimed, taken = (
            np.mean([arrays[key][:10] for arrays in known], axis=0)
            for key in ("rank-probability", "rank-hit-rate")
        )
        total = claimed.sum(), taken.sum()
        parts.append(
            f"{name} gives its first item {100 * claimed[0]:.0f} % and was right for "
            f"{100 * taken[0]:.1f} %; over its ten best it claims {total[0]:.1f} hits a user "
            f"where {total[1]:.2f} came, {_way(total[0], total[1])}"
        )
    if not parts:
        return "No system with a binary objective is recorded."
    return f"{'; '.join(parts)}."


def _way(claimed: float, taken: float) -> str:
    near = abs(claimed - taken) <= NEAR * max(claimed, taken)
    return "as claimed" if near else "too confident" if claimed > taken else "too modest"


def temperatures(found: Systems) -> str:
    """Say which way the temperature of the validation set moves the scores of each system."""
    parts = []
    for name, records in found.items():
        values = values_of(records, "temperature", WIDEST)
        way = (
            "too sure" if (values > 1).all() else
            "not sure enough" if (values < 1).all() else "one or the other by seed"
        )  # fmt: skip
        parts.append(f"{name} {values.mean():.2f} ({way})")
    return f"Temperatures, above 1 where a model is too sure: {', '.join(parts)}."


def _pairs(found: Systems) -> int:
    return len(found) * (len(found) - 1) // 2
