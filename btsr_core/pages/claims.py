"""Claims of the paper beside what was measured: each a finding with a verdict from its interval.

A verdict is never typed. It compares an interval with what the claim says: wholly on the claim's
side it holds, wholly on the other it does not, and else, or where there is no interval, these data
cannot tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm

from btsr_core.analysis.intervals import LEVEL, Interval

Verdict = Literal["holds", "does not hold", "cannot be told"]


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
        What was measured, with interval, dataset, reading, and numbers of users and seeds.
    verdict
        From the interval.
    page
        Name of the chapter that shows it, such as `sensitivity`.
    """

    claim: str
    paper: str
    ours: str
    verdict: Verdict
    page: str


def sentence(finding: Finding) -> str:
    """Return a finding as text for a takeaway."""
    words = {"holds": "holds here", "does not hold": "does not hold here"}
    said = words.get(finding.verdict, "cannot be told from these data")
    return f"{finding.claim}: {said}. {finding.ours}. In the paper: {finding.paper}."


def above(interval: Interval, threshold: float = 0.0) -> Verdict:
    """Return whether a quantity lies above a threshold; on it is not above."""
    if interval.low > threshold:
        return "holds"
    return "does not hold" if interval.high <= threshold else "cannot be told"


def below(interval: Interval, threshold: float = 0.0) -> Verdict:
    """Return whether a quantity lies below a threshold; on it is not below."""
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
    their number, because the worst of many looks bad by chance. Without parts it cannot be told.

    Parameters
    ----------
    parts
        Intervals, and how each is judged.
    """
    if parts and all(judge(one) == "holds" for one, judge in parts):
        return "holds"
    wide = [judge(simultaneous(one, len(parts))) for one, judge in parts]
    return "does not hold" if "does not hold" in wide else "cannot be told"
