"""Which users gain and which lose where one system takes the place of another."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from btsr_core.analysis.intervals import ROUNDING, FloatArray, interval_of_mean
from btsr_core.analysis.significance import by_user

COLUMNS = ["from", "to", "n", "difference", "low", "high", "gain", "lose", "same"]


def gains_by(
    differences: FloatArray,
    feature: npt.ArrayLike,
    n_groups: int = 4,
    seed: int = 0,
    users: npt.NDArray[Any] | None = None,
) -> pd.DataFrame:
    """Return how users fare, grouped by what is known of them.

    The groups are between quantiles of the feature, so about equally large. Users with the same
    value are never parted, and a feature of at most `n_groups` different values makes a group of
    each; so there may be fewer groups, and their sizes may differ. The intervals are each group's
    own, not corrected for the number of groups.

    Parameters
    ----------
    differences
        (U,) of a metric such as `ndcg@10`, first system less second, averaged over seeds.
    feature
        (U,) such as the length of the history, the popularity bucket of the target (numbers) or the
        day (numbers or dates). Users of whom it is missing are a group of their own, the last.
    n_groups
        At most.
    seed
        Of the bootstrap.
    users
        (U,) whose each is, where a user has several targets: differences and features then are
        those of targets, counts and shares are of targets, and the intervals are over users.

    Returns
    -------
    pd.DataFrame
        A row a group that has users, in the feature's order: `from` and `to`, its least and
        greatest value; `n` users; the mean `difference` with `low` and `high`, its 95 % bootstrap
        interval over users (NaN where a group has one user or does not vary); and the shares of its
        users who `gain`, `lose` or stay the `same`.

    Raises
    ------
    ValueError
        If there is not one feature a user, or fewer than one group.
    """
    values = pd.Series(np.asarray(feature))
    if differences.shape != (len(values),):
        raise ValueError(f"not one each: {differences.shape} differences, {len(values)} features")
    if n_groups < 1:
        raise ValueError(f"n_groups must be at least 1, not {n_groups}")
    codes = _groups(values, n_groups)
    rows = []
    for code in np.unique(codes):
        members = codes == code
        own = differences[members]
        if users is not None:  # targets of one user are not independent
            own = by_user(own[None], users[members])[0]
        found = interval_of_mean(own, seed)
        rows.append(
            {
                "from": values[members].min(),
                "to": values[members].max(),
                "n": int(members.sum()),
                "difference": found.mean,
                "low": found.low,
                "high": found.high,
                **shares(differences[members]),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def shares(differences: FloatArray) -> dict[str, float]:
    """Return the shares of users whose (U,) differences are gains, losses, or none.

    Means over seeds in another order differ by rounding, which is no difference. No user gives NaN.
    """
    if not len(differences):
        return {"gain": np.nan, "lose": np.nan, "same": np.nan}
    gain = float((differences > ROUNDING).mean())
    lose = float((differences < -ROUNDING).mean())
    return {"gain": gain, "lose": lose, "same": float((abs(differences) <= ROUNDING).mean())}


def _groups(values: "pd.Series[Any]", n_groups: int) -> npt.NDArray[np.int64]:
    """Return each user's group, in the order of the values; `n_groups` where one is missing."""
    known = values.dropna().to_numpy()
    codes = np.full(len(values), n_groups, dtype=np.int64)
    if not len(known):
        return codes
    cuts = np.unique(known)
    if len(cuts) > n_groups:
        # The i-th cut is the least value that i / n_groups of the users do not exceed. Whole
        # numbers tell exactly; an interpolated quantile can fall short of a value by rounding.
        reached = -(-np.arange(1, n_groups) * len(known) // n_groups)
        cuts = np.unique(np.sort(known)[reached - 1])
    codes[values.notna()] = np.searchsorted(cuts, known, side="left")
    return codes
