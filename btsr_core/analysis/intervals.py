"""Bootstrap intervals of means over users, and over seeds and users at once.

Arrays of values have a row a seed and a column a user. Two systems are compared on the same seeds
and the same users, in the same order, so that every entry has its partner.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RESAMPLES = 4000
LEVEL = 0.95

ROUNDING = 1e-12
"""Differences of a metric (0 to 1) that are no larger come from the order of a sum."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; NaN bounds where there is none."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def bootstrap_mean(values: FloatArray, seed: int = 0) -> Interval:
    """Return the mean of (U,) values with its percentile bootstrap interval over users.

    No value gives NaN throughout.
    """
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    n = len(values)
    means = [counts @ values / n for counts in _resamples(n, np.random.default_rng(seed))]
    return Interval(float(values.mean()), *_percentiles(np.concatenate(means)))


def interval_of_mean(values: FloatArray, seed: int = 0) -> Interval:
    """Return `bootstrap_mean`, without bounds where all values are one and the same.

    A bootstrap of values that do not vary has no width, however few they are; that must not pass
    for certainty.
    """
    return bootstrap_mean(values, seed) if varies(values) else unbounded(mean_of(values))


def two_way_interval(a: FloatArray, b: FloatArray, seed: int = 0) -> Interval:
    """Return the mean difference with an interval that speaks of other seeds and other users.

    Each resample draws seeds and users, independently and with replacement, and takes the mean of
    the entries where they cross (Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics
    2007). One seed less is drawn than there are, because means over all S would vary too little by
    (S - 1) / S, which matters with few. In expectation the variance is then that of
    `power.standard_error`, with the part of the residual counted three times: the interval errs on
    the wide side. Where seeds vary much more than users do, few of them make it too narrow all the
    same: no percentile of the means of two or three can lie beyond them.

    Parameters
    ----------
    a, b
        (S, U) values of the two systems.
    seed
        Of the bootstrap.

    Returns
    -------
    Interval
        Without bounds from one seed, one user, or differences that are all the same.

    Raises
    ------
    ValueError
        If the shapes differ or are not (S, U).
    """
    a, b = paired(a, b, 2)
    difference = a - b
    if min(a.shape) < 2 or not varies(difference):
        return unbounded(mean_of(difference))
    (means,) = _two_way_means(difference[None], seed)
    return Interval(mean_of(difference), *_percentiles(means))


def relative_gain(a: FloatArray, b: FloatArray, seed: int = 0) -> Interval:
    """Return by which fraction of the second system's mean the first exceeds it.

    Parameters
    ----------
    a, b
        (S, U) values of the two systems.
    seed
        Of the bootstrap.

    Returns
    -------
    Interval
        0.05 for 5 % more; its bounds come from the resamples of `two_way_interval`, with which the
        second mean varies too. NaN over a mean of 0, and without bounds where a resample has one.

    Raises
    ------
    ValueError
        If the shapes differ or are not (S, U).
    """
    a, b = paired(a, b, 2)
    gain = relative(mean_of(a), mean_of(b))
    if min(a.shape) < 2 or not varies(a - b):
        return unbounded(gain)
    ours, others = _two_way_means(np.stack([a, b]), seed)
    if (others == 0).any():
        return unbounded(gain)
    return Interval(gain, *_percentiles(ours / others - 1))


def relative(value: float, other: float) -> float:
    """Return value / other - 1, for means such as a coverage; NaN over 0."""
    return value / other - 1 if other else float("nan")


def varies(values: FloatArray) -> bool:
    """Return whether values of any shape differ by more than rounding; NaN is not known to."""
    return values.size > 0 and bool(np.ptp(values) > ROUNDING)


def paired(a: FloatArray, b: FloatArray, dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Return the values of two systems as arrays of one shape.

    Raises
    ------
    ValueError
        If the shapes differ, or are not (S, U) for 2 dimensions, (S,) for 1.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != dimensions:
        wanted = "(S, U)" if dimensions == 2 else "(S,)"
        raise ValueError(f"a and b must both be {wanted}, not {a.shape} and {b.shape}")
    return a, b


def mean_of(values: FloatArray) -> float:
    """Return the mean of values of any shape; NaN where there is none."""
    return float(values.mean()) if values.size else float("nan")


def unbounded(mean: float) -> Interval:
    """Return an estimate of which no interval can be given."""
    return Interval(mean, np.nan, np.nan)


def _resamples(n: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield blocks (R, n) of `RESAMPLES` in all: how often each of n is drawn in n draws."""
    # A resample is how often each user is drawn; a product with the values sums it.
    block = max(1, 10**7 // n)  # resamples held at a time
    for done in range(0, RESAMPLES, block):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(block, RESAMPLES - done))


def _two_way_means(values: FloatArray, seed: int) -> FloatArray:
    """Return (N, R) means of (N, S, U) values in the same resamples of seeds and users."""
    _, n_seeds, n_users = values.shape
    rng = np.random.default_rng(seed)
    drawn = n_seeds - 1
    seeds = rng.multinomial(drawn, np.full(n_seeds, 1 / n_seeds), size=RESAMPLES)  # (R, S)
    users = _resamples(n_users, rng)
    sums = np.concatenate([values @ counts.T for counts in users], axis=2)  # (N, S, R)
    return np.asarray(np.einsum("nsr,rs->nr", sums, seeds) / (drawn * n_users))


def _percentiles(means: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
