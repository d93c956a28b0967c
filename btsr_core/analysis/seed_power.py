"""The power of the paper's test, which is paired over seeds and keeps the users."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from btsr_core.analysis.intervals import FloatArray, varies
from btsr_core.analysis.power import FALSE_ALARM, POWER, Components


def power_over_seeds(
    components: Components,
    difference: float,
    n_users: int,
    n_seeds: int,
    level: float = FALSE_ALARM,
) -> float:
    """Return the power of the paper's test, a paired t-test over seeds (method.md section 5).

    All seeds are tested on the same users, so that users do not vary: the difference is the one on
    these users, and the mean over them has the variance seeds + residual / U from seed to seed.
    Student's t is then noncentral.

    Parameters
    ----------
    components
        As estimated by `variance_components`.
    difference
        The true one on the test users, of either sign; 0 gives the level.
    n_users, n_seeds
        Of the experiment.
    level
        Chance of a false alarm.

    Returns
    -------
    float
        NaN with one seed, and where seeds have no known variance.
    """
    if n_users < 1 or n_seeds < 2:
        return math.nan
    variance = (components.seeds + components.residual / n_users) / n_seeds
    if not variance > 0:
        return math.nan
    size, df = abs(difference) / math.sqrt(variance), n_seeds - 1
    critical = t.isf(level / 2, df)
    wrong_side = nct.cdf(-critical, df, size)  # SciPy gives NaN where it is next to nothing
    return float(nct.sf(critical, df, size) + np.nan_to_num(wrong_side))


def visible_over_seeds(differences: FloatArray) -> float:
    """Return the smallest true difference that a paired t-test over seeds sees with 80 % power.

    Parameters
    ----------
    differences
        (S,) between two systems; their variance is taken for the true one.

    Returns
    -------
    float
        NaN from one seed, or without any variance.
    """
    n = len(differences)
    variance = float(differences.var(ddof=1)) if varies(differences) else float("nan")
    parts = Components(0.0, 0.0, variance, 0.0, float("nan"), float("nan"), 1, n)
    if np.isnan(power_over_seeds(parts, 0.0, 1, n)):
        return float("nan")
    high = np.sqrt(variance / n)
    while power_over_seeds(parts, high, 1, n) < POWER:
        high *= 2
    return float(brentq(lambda size: power_over_seeds(parts, size, 1, n) - POWER, 0, high))
