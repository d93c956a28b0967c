"""The values of a setting at equal epochs, and at the epochs that early stopping kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from btsr_core.analysis.intervals import FloatArray
from btsr_core.pages.dials import Sweep, seeds_of
from btsr_core.pages.epochs import METRICS, EqualEpochs, common_epochs, compare_runs, curve
from btsr_core.pages.results import common_seeds
from btsr_core.study.records import Record
from btsr_core.study.search import Value

ByMetric = Mapping[str, Mapping[Value, EqualEpochs]]
"""Comparisons by metric (`epochs.METRICS`) and by the value of a setting."""


@dataclass(frozen=True, eq=False)
class Dial:
    """The values of a setting epoch by epoch, and each beside one of them.

    Attributes
    ----------
    name
        Of the setting.
    base
        The value that the others are compared with; None where nothing is recorded.
    compared
        Each other value less `base`, on the seeds that the two share, in the order of the values.
        All at one epoch, the last that all these runs have; values that share no seed are left out.
    means
        By metric and value, `base` included: (E,) mean over `seeds` after each epoch that all these
        runs of the value have.
    seeds
        Those that all values in `means` have.
    """

    name: str
    base: Value | None
    compared: ByMetric
    means: Mapping[str, Mapping[Value, FloatArray]]
    seeds: Sequence[int]

    @property
    def epoch(self) -> int:
        """At which all are equal; 0 where nothing is compared."""
        return max((one.epoch for own in self.compared.values() for one in own.values()), default=0)


def dial(name: str, found: Mapping[Value, Sequence[Record]], base: Value | None = None) -> Dial:
    """Compare the values of a setting with one of them, on validation users.

    Parameters
    ----------
    name
        Of the setting.
    found
        Records by value, one a seed.
    base
        The value to compare with; None stands for the first.
    """
    base = next(iter(found), None) if base is None else base
    beside = () if base is None else found.get(base, ())
    paired = {value: common_seeds(own, beside) for value, own in found.items() if value != base}
    paired = {value: pairs for value, pairs in paired.items() if pairs}
    n = common_epochs([record for own in paired.values() for pair in own for record in pair])
    shown = {value: own for value, own in found.items() if value in paired or value == base}
    seeds = seeds_of(shown.values()) if paired else []
    return Dial(
        name=name,
        base=base,
        compared={
            metric: {
                value: compare_runs(str(value), str(base), metric, pairs, n)
                for value, pairs in paired.items()
            }
            for metric in METRICS
        },
        means={
            metric: {
                value: _mean_curve(own, seeds, metric) for value, own in shown.items() if seeds
            }
            for metric in METRICS
        },
        seeds=seeds,
    )


def by_scaling(found: Mapping[str, Mapping[str, Sweep]]) -> list[Dial]:
    """Return a dial for each scaling of each setting, named with it where there are several.

    Parameters
    ----------
    found
        By the name of a setting, what `dials.sweeps` gives.
    """
    return [
        dial(f"{name} ({scaling})" if len(sweeps) > 1 else name, sweep)
        for name, sweeps in found.items()
        for scaling, sweep in sweeps.items()
    ]


def _mean_curve(records: Sequence[Record], seeds: Sequence[int], metric: str) -> FloatArray:
    """Return (E,) mean over some seeds, as long as all of them were trained."""
    own = [record for record in records if record.experiment.train.seed in seeds]
    n = common_epochs(own)
    mean: FloatArray = np.mean([curve(record, metric)[:n] for record in own], axis=0)
    return mean
