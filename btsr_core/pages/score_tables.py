"""What the chapters on scores, embeddings and confidence compare: systems with and without a term.

A regularised system is set against the plain one of its objective and nothing else: scores of
different objectives have different units. Both share seeds, so differences are taken seed by seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from btsr_core.analysis.intervals import LEVEL, FloatArray, Interval, mean_of, unbounded, varies
from btsr_core.analysis.power import FALSE_ALARM
from btsr_core.analysis.significance import PairedTest, holm, paired_seeds
from btsr_core.errors import InputError
from btsr_core.pages.results import Systems, along, common_seeds, runs_of, values_of
from btsr_core.settings import REGULARISERS, BarlowTwins, NoRegulariser
from btsr_core.study.records import Record
from btsr_core.study.run import Standing

_NONE = NoRegulariser().name


@dataclass(frozen=True, eq=False)
class Change:
    """How a metric differs between a regularised system and the plain one of its objective.

    Attributes
    ----------
    name, plain
        The two systems.
    metric
        By its recorded name.
    differences
        (S,) regularised less plain, one a seed that both have.
    means
        Over these seeds: regularised, plain.
    test
        Over seeds, paired.
    p
        Of the test, adjusted for the number of tests made with it (Holm); NaN where there is none.
    """

    name: str
    plain: str
    metric: str
    differences: FloatArray
    means: tuple[float, float]
    test: PairedTest
    p: float

    @property
    def side(self) -> int:
        """1 if the metric is told to rise, -1 if it is told to fall, 0 if it cannot be told."""
        if not self.p < FALSE_ALARM:
            return 0
        return 1 if self.test.difference > 0 else -1


def pairs_of(found: Systems, regulariser: str = "") -> list[tuple[str, str]]:
    """Return regularised systems and the plain one of the same objective, in the order given.

    Parameters
    ----------
    found
        As `results.systems` gives them.
    regulariser
        Only systems with this one; any if empty.

    Raises
    ------
    InputError
        If there is no such regulariser.
    """
    if regulariser:
        regulariser_of(regulariser)
    losses = {name: records[0].experiment.loss for name, records in found.items()}
    plain = {loss.objective.name: name for name, loss in losses.items() if not loss.is_regularised}
    return [
        (name, plain[loss.objective.name])
        for name, loss in losses.items()
        if loss.is_regularised and loss.objective.name in plain
        if not regulariser or loss.regulariser_name == regulariser
    ]


def with_and_without(found: Systems, regulariser: str) -> dict[str, Sequence[Record]]:
    """Return the plain systems and those with a regulariser, by objective, the plain one first.

    Raises
    ------
    InputError
        If there is no such regulariser.
    """
    regulariser_of(regulariser)
    objectives: dict[str, dict[str, Sequence[Record]]] = {}
    for wanted in (_NONE, regulariser):
        for name, records in found.items():
            loss = records[0].experiment.loss
            if loss.regulariser_name == wanted:
                objectives.setdefault(loss.objective.name, {})[name] = records
    return {name: records for own in objectives.values() for name, records in own.items()}


def regulariser_of(name: str) -> str:
    """Return `name` if it is a regulariser.

    Raises
    ------
    InputError
        If it is none.
    """
    known = [one for one in REGULARISERS if one != _NONE]
    if name not in known:
        raise InputError(f"regulariser {name!r}: must be one of {', '.join(known)}")
    return name


def measured(place: Standing, metric: str, reading: str) -> str:
    """Return `metric` if any run has it under a reading.

    Raises
    ------
    InputError
        If none has; names those that there are.
    """
    known: dict[str, None] = {}
    for record in place.records.values():
        own = record.metrics[record.metrics["reading"] == reading]
        known |= dict.fromkeys(own["metric"])
    if metric not in known:
        raise InputError(f"metric {metric!r}: must be one of {', '.join(known)} for {reading}")
    return metric


def measured_of(found: Systems, labels: Mapping[str, str], reading: str) -> dict[str, str]:
    """Return the labels of those metrics that any run has; of genres only films have some."""
    records = [one for own in found.values() for one in own]
    return {
        metric: label
        for metric, label in labels.items()
        if np.isfinite(values_of(records, metric, reading)).any()
    }


def changes(
    found: Systems, metrics: Sequence[str], reading: str, regulariser: str = ""
) -> list[Change]:
    """Compare all pairs of `pairs_of` on some metrics, metric by metric.

    The p-values are adjusted for all tests that are returned together.
    """
    pairs = pairs_of(found, regulariser)
    rows = []
    for metric in metrics:
        for name, plain in pairs:
            both = common_seeds(found[name], found[plain])
            a, b = (values_of([pair[side] for pair in both], metric, reading) for side in (0, 1))
            means = mean_of(a), mean_of(b)
            rows.append((name, plain, metric, a - b, means, paired_seeds(a, b)))
    adjusted = holm([row[-1].p for row in rows])
    return [Change(*row, float(p)) for row, p in zip(rows, adjusted, strict=True)]


def seed_interval(values: FloatArray) -> Interval:
    """Return the mean of (S,) values with Student's 95 % interval over seeds.

    Without bounds from one seed, or where all are the same.
    """
    mean, n = mean_of(values), len(values)
    if not varies(values):
        return unbounded(mean)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def over_alpha(place: Standing) -> dict[float, list[Record]]:
    """Return the records that differ in alpha alone, by alpha; none unless there are two alphas.

    Where the scaling of L_BT varies too, those of the default scaling.
    """
    varied = {name for one, _ in runs_of(place, "alpha") for name in one.point}
    default = BarlowTwins().scaling
    fixed = {"scaling": default} if "scaling" in varied else {}
    found = along(place, "alpha", "alpha", **fixed)
    return {float(alpha): records for alpha, records in found.items()} if len(found) > 1 else {}


def seed_table(points: pd.DataFrame, columns: Mapping[str, tuple[str, int]]) -> pd.DataFrame:
    """Return mean \N{PLUS-MINUS SIGN} deviation over seeds as text, a row a system.

    Parameters
    ----------
    points
        A row a run, as `results.metric_points` gives them.
    columns
        What each metric is called, and its number of decimals; one that no run has is left out.

    Returns
    -------
    DataFrame
        With the number of `seeds` first; a deviation (n - 1) of one run is not shown.
    """
    groups = points.groupby("system", sort=False)
    table = pd.DataFrame({"seeds": groups.size().map(str)})
    for metric, (label, decimals) in columns.items():
        own = groups[metric]
        if points[metric].notna().any():
            pairs = zip(own.mean(), own.std(), strict=True)
            table[label] = [_mean_and_spread(mean, spread, decimals) for mean, spread in pairs]
    return table.rename_axis(None)


def _mean_and_spread(mean: float, deviation: float, decimals: int) -> str:
    if np.isnan(mean):
        return "\N{EN DASH}"
    spread = (
        ""
        if np.isnan(deviation)
        else f"\N{NO-BREAK SPACE}\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}{deviation:.{decimals}f}"
    )
    return f"{mean:.{decimals}f}{spread}"
