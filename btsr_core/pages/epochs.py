"""Systems at equal epochs, beside each at the epoch that early stopping kept.

A longer patience can look like a better model. What is compared here are the validation metrics
that were recorded after every epoch: on validation users, not on test users. A comparison has two
readings: at the last epoch that all its runs have, and at the epoch that each run kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.significance import PairedTest, holm, paired_seeds
from btsr_core.pages.accuracy_tables import p_value
from btsr_core.pages.comparisons import pairs_of
from btsr_core.pages.results import Systems, common_seeds
from btsr_core.pages.words import MINUS, with_bounds
from btsr_core.study.records import Record

METRICS = ("ndcg@10", "cov@10")
"""What is recorded after every epoch and shown."""
KEPT = "epoch kept"
FEWEST = 3
"""Seeds from which an interval is drawn and judged: of two it would hide all else."""


@dataclass(frozen=True, eq=False)
class EqualEpochs:
    """How two systems differ on a validation metric, first minus second, paired by seed.

    Attributes
    ----------
    first, second, metric
        Of what.
    by_epoch
        (E, S) difference after each epoch that all these runs have.
    last
        Test at the last of those epochs, `epoch`.
    kept
        Test at the epoch that each run kept.
    """

    first: str
    second: str
    metric: str
    by_epoch: FloatArray
    last: PairedTest
    kept: PairedTest

    @property
    def epoch(self) -> int:
        """The last epoch that all these runs have; 0 without a common seed."""
        return len(self.by_epoch)

    @property
    def seeds(self) -> int:
        """How many seeds both have."""
        return len(self.by_epoch.T)

    @property
    def bounds(self) -> FloatArray:
        """(E, 2) Student's 95 % interval after each epoch; NaN from fewer seeds than `FEWEST`."""
        if self.seeds < FEWEST:
            return np.full((self.epoch, 2), np.nan)
        tests = [paired_seeds(row, np.zeros_like(row)).interval for row in self.by_epoch]
        return np.array([(one.low, one.high) for one in tests]).reshape(self.epoch, 2)


def curve(record: Record, metric: str) -> FloatArray:
    """Return (E,) values of a validation metric after each epoch."""
    return record.curves[f"valid_{metric}"].to_numpy(np.float64)


def kept_value(record: Record, metric: str) -> float:
    """Return a validation metric at the epoch kept."""
    return float(curve(record, metric)[record.best_epoch - 1])


def common_epochs(records: Sequence[Record]) -> int:
    """Return how many epochs all runs have; 0 of no run."""
    return min((record.epochs for record in records), default=0)


def equal_epochs(found: Systems, first: str, second: str, metric: str) -> EqualEpochs:
    """Compare two systems at every epoch that all their paired runs have, and as they were kept."""
    pairs = common_seeds(found.get(first, ()), found.get(second, ()))
    n = common_epochs([record for pair in pairs for record in pair])
    return compare_runs(first, second, metric, pairs, n)


def compare_runs(
    first: str, second: str, metric: str, pairs: Sequence[tuple[Record, Record]], n: int
) -> EqualEpochs:
    """Compare pairs of runs over their first `n` epochs, which all have, and as they were kept.

    Of no pair, `n` must be 0.
    """
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    a, b = (
        np.array([curve(record, metric)[:n] for record in own]).reshape(len(own), n)
        for own in (ours, theirs)
    )
    last = paired_seeds(a[:, -1], b[:, -1]) if n else paired_seeds(a.ravel(), b.ravel())
    kept = [np.array([kept_value(record, metric) for record in own]) for own in (ours, theirs)]
    return EqualEpochs(first, second, metric, (a - b).T, last, paired_seeds(*kept))


def equal_pairs(found: Systems) -> list[EqualEpochs]:
    """Compare, on each of `METRICS`, the trained pairs of `comparisons.pairs_of` that share a seed.

    Each pair at the epochs of its own, with Holm's correction for all that is returned.
    """
    pairs = [(first, second) for first, second in pairs_of(found) if second in found]
    tested = [equal_epochs(found, *pair, metric) for metric in METRICS for pair in pairs]
    return corrected([one for one in tested if one.seeds])


def corrected(tested: Sequence[EqualEpochs]) -> list[EqualEpochs]:
    """Return comparisons with Holm's correction for all their tests, those of both readings."""
    adjusted = holm([[one.last.p, one.kept.p] for one in tested])
    return [
        replace(one, last=replace(one.last, p=float(last)), kept=replace(one.kept, p=float(kept)))
        for one, (last, kept) in zip(tested, adjusted, strict=True)
    ]


def epoch_table(found: Systems) -> pd.DataFrame:
    """Return validation metrics of each system at equal epochs and as kept, over all its seeds.

    Returns
    -------
    DataFrame
        A row a metric of `METRICS` and system. Means and deviations over seeds as text: at a
        quarter, half and all of the epochs that every run has, and at the epoch that each run kept.
    """
    n = common_epochs([record for own in found.values() for record in own])
    marks = sorted({max(1, n // 4), max(1, n // 2), n}) if n else []
    rows = {
        (metric, name): {
            "runs": str(len(own)),
            **{f"epoch {e}": _cell([curve(r, metric)[e - 1] for r in own]) for e in marks},
            KEPT: _cell([kept_value(r, metric) for r in own]),
        }
        for metric in METRICS
        for name, own in found.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def difference_table(compared: Sequence[EqualEpochs]) -> pd.DataFrame:
    """Return a row a comparison: its seeds, and the difference and its p in both readings.

    Parameters
    ----------
    compared
        As `corrected` gives them.
    """
    rows = {
        (one.metric, f"{one.first} {MINUS} {one.second}"): {
            "seeds": str(one.seeds),
            "equal epochs": str(one.epoch),
            "difference there": with_bounds(one.last.interval),
            "p there (Holm)": p_value(one.last.p),
            "difference as kept": with_bounds(one.kept.interval),
            "p as kept (Holm)": p_value(one.kept.p),
        }
        for one in compared
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _cell(values: Sequence[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.4f}"
    return f"{mean:.4f} \N{PLUS-MINUS SIGN} {np.std(values, ddof=1):.4f}"
