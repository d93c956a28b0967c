"""Whether two systems differ beyond chance: tests and intervals over seeds, over users, over both.

Arrays of values have a row a seed and a column a user. Two systems are compared on the same seeds
and the same users, in the same order, so that every entry has its partner. What cannot be told
(one seed, one user, no difference anywhere) is NaN and never a small p or a narrow interval.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student
from scipy.stats import ttest_rel

from btsr_core.analysis.intervals import (
    LEVEL,
    ROUNDING,
    FloatArray,
    Interval,
    bootstrap_mean,
    mean_of,
    paired,
    unbounded,
    varies,
)


@dataclass(frozen=True)
class PairedTest:
    """A paired, two-sided t-test and the interval that goes with it.

    Attributes
    ----------
    interval
        The mean difference, first minus second; Student's interval from a test over seeds, the
        percentile bootstrap's from one over users.
    p
        Two-sided; NaN where there is no test.
    df
        Degrees of freedom: pairs less one.
    reason
        Why there is no test, as the end of a sentence; empty where there is one.
    """

    interval: Interval
    p: float
    df: int
    reason: str = ""

    @property
    def difference(self) -> float:
        """Mean of the first system less that of the second."""
        return self.interval.mean


def paired_t(a: FloatArray, b: FloatArray) -> PairedTest:
    """Test the means over users, paired by seed: the paper's test (method.md section 5).

    It speaks of other seeds on the same users, not of other users.

    Parameters
    ----------
    a, b
        (S, U) values of the two systems.

    Raises
    ------
    ValueError
        If the shapes differ or are not (S, U).
    """
    a, b = paired(a, b, 2)
    if not a.shape[1]:
        return PairedTest(unbounded(np.nan), np.nan, max(len(a) - 1, 0), "there is no user")
    return paired_seeds(a.mean(axis=1), b.mean(axis=1))


def paired_seeds(a: FloatArray, b: FloatArray) -> PairedTest:
    """Test one value a seed, paired by seed.

    For metrics that are no mean over users, such as cov@10: only seeds can be compared there.

    Parameters
    ----------
    a, b
        (S,) values of the two systems.

    Raises
    ------
    ValueError
        If the shapes differ or are not (S,).
    """
    a, b = paired(a, b, 1)
    p, reason = _p_value(a, b, "seed")
    df = max(len(a) - 1, 0)
    if reason:
        return PairedTest(unbounded(mean_of(a - b)), p, df, reason)
    low, high = ttest_rel(a, b).confidence_interval(LEVEL)
    return PairedTest(Interval(mean_of(a - b), float(low), float(high)), p, df)


def seed_bounds(differences: FloatArray) -> FloatArray:
    """Return the interval of `paired_seeds` for many differences at once.

    Parameters
    ----------
    differences
        (S, M): one a seed and a metric.

    Returns
    -------
    FloatArray
        (3, M) mean, lower and upper end; NaN where `paired_seeds` has none.
    """
    n, many = differences.shape
    if not n:
        return np.full((3, many), np.nan)
    mean = differences.mean(axis=0)
    if n == 1:
        return np.stack([mean, np.full(many, np.nan), np.full(many, np.nan)])
    factor = float(student.ppf((1 + LEVEL) / 2, n - 1)) / np.sqrt(n)
    half = factor * differences.std(axis=0, ddof=1)
    half = np.where(np.ptp(differences, axis=0) > ROUNDING, half, np.nan)
    return np.stack([mean, mean - half, mean + half])


def paired_users(a: FloatArray, b: FloatArray, seed: int = 0) -> PairedTest:
    """Test the means over seeds, paired by user.

    It speaks of other users and the same seeds. Columns must be independent users: where one has
    several values, `by_user` first makes one of them.

    Parameters
    ----------
    a, b
        (S, U) values of the two systems.
    seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        If the shapes differ or are not (S, U).
    """
    a, b = paired(a, b, 2)
    df = max(a.shape[1] - 1, 0)
    if not len(a):
        return PairedTest(unbounded(np.nan), np.nan, df, "there is no seed")
    a, b = a.mean(axis=0), b.mean(axis=0)
    p, reason = _p_value(a, b, "user")
    interval = unbounded(mean_of(a - b)) if reason else bootstrap_mean(a - b, seed)
    return PairedTest(interval, p, df, reason)


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust the p-values of one table for their number (Holm 1979, step-down).

    Rejecting what stays below 0.05 has a chance of at most 5 % of any false rejection, whatever
    the dependence between tests.

    Parameters
    ----------
    p_values
        Of any shape. NaN is no test: it stays NaN and does not count.

    Returns
    -------
    FloatArray
        Of the same shape: the k-th smallest of m becomes the largest of (m - j + 1) p_j over
        j <= k, at most 1.

    Raises
    ------
    ValueError
        If a value lies outside 0 to 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p_values must lie between 0 and 1")
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    tests = p[known]
    order = np.argsort(tests, kind="stable")
    steps = np.maximum.accumulate(np.arange(len(tests), 0, -1) * tests[order])
    ranked = np.empty_like(tests)
    ranked[order] = np.minimum(steps, 1)
    adjusted[known] = ranked
    return adjusted


def by_user(values: FloatArray, users: npt.NDArray[Any]) -> FloatArray:
    """Return one value a user where users have several test events, which are not independent.

    The mean over users of what comes back is the mean over events of what went in, and its
    variance over users is that of a ratio of totals (Cochran, *Sampling Techniques*, chapter on
    ratio estimators): u counts m + (its sum - its events x m) / (events a user), m the mean over
    events.

    Parameters
    ----------
    values
        (S, E) values of each event.
    users
        (E,) whose event it is.

    Returns
    -------
    FloatArray
        (S, U), users sorted; the values themselves where each user has one event.
    """
    _, codes, events = np.unique(users, return_inverse=True, return_counts=True)
    if not len(events):
        return np.empty((len(values), 0))
    means = values.mean(axis=1, keepdims=True)
    beyond = [np.bincount(codes, row, len(events)) for row in values - means]  # a sum a user
    return np.asarray(means + np.reshape(beyond, (len(values), len(events))) / events.mean())


def _p_value(a: FloatArray, b: FloatArray, unit: str) -> tuple[float, str]:
    """Return the two-sided p of (n,) pairs, or NaN and why there is none."""
    difference = a - b
    if not len(difference):
        return np.nan, f"there is no {unit}"
    if not np.isfinite(difference).all():
        return np.nan, f"the metric is not known for every {unit}"
    if len(difference) == 1:
        return np.nan, f"one {unit} has no spread to test against"
    if not varies(difference):
        same = abs(difference[0]) <= ROUNDING
        how = "do not differ" if same else "differ by the same amount"
        return np.nan, f"the two {how} for every {unit}, which leaves no spread to test against"
    return float(ttest_rel(a, b).pvalue), ""
