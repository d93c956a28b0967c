"""Interactions that a split can use: checked, and thinned out to users and items with enough."""

from bisect import bisect_left

import numpy as np
import pandas as pd

from btsr_core.data.datasets import COLUMNS
from btsr_core.errors import InputError


def check_frame(frame: pd.DataFrame) -> None:
    """Refuse a frame that the split would misread; files are checked with more detail when read.

    Raises
    ------
    InputError
        If a column or a value is missing, or times are no numbers.
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(
            f"the interactions lack the column {missing[0]!r}; columns present: "
            f"{', '.join(map(repr, frame.columns))}. Rename yours to {', '.join(COLUMNS)}."
        )
    if frame.empty:
        raise InputError("there are no interactions to split")
    gaps = frame[list(COLUMNS)].isna().any(axis="columns").to_numpy()
    if gaps.any():
        raise InputError(
            f"the interaction at position {int(gaps.argmax())} (counted from 0) has a missing "
            "value. Drop such rows first."
        )
    if not pd.api.types.is_numeric_dtype(frame["timestamp"]):
        raise InputError(
            f"column 'timestamp' has type {frame['timestamp'].dtype}, not numbers. Convert it, "
            "e.g. with .astype('int64') for dates."
        )


def k_core(frame: pd.DataFrame, k: int) -> pd.DataFrame:
    """Keep users with at least `k` distinct items and items with at least `k` distinct users.

    Dropping a user can push an item below `k` and the other way round, so the rule is applied until
    nothing changes. Repeats of an item by a user count once, and all of them stay or go together.

    Returns the rows that remain, in their order, possibly none; `k` = 0 or 1 keeps everything.
    """
    if k <= 1:
        return frame
    row_user, user_ids = pd.factorize(frame["user_id"])
    row_item, item_ids = pd.factorize(frame["item_id"])
    user, item = np.divmod(pd.unique(row_user * len(item_ids) + row_item), max(len(item_ids), 1))
    while True:
        user_degree = np.bincount(user, minlength=len(user_ids))
        item_degree = np.bincount(item, minlength=len(item_ids))
        stays = (user_degree[user] >= k) & (item_degree[item] >= k)
        if stays.all():
            # A pair leaves only with its user or its item, so the survivors' rows are all rows
            # between surviving users and surviving items.
            return frame[(user_degree[row_user] > 0) & (item_degree[row_item] > 0)]
        user, item = user[stays], item[stays]


def core_or_explain(frame: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the k-core.

    Raises
    ------
    InputError
        If it is empty; says which k would leave something.
    """
    core = k_core(frame, k)
    if not core.empty:
        return core
    largest = bisect_left(range(1, k), True, key=lambda smaller: k_core(frame, smaller).empty)
    raise InputError(
        f"k_core={k} leaves none of the {len(frame):,} interactions. Lower k_core: the largest "
        f"that leaves any is {largest}, with {len(k_core(frame, largest)):,} interactions."
    )
