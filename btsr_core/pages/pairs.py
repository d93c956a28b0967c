"""Recorded systems user by user, and the pair that the book is about."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.significance import by_user
from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS, per_user
from btsr_core.names import system_name
from btsr_core.pages.results import Systems, common_seeds, runs_of
from btsr_core.settings import LossConfig, NoRegulariser
from btsr_core.study.records import Record, Targets
from btsr_core.study.run import Standing

PLAIN = system_name(LossConfig(regulariser=NoRegulariser()))
OURS = system_name(LossConfig())
"""The system with the default objective and regulariser; `PLAIN` lacks the regulariser."""


def target_values(records: Sequence[Record], metric: str, reading: str) -> FloatArray:
    """Return (S, T) values of a metric that is a mean over targets, a row a record.

    Targets are in the order of `Targets.of(reading)`. No record gives (0, 0).
    """
    rows = [per_user(record.ranks[reading], metric) for record in records]
    return np.stack(rows) if rows else np.empty((0, 0))


def user_values(
    targets: Targets, records: Sequence[Record], metric: str, reading: str
) -> FloatArray:
    """Return (S, U) values of a metric, a row a record and a column a user.

    Where a reading has several targets a user they are made one value (`significance.by_user`), so
    that columns are independent; the mean over users is that over targets all the same.
    """
    if not records:
        return np.empty((0, 0))
    return by_user(target_values(records, metric, reading), owners(targets, reading))


def paired_values(
    targets: Targets, a: Sequence[Record], b: Sequence[Record], metric: str, reading: str
) -> tuple[FloatArray, FloatArray]:
    """Return (S, U) values of two systems on the seeds that both have, in the same order."""
    pairs = common_seeds(a, b)
    first, second = (
        user_values(targets, [pair[side] for pair in pairs], metric, reading) for side in (0, 1)
    )
    return first, second


def pair_of(systems: Systems) -> tuple[Sequence[Record], Sequence[Record]]:
    """Return the records of `OURS` and of `PLAIN`; none where a system is not recorded."""
    return systems.get(OURS, ()), systems.get(PLAIN, ())


def owners(targets: Targets, reading: str) -> npt.NDArray[Any]:
    """Return (T,) whose target each is."""
    found: npt.NDArray[Any] = targets.of(reading)["user"].to_numpy()
    return found


def protocol_line(place: Standing, parts: Sequence[str], reading: str) -> str:
    """Say under which protocol numbers were measured, on how many, and how much is recorded."""
    users = owners(place.targets, reading)
    said = (
        f"{Path(place.dataset).name}, history {reading}: {len(np.unique(users)):,} test users with "
        f"{len(users):,} targets, all {place.targets.sizes['n_items']:,} items ranked, seen ones "
        "left out"
    )
    planned = [one for one in place.planned if one.part in parts]
    recorded = sum(len(runs_of(place, part)) for part in parts)
    return f"{said}. Of {len(planned)} planned runs {recorded} are recorded."


def cutoff_of(k: int) -> int:
    """Return `k` if metrics are measured there.

    Raises
    ------
    InputError
        If they are not.
    """
    if k not in CUTOFFS:
        raise InputError(f"k = {k}: must be one of {', '.join(map(str, CUTOFFS))}")
    return k
