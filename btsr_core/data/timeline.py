"""When interactions happened: as dates where times are Unix times, and around the cutoff."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from btsr_core.data.datasets import Interactions
from btsr_core.data.k_core import k_core


def to_dates(timestamps: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """Return Unix times as dates, their unit told from their size; None if they cannot be any.

    Seconds, milliseconds, microseconds and nanoseconds between 1975 and 2100 do not overlap.
    """
    for per_second in (1, 10**3, 10**6, 10**9):
        seconds = timestamps / per_second
        if seconds.between(157_766_400, 4_102_444_800).all():
            return pd.to_datetime(seconds, unit="s")
    return None


def timeline(
    interactions: Interactions, k: int, cutoff: float
) -> tuple["pd.Series[Any]", float, npt.NDArray[np.bool_]]:
    """Return what `figures.timeline` shows: times after the k-core, the cutoff, and whose they are.

    Parameters
    ----------
    interactions
        As read.
    k
        Of the k-core.
    cutoff
        T, as in the split.
    """
    core = k_core(interactions.frame, k)
    newest = core.groupby("user_id", sort=False)["timestamp"].transform("max")
    return core["timestamp"], cutoff, (newest >= cutoff).to_numpy()
