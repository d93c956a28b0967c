"""What it takes to see a difference: variance components, and the power of tests that rest on them.

The difference d_su between two systems for user u and seed s is taken as a two-way layout without
replication, d_su = difference + s_s + u_u + r_su, whose parts are independent with variances
`seeds`, `users` and `residual`. The mean over S seeds and U users then has the variance
users / U + seeds / S + residual / (S U): more of one kind leaves the part of the other. With
`seeds` replaced by 0, all that follows speaks of other users and the same seeds, as
`significance.paired_users` does.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from btsr_core.analysis.intervals import ROUNDING, FloatArray

POWER = 0.8
"""The usual chance of seeing a difference that is there."""

FALSE_ALARM = 0.05
"""The usual chance of seeing one that is not."""


@dataclass(frozen=True)
class Components:
    """Where the differences between two systems vary, estimated from S seeds and U users.

    Attributes
    ----------
    difference
        Their mean.
    users, seeds, residual
        Variance components; NaN from one seed or one user, where they cannot be told apart.
    averaged, single
        Variance between users of the difference averaged over the S seeds, and of that of one seed
        (averaged over seeds afterwards); NaN from one user.
    n_users, n_seeds
        U and S.
    """

    difference: float
    users: float
    seeds: float
    residual: float
    averaged: float
    single: float
    n_users: int
    n_seeds: int


def variance_components(differences: FloatArray) -> Components:
    """Estimate variance components by the method of moments.

    The mean squares of the two-way analysis of variance are equated to their expectations (Searle,
    Casella and McCulloch, *Variance Components*, 1992). An estimate below zero is set to zero,
    which is usual and makes it a little too large on average; that of the seeds, from S - 1 degrees
    of freedom, is coarse.

    Parameters
    ----------
    differences
        (S, U) of one metric, first system less second, a row a seed and a column a user.

    Raises
    ------
    ValueError
        If it is not (S, U).
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 2:
        raise ValueError(f"differences must be (S, U), not {d.shape}")
    n_seeds, n_users = d.shape
    nan = math.nan
    mean = float(d.mean()) if d.size else nan
    averaged = float(d.mean(axis=0).var(ddof=1)) if n_seeds and n_users > 1 else nan
    single = float(d.var(axis=1, ddof=1).mean()) if n_seeds and n_users > 1 else nan
    if min(d.shape) < 2:
        return Components(mean, nan, nan, nan, averaged, single, n_users, n_seeds)
    by_seed, by_user = d.mean(axis=1), d.mean(axis=0)
    rest = d - by_seed[:, None] - by_user + mean
    residual = float((rest**2).sum()) / ((n_seeds - 1) * (n_users - 1))
    users = averaged - residual / n_seeds
    seeds = float(by_seed.var(ddof=1)) - residual / n_users
    return Components(
        difference=mean,
        users=_variance(users),
        seeds=_variance(seeds),
        residual=_variance(residual),
        averaged=averaged,
        single=single,
        n_users=n_users,
        n_seeds=n_seeds,
    )


def standard_error(components: Components, n_users: int, n_seeds: int) -> float:
    """Return the standard deviation of the mean difference over other users and other seeds.

    Returns
    -------
    float
        NaN without users or seeds, where a component is unknown, and where all are zero: systems
        that never differed do not tell how systems that do would vary.
    """
    c = components
    if min(n_users, n_seeds) < 1:
        return math.nan
    variance = c.users / n_users + c.seeds / n_seeds + c.residual / (n_users * n_seeds)
    return math.sqrt(variance) if variance > 0 else math.nan


def power_of(
    components: Components,
    difference: float,
    n_users: int,
    n_seeds: int,
    level: float = FALSE_ALARM,
) -> float:
    """Return the chance that a two-sided test over users and seeds sees a true difference.

    The test divides the mean difference by its standard error and takes that for known and the
    quotient for normal. A test that has to estimate it from a few seeds sees a little less.

    Parameters
    ----------
    components
        As estimated by `variance_components`.
    difference
        The true one, of either sign; 0 gives the level.
    n_users, n_seeds
        Of the experiment that is planned.
    level
        Chance of a false alarm.

    Returns
    -------
    float
        NaN where `standard_error` is.
    """
    size = abs(difference) / standard_error(components, n_users, n_seeds)
    return _normal_power(size, level)


def detectable(
    components: Components,
    n_users: int,
    n_seeds: int,
    power: float = POWER,
    level: float = FALSE_ALARM,
) -> float:
    """Return the smallest true difference that the test of `power_of` sees with a given power.

    Returns
    -------
    float
        NaN where `standard_error` is.

    Raises
    ------
    ValueError
        Unless 0 < level < power < 1.
    """
    return _errors_apart(power, level) * standard_error(components, n_users, n_seeds)


def users_needed(
    components: Components,
    difference: float,
    n_seeds: int,
    power: float = POWER,
    level: float = FALSE_ALARM,
) -> float:
    """Return the fewest users with which `power_of` reaches a power, the number of seeds given.

    Returns
    -------
    float
        A whole number; infinite where the variance between so few seeds alone is too large, or the
        difference is 0; NaN where `standard_error` is.

    Raises
    ------
    ValueError
        Unless 0 < level < power < 1.
    """
    c, allowed = components, _allowed(difference, power, level)
    if math.isnan(standard_error(c, 1, n_seeds)):
        return math.nan
    return _fewest(c.users + c.residual / n_seeds, allowed - c.seeds / n_seeds)


def seeds_needed(
    components: Components,
    difference: float,
    n_users: int,
    power: float = POWER,
    level: float = FALSE_ALARM,
) -> float:
    """Return the fewest seeds with which `power_of` reaches a power, the number of users given.

    Returns
    -------
    float
        A whole number; infinite where the variance between so few users alone is too large, or the
        difference is 0; NaN where `standard_error` is.

    Raises
    ------
    ValueError
        Unless 0 < level < power < 1.
    """
    c, allowed = components, _allowed(difference, power, level)
    if math.isnan(standard_error(c, n_users, 1)):
        return math.nan
    return _fewest(c.seeds + c.residual / n_users, allowed - c.users / n_users)


def _normal_power(size: float, level: float) -> float:
    """Return the power where the true difference is `size` standard errors."""
    critical = -ndtri(level / 2)
    return float(ndtr(size - critical) + ndtr(-size - critical))


def _errors_apart(power: float, level: float) -> float:
    """Return how many standard errors give a power: the inverse of `_normal_power`."""
    if not 0 < level < power < 1:
        raise ValueError(f"must be 0 < level < power < 1, not level {level} and power {power}")
    most = ndtri(power) - ndtri(level / 2) + 1
    found = brentq(lambda size: _normal_power(size, level) - power, 0, most, xtol=1e-12)
    return float(found)


def _allowed(difference: float, power: float, level: float) -> float:
    """Return the largest variance of the mean at which a difference is seen."""
    return float((difference / _errors_apart(power, level)) ** 2)


def _fewest(variance: float, left: float) -> float:
    """Return the least n with variance / n <= left; infinite if no number does it."""
    if math.isnan(left):
        return math.nan
    if left < 0 or (left == 0 and variance > 0):
        return math.inf
    n = variance / left if variance else 1.0
    return max(1, math.ceil(n)) if math.isfinite(n) else math.inf


def _variance(estimate: float) -> float:
    """Return an estimate of a variance, none below zero and none made of rounding alone."""
    return 0.0 if estimate <= ROUNDING**2 else estimate
