"""k-core, global temporal split and leave-one-out: interactions -> `Split` (paper §4).

No prefix of a sequence is ever materialised: a sequence is a start and a length in one flat array
of items, and an input is the same start with a smaller length.

The paper can be read in two ways about what the history of a held-out user is. Both readings are
computed, since they share the training set and cost little: `"after-cutoff"` is what the public
code does, `"full"` keeps what the user did before the cutoff too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from btsr_core.data.datasets import Interactions
from btsr_core.data.k_core import check_frame, core_or_explain
from btsr_core.errors import InputError

History = Literal["after-cutoff", "full"]
HISTORIES: tuple[History, ...] = get_args(History)
IntArray = npt.NDArray[np.int64]
RawIds = npt.NDArray[Any]

MIN_HELD_OUT = 3
"""Interactions a held-out user needs: one input, the validation target and the test target."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of items as windows into one flat array.

    Attributes
    ----------
    item_ids : (N,)
        Items of all sequences, one sequence after the other, oldest item first.
    starts, lengths : (U,)
        Position of each sequence's first item in `item_ids`, and its number of items.
    """

    item_ids: IntArray
    starts: IntArray
    lengths: IntArray

    def __len__(self) -> int:
        """Return the number of sequences U."""
        return len(self.starts)

    def drop_last(self, n: int) -> "Sequences":
        """Return the sequences without their last `n` items; one with no more than `n` is empty."""
        return Sequences(self.item_ids, self.starts, np.maximum(self.lengths - n, 0))

    def last_items(self) -> IntArray:
        """Return the last item of each sequence, (U,); every sequence must have one."""
        last: IntArray = self.item_ids[self.starts + self.lengths - 1]
        return last

    def to_lists(self) -> list[list[int]]:
        """Return the sequences as lists, for display and tests."""
        ends = self.starts + self.lengths
        return [self.item_ids[a:b].tolist() for a, b in zip(self.starts, ends, strict=True)]


@dataclass(frozen=True, eq=False)
class EvalSet:
    """What to rank for whom: `inputs` (U sequences), `targets` (U,), raw ids `users` (U,)."""

    inputs: Sequences
    targets: IntArray
    users: RawIds

    def __len__(self) -> int:
        """Return the number of users U."""
        return len(self.targets)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Validation and test: same users, same order; test inputs end with the validation target."""

    valid: EvalSet
    test: EvalSet


@dataclass(frozen=True, eq=False)
class Split:
    """A dataset cut into training, validation and test.

    Attributes
    ----------
    train : Sequences
        One sequence a training user, in internal item ids. Some may hold a single item, which
        trains nothing; a sampler passes over them.
    train_users : (U,)
        Raw ids of the training users, sorted.
    items : (n_items,)
        Raw ids of the catalogue, sorted: the internal id of an item is its position here.
    cutoff : int or float
        T, in the unit of the data's timestamps: held-out users act at or after it.
    held_out : mapping of History to HeldOut
        Evaluation data under either reading of the history; one of them may be empty.
    events : EvalSet
        Every interaction of the pool at or after the cutoff as a target in turn, after all that
        the user did before; many rows a user. The validation targets of the full reading are left
        out, for training may have been stopped on them.
    """

    train: Sequences
    train_users: RawIds
    items: RawIds
    cutoff: int | float
    held_out: Mapping[History, HeldOut]
    events: EvalSet

    @property
    def n_items(self) -> int:
        """Number of items of the catalogue."""
        return len(self.items)

    def sizes(self, history: History) -> dict[str, int]:
        """Return the counts that identify a split, for captions and for comparison with papers."""
        return {
            "train_users": len(self.train),
            "train_items": self.n_items,
            "train_interactions": int(self.train.lengths.sum()),
            "usable_pool": len(self.held_out[history].test),
        }


def split_interactions(
    interactions: Interactions | pd.DataFrame,
    *,
    k_core: int = 5,
    cutoff_quantile: float = 0.95,
) -> Split:
    """Cut interactions into training, validation and test by time (paper §4).

    1. `k_core`, iterated to a fixed point.
    2. T is the `cutoff_quantile` of the remaining timestamps (the nearest one that occurs).
    3. Users without an interaction at or after T are the training users, with all they did; their
       items are the catalogue.
    4. The other users are held out, without their interactions with items outside the catalogue:
       the last interaction is the test target, the one before it the validation target. Users left
       with fewer than three interactions are dropped.

    Interactions of one user at one time keep the order of the file.

    Parameters
    ----------
    interactions : Interactions or DataFrame
        With columns user_id, item_id and timestamp (numbers of any unit).
    k_core : int
        Smallest number of distinct items of a user and of users of an item; 0 or 1 keeps all.
    cutoff_quantile : float
        Where T lies among the timestamps, between 0 and 1, both excluded.

    Raises
    ------
    InputError
        If a column is missing, holds missing values or has times that are not numbers, if
        `cutoff_quantile` is out of range, or if no interaction survives the k-core, no user is left
        for training, or none is left for evaluation under either reading of the history.
    """
    if not 0 < cutoff_quantile < 1:
        raise InputError(
            f"cutoff_quantile must lie between 0 and 1, both excluded; got {cutoff_quantile}"
        )
    frame = interactions.frame if isinstance(interactions, Interactions) else interactions
    check_frame(frame)
    core = core_or_explain(frame, k_core)
    cutoff: int | float = np.asarray(
        core["timestamp"].quantile(cutoff_quantile, interpolation="nearest")
    ).item()

    user, user_ids = _codes(core["user_id"])
    item, item_ids = _codes(core["item_id"])
    time = core["timestamp"].to_numpy()
    order = np.lexsort((time, user))  # (N,) by user, then time; stable, so ties keep the file order
    user, item, late = user[order], item[order], time[order] >= cutoff

    held = (np.bincount(user[late], minlength=len(user_ids)) > 0)[user]  # (N,) rows of pool users
    if held.all():
        raise InputError(
            f"no user is left for training: all {len(user_ids):,} users act at or after the cutoff "
            f"{cutoff}. Raise cutoff_quantile (now {cutoff_quantile})."
        )
    in_catalogue = np.bincount(item[~held], minlength=len(item_ids)) > 0  # (all items,)
    known = in_catalogue[item]
    item = (np.cumsum(in_catalogue) - 1)[item]  # internal ids; meaningless where not `known`

    train, train_codes = _group(item[~held], user[~held])
    rows: dict[History, npt.NDArray[np.bool_]] = {
        "after-cutoff": held & known & late,
        "full": held & known,
    }
    split = Split(
        train=train,
        train_users=user_ids[train_codes],
        items=item_ids[in_catalogue],
        cutoff=cutoff,
        held_out={
            history: _leave_one_out(item[kept], user[kept], user_ids)
            for history, kept in rows.items()
        },
        events=_every_event(item[held & known], user[held & known], late[held & known], user_ids),
    )
    if not any(len(held_out.test) for held_out in split.held_out.values()):
        raise InputError(
            f"no user is left for evaluation: of the {len(np.unique(user[held])):,} users that act "
            f"at or after the cutoff {cutoff}, none has {MIN_HELD_OUT} interactions with items of "
            f"the training users. Change cutoff_quantile (now {cutoff_quantile}) or lower k_core "
            f"(now {k_core})."
        )
    return split


def _codes(ids: "pd.Series[Any]") -> tuple[IntArray, RawIds]:
    """Number the ids in sorted order: codes (N,) and the raw ids they stand for."""
    codes, uniques = pd.factorize(ids, sort=True)
    return codes.astype(np.int64), np.asarray(uniques)


def _group(item: IntArray, user: IntArray) -> tuple[Sequences, IntArray]:
    """Make one sequence of each run of equal users; also return the users, (U,)."""
    users, starts, lengths = np.unique(user, return_index=True, return_counts=True)
    return Sequences(item, starts.astype(np.int64), lengths.astype(np.int64)), users


def _leave_one_out(item: IntArray, user: IntArray, user_ids: RawIds) -> HeldOut:
    """Hold out the last two interactions of every user who has at least three."""
    usable = np.bincount(user)[user] >= MIN_HELD_OUT
    whole, codes = _group(item[usable], user[usable])
    past = whole.drop_last(1)
    users = user_ids[codes]
    return HeldOut(
        valid=EvalSet(past.drop_last(1), past.last_items(), users),
        test=EvalSet(past, whole.last_items(), users),
    )


def _every_event(
    item: IntArray, user: IntArray, late: npt.NDArray[np.bool_], user_ids: RawIds
) -> EvalSet:
    """Make a target of every late row that has a row of the same user before it."""
    whole, _ = _group(item, user)
    owner = np.arange(len(whole)).repeat(whole.lengths)  # (N,) sequence of each row
    place = np.arange(len(item)) - whole.starts[owner]
    is_valid_target = (place == whole.lengths[owner] - 2) & (whole.lengths[owner] >= MIN_HELD_OUT)
    rows = np.flatnonzero(late & (place > 0) & ~is_valid_target)
    inputs = Sequences(item, whole.starts[owner[rows]], place[rows])
    return EvalSet(inputs, item[rows], user_ids[user[rows]])
