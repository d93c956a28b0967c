"""Claims of the paper beside what was measured: each a finding with a verdict from its interval.

A verdict is never typed. It compares an interval with what the claim says: wholly on the claim's
side it holds, wholly on the other it does not, and else, or where there is no interval, these data
cannot tell. Of what has no mean, nothing is recorded.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm

from btsr_core.analysis.intervals import LEVEL, Interval
from btsr_core.pages.words import count
from btsr_core.study.run import Standing

Verdict = Literal["holds", "does not hold", "cannot be told", "not recorded"]


@dataclass(frozen=True)
class Basis:
    """What a finding rests on: a dataset, a reading of its test pool, and how much there is."""

    dataset: str
    reading: str
    users: int
    targets: int
    seeds: int

    def __str__(self) -> str:
        """Return it in words."""
        counts = ((self.users, "user"), (self.targets, "target"), (self.seeds, "seed"))
        return f"{self.dataset}, history {self.reading}, " + ", ".join(
            count(n, noun) for n, noun in counts
        )


def basis_of(place: Standing, reading: str, seeds: int) -> Basis:
    """Return what a finding on a dataset's records rests on, under a reading, with some seeds."""
    rows = place.targets.of(reading)
    return Basis(place.dataset, reading, rows["user"].nunique(), len(rows), seeds)


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it.

    Attributes
    ----------
    claim
        What is claimed, with the threshold that stands for words such as "little".
    paper
        What the paper shows for it, and where, as in `its Figs 1 and 5`.
    ours
        What was measured, with 95 % intervals in brackets.
    verdict
        From the interval.
    page
        Name of the chapter that shows it, such as `sensitivity`.
    basis
        What it was measured on.
    """

    claim: str
    paper: str
    ours: str
    verdict: Verdict
    page: str
    basis: Basis

    @property
    def is_recorded(self) -> bool:
        """Whether any run speaks of it."""
        return self.verdict != "not recorded"


def sentence(finding: Finding) -> str:
    """Return a finding as text for a takeaway."""
    told = f"{finding.ours} (95 % intervals; {finding.basis})"
    said = {
        "holds": f"holds here. {told}",
        "does not hold": f"does not hold here. {told}",
        "cannot be told": f"cannot be told from these data. {told}",
        "not recorded": f"no runs that could tell are recorded of {finding.basis.dataset}",
    }
    return f"{finding.claim}: {said[finding.verdict]}. In the paper: {finding.paper}."


def above(interval: Interval, threshold: float = 0.0) -> Verdict:
    """Return whether a quantity lies above a threshold; on it is not above."""
    if math.isnan(interval.mean):
        return "not recorded"
    if interval.low > threshold:
        return "holds"
    return "does not hold" if interval.high <= threshold else "cannot be told"


def below(interval: Interval, threshold: float = 0.0) -> Verdict:
    """Return whether a quantity lies below a threshold; on it is not below."""
    if math.isnan(interval.mean):
        return "not recorded"
    if interval.high < threshold:
        return "holds"
    return "does not hold" if interval.low >= threshold else "cannot be told"


def simultaneous(interval: Interval, n: int) -> Interval:
    """Return an interval widened so that n of its kind hold together (Bonferroni, normal).

    Parameters
    ----------
    interval
        At 95 %.
    n
        Intervals of which the most favourable is picked, at least 1.
    """
    chance = (1 - LEVEL) / 2
    factor = float(norm.ppf(1 - chance / n) / norm.ppf(1 - chance))
    mean = interval.mean
    return Interval(
        mean, mean - factor * (mean - interval.low), mean + factor * (interval.high - mean)
    )


def every(parts: Sequence[tuple[Interval, Callable[[Interval], Verdict]]]) -> Verdict:
    """Return the verdict on a claim of several parts.

    It holds if each part does. It does not if one part fails even with an interval widened for
    their number, because the worst of many looks bad by chance. Where no part has a mean, nothing
    is recorded.

    Parameters
    ----------
    parts
        Intervals, and how each is judged.
    """
    if all(math.isnan(one.mean) for one, _ in parts):
        return "not recorded"
    if all(judge(one) == "holds" for one, judge in parts):
        return "holds"
    wide = [judge(simultaneous(one, len(parts))) for one, judge in parts]
    return "does not hold" if "does not hold" in wide else "cannot be told"
