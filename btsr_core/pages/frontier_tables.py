"""Accuracy against coverage of recorded systems, who is shown what, and who gains: as numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import FloatArray, Interval
from btsr_core.analysis.pareto import (
    hypervolume_interval,
    hypervolume_share,
    hypervolumes_by_chance,
    pareto_front,
)
from btsr_core.analysis.significance import PairedTest, paired_seeds
from btsr_core.analysis.who_gains import gains_by
from btsr_core.names import system_name
from btsr_core.pages.pairs import owners, target_values
from btsr_core.pages.results import Systems, common_seeds, runs_of
from btsr_core.pages.words import with_bounds
from btsr_core.study.records import Record, Targets
from btsr_core.study.run import Standing

Dials = Mapping[str, Mapping[float, Sequence[Record]]]
"""Records of each dial by the weight alpha, ascending; a dial is what varies in nothing else."""

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"

EXPOSURE = {
    "gini": "Gini of exposure (0 equal, 1 one item)",
    "lift": "popularity lift (share)",
    "novelty": "novelty (bits)",
    "tail": "places of the long tail (share)",
}
"""What is shown of exposure, and its unit; see `exposure.exposure_metrics`."""

FEATURES = {"history": "items in the history", "bucket": "bucket (1 most popular)"}
"""What users are grouped by: columns of `Targets.rows`."""


def dials(place: Standing) -> dict[str, dict[float, list[Record]]]:
    """Return the recorded runs along alpha, by what else varies in the study's part `alpha`.

    Where there is one alpha alone, nothing is dialled, and the runs are left out.
    """
    found: dict[str, dict[float, list[Record]]] = {}
    runs = runs_of(place, "alpha")
    names = {one.model: system_name(record.experiment.loss) for one, record in runs
             if record.experiment.loss.is_regularised}  # fmt: skip
    for one, record in runs:
        rest = [f"{name} {value}" for name, value in one.point.items() if name != "alpha"]
        label = ", ".join([names.get(one.model, one.model), *rest])
        found.setdefault(label, {}).setdefault(float(one.point["alpha"]), []).append(record)
    return {label: dict(sorted(own.items())) for label, own in found.items() if len(own) > 1}


def mean_points(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the mean of each system's runs and whether it is on the front of all.

    Parameters
    ----------
    points
        A row a run, as `results.metric_points` gives them.
    x, y
        Metrics of which more is better.

    Returns
    -------
    DataFrame
        A row a system that has both: the means `x` and `y` by their names, and `front`.
    """
    known = points.dropna(subset=[x, y])
    means = known.groupby("system", sort=False)[[x, y]].mean()
    return means.assign(front=pareto_front(means.to_numpy(np.float64)))


def dial_points(dial: Mapping[float, Sequence[Record]], x: str, y: str, reading: str) -> FloatArray:
    """Return (S, J, 2) values of the seeds that all J settings of a dial have."""
    by_seed = [{one.experiment.train.seed: one for one in own} for own in dial.values()]
    seeds = sorted(set.intersection(*map(set, by_seed))) if by_seed else []
    values = [
        [[own[seed].value(name, reading) for name in (x, y)] for own in by_seed] for seed in seeds
    ]
    return np.array(values, dtype=np.float64).reshape(len(seeds), len(dial), 2)


def area_table(found: Systems, turned: Dials, x: str, y: str, reading: str) -> pd.DataFrame:
    """Return the area that each system dominates in the plane of two metrics.

    Returns
    -------
    DataFrame
        A row a system or dial that has a run of every setting: `settings`, `seeds`, the `area`
        under the mean points with `low` and `high` (over seeds; NaN from one), `share` of the area
        of everything together, and by `chance`, with 95 % below `limit`, the area that as many
        settings would reach if alpha did nothing (NaN with one setting or one seed), and the share
        `p` of such areas that are at least as large.
    """
    groups = {name: {0.0: records} for name, records in found.items()}
    named = {f"{name}, every {ALPHA}": own for name, own in turned.items()}
    clouds = {name: dial_points(own, x, y, reading) for name, own in (groups | named).items()}
    clouds = {n: own for n, own in clouds.items() if len(own) and np.isfinite(own).all()}
    everything = np.concatenate([np.empty((0, 2)), *(own.mean(axis=0) for own in clouds.values())])
    rows = {}
    for name, own in clouds.items():
        seeds, settings, _ = own.shape
        interval = hypervolume_interval(own)
        luck = hypervolumes_by_chance(own) if min(seeds, settings) > 1 else np.array([np.nan])
        # Sums in another order differ by rounding.
        as_far = (luck >= interval.mean - 1e-12).sum()
        reached = np.nan if np.isnan(luck).any() else (as_far + 1) / (len(luck) + 1)
        rows[name] = {
            "settings": settings,
            "seeds": seeds,
            "area": interval.mean,
            "low": interval.low if seeds > 1 else np.nan,
            "high": interval.high if seeds > 1 else np.nan,
            "share": hypervolume_share(own.mean(axis=0), everything),
            "chance": luck.mean(),
            "limit": np.quantile(luck, 0.95),
            "p": reached,
        }
    columns = ["settings", "seeds", "area", "low", "high", "share", "chance", "limit", "p"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def area_words(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the area table for reading; what is not known is left empty."""

    def number(value: float) -> str:
        return "" if np.isnan(value) else f"{value:.5f}"

    interval = [
        "" if np.isnan(low) else f"{low:.5f} to {high:.5f}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "settings": table["settings"],
            "seeds": table["seeds"],
            f"area ({x} \N{MULTIPLICATION SIGN} {y})": table["area"].map(number),
            "95 % over seeds": interval,
            "of all (%)": (100 * table["share"]).map("{:.0f}".format),
            "by chance": table["chance"].map(number),
            "95 % of chance below": table["limit"].map(number),
        },
        index=table.index,
    )


def exposure_names(k: int) -> list[str]:
    """Return the recorded names of the measures of exposure for lists of length k."""
    return list(exposure_labels(k))


def exposure_labels(k: int) -> dict[str, str]:
    """Return what the measures of exposure are called in figures, by recorded name."""
    return {f"{name}@{k}": label for name, label in EXPOSURE.items()}


def exposure_changes(
    ours: Sequence[Record], plain: Sequence[Record], k: int, reading: str
) -> dict[str, PairedTest]:
    """Return how each measure of `EXPOSURE` differs, first less second, paired by seed."""
    pairs = common_seeds(ours, plain)
    return {
        name: paired_seeds(
            *(
                np.array([pair[side].value(f"{name}@{k}", reading) for pair in pairs])
                for side in (0, 1)
            )
        )
        for name in EXPOSURE
    }


def gains(
    targets: Targets,
    ours: Sequence[Record],
    plain: Sequence[Record],
    metric: str,
    reading: str,
) -> dict[str, pd.DataFrame]:
    """Return who gains where the first system takes the place of the second, by feature.

    Returns
    -------
    dict
        By name in `FEATURES`, as `who_gains.gains_by` gives it: the mean over the seeds that both
        have, target by target, with intervals over users. Empty without such a seed or a target.
    """
    pairs = common_seeds(ours, plain)
    rows = targets.of(reading)
    if not pairs or rows.empty:
        return {}
    a, b = (target_values([pair[side] for pair in pairs], metric, reading) for side in (0, 1))
    difference = (a - b).mean(axis=0)
    users = owners(targets, reading)
    return {name: gains_by(difference, rows[name].to_numpy(), users=users) for name in FEATURES}


def gain_words(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return who gains for reading: a row a group, the difference with its interval, the shares."""
    rows = []
    for name, table in found.items():
        for row in table.to_dict("records"):
            group = span(row["from"], row["to"])
            difference = Interval(row["difference"], row["low"], row["high"])
            rows.append(
                {
                    "by": FEATURES[name],
                    "group": group,
                    "targets": f"{row['n']:,}",
                    "difference (95 %)": with_bounds(difference),
                    **{
                        f"{kind} (%)": f"{100 * row[kind]:.1f}" for kind in ("gain", "lose", "same")
                    },
                }
            )
    columns = ["by", "group", "targets", "difference (95 %)", "gain (%)", "lose (%)", "same (%)"]
    return pd.DataFrame(rows, columns=columns).set_index(["by", "group"])


def span(low: float, high: float) -> str:
    """Return a group's least and greatest value as `3` or `4 to 9`."""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
