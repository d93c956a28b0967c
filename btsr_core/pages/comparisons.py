"""Recorded systems in pairs: differences, tests, and what those tests could have seen.

The values of two systems come from the same seeds and the same test users, in the same order. Where
users have several targets, each user counts once (`significance.by_user`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from btsr_core.analysis.intervals import FloatArray, Interval, mean_of, two_way_interval
from btsr_core.analysis.power import detectable, variance_components
from btsr_core.analysis.seed_power import visible_over_seeds
from btsr_core.analysis.significance import (
    PairedTest,
    by_user,
    holm,
    paired_seeds,
    paired_t,
    paired_users,
)
from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER, per_user
from btsr_core.names import BASELINES, system_name
from btsr_core.pages.pairs import OURS, PLAIN, owners, user_values
from btsr_core.pages.results import Systems, common_seeds, runs_of, systems, values_of
from btsr_core.settings import OBJECTIVES, LossConfig
from btsr_core.study.records import ALL_ITEMS, Record
from btsr_core.study.run import Standing

COVERAGE = "cov"
"""The metric that is no mean over users: only seeds can be compared on it."""
REGIMES = (0.1, 0.4)
"""Weights of Barlow Twins in the paper's Table 3."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two systems differ on a metric, first minus second.

    Attributes
    ----------
    first, second
        Names of the systems.
    metric
        Such as `ndcg@10`.
    users, seeds
        How many of each both systems share.
    means
        Of the first and of the second, over the seeds that both have.
    by_seed
        (S,) difference of the means over users.
    interval
        Over users and seeds at once; of a coverage, over seeds alone.
    over_seeds
        The paper's test: paired by seed, on these users.
    holm
        Its p after Holm's correction for the comparisons made together; NaN where there is no test.
    over_users
        Paired by user, with these seeds; None of a coverage.
    visible
        The smallest true difference that the test over users and seeds sees with 80 % power; NaN of
        a coverage.
    visible_over_seeds
        Likewise for the paper's test.
    """

    first: str
    second: str
    metric: str
    users: int
    seeds: int
    means: tuple[float, float]
    by_seed: FloatArray
    interval: Interval
    over_seeds: PairedTest
    holm: float
    over_users: PairedTest | None
    visible: float
    visible_over_seeds: float

    @property
    def difference(self) -> float:
        """Mean of the first less that of the second; NaN without a common seed."""
        return self.interval.mean


def metric_of(name: str, *, parameter: str = "metric") -> str:
    """Return `name` if it is a metric of accuracy or coverage.

    Raises
    ------
    InputError
        If it is none; names the parameter.
    """
    known = [f"{kind}@{k}" for kind in (*PER_USER, COVERAGE) for k in CUTOFFS]
    if name not in known:
        raise InputError(f"{parameter} = {name!r}: must be one of {', '.join(known)}")
    return name


def plain_name(objective: str) -> str:
    """Return the name of the system that has an objective alone."""
    chosen = {"objective": objective, "regulariser": "none"}
    return system_name(LossConfig.model_validate(chosen))


def own_pairs() -> dict[str, str]:
    """Return the name of Barlow Twins on each objective, and that of the objective alone."""
    regulariser = LossConfig().regulariser.name
    return {
        system_name(
            LossConfig.model_validate({"objective": objective, "regulariser": regulariser})
        ): plain_name(objective)
        for objective in OBJECTIVES
    }


def pairs_of(found: Systems) -> list[tuple[str, str]]:
    """Return what to compare: the default BT-SR with all others, then each objective's own pair.

    An objective's pair is Barlow Twins on it and the objective alone; no pair comes twice. If the
    default system is not recorded, only the pairs are there.
    """
    pairs = [(OURS, other) for other in (*BASELINES, *found) if other != OURS]
    chosen = pairs if OURS in found else []
    chosen += [(name, plain) for name, plain in own_pairs().items() if {name, plain} <= set(found)]
    return list(dict.fromkeys(chosen))


def compare_all(
    place: Standing, found: Systems, pairs: Sequence[tuple[str, str]], metric: str, reading: str
) -> list[Comparison]:
    """Compare pairs of systems on a metric, with Holm's correction for all of them together.

    Parameters
    ----------
    found
        Records by system; rankings that nothing is trained for are added to them.
    pairs
        First and second system of each; a baseline may be the second.
    metric
        Such as `ndcg@10` or `cov@10`.
    reading
        Of the test pool.

    Returns
    -------
    list
        In the order of the pairs, without those of a baseline that is not recorded.
    """
    known = {*found, *baseline_values(place, metric, reading)}
    tested = [_compare(place, found, pair, metric, reading) for pair in pairs if pair[1] in known]
    return _corrected(tested)


def on_datasets(places: Sequence[Standing], metric: str, reading: str) -> dict[str, Comparison]:
    """Compare the default BT-SR with its plain system on each dataset that has a seed of both.

    Holm's correction is for the datasets together.
    """
    found = {place.dataset: (place, systems(place)) for place in places}
    tested = {
        dataset: _compare(place, own, (OURS, PLAIN), metric, reading)
        for dataset, (place, own) in found.items()
        if {OURS, PLAIN} <= set(own)
    }
    shared = {dataset: one for dataset, one in tested.items() if one.seeds}
    return dict(zip(shared, _corrected(list(shared.values())), strict=True))


def regimes(place: Standing, reading: str, metric: str = "ndcg@20") -> dict[float, Comparison]:
    """Compare Barlow Twins at two weights of the sweep with SASRec-BCE: the paper's Table 3.

    Returns
    -------
    dict
        By alpha (`REGIMES`, as far as they are recorded); empty without SASRec-BCE.
    """
    plain, table = plain_name("bce"), systems(place)
    found: dict[float, list[Record]] = {}
    for _, record in runs_of(place, "alpha"):
        loss = record.experiment.loss
        if loss.alpha in REGIMES and _is_usual(loss):
            found.setdefault(loss.alpha, []).append(record)
    if plain not in table:
        return {}
    tested = {
        alpha: _compare(
            place,
            {OURS: records, plain: table[plain]},
            (OURS, plain),
            metric,
            reading,
        )
        for alpha, records in sorted(found.items())
    }
    return dict(zip(tested, _corrected(list(tested.values())), strict=True))


def baseline_values(place: Standing, metric: str, reading: str) -> dict[str, FloatArray]:
    """Return a metric of each ranking that nothing is trained for: (U,) a user, or (1,) coverage.

    Users as in `pairs.user_values`.
    """
    table, tested = place.targets.baselines, place.targets.of(reading)
    if metric.startswith(COVERAGE):
        is_it = (
            (table["reading"] == reading)
            & (table["metric"] == metric)
            & (table["bucket"] == ALL_ITEMS)
        )
        own = table[is_it]
        return {
            name: np.array([v])
            for name, v in zip(own["system"], own["value"].astype(float), strict=True)
        }
    users = owners(place.targets, reading)
    return {
        name: by_user(per_user(tested[name].to_numpy().astype(np.int64), metric)[None], users)[0]
        for name in BASELINES
        if name in tested
    }


def _is_usual(loss: LossConfig) -> bool:
    """Whether L_BT is scaled as by default: a sweep may hold both scalings."""
    usual = LossConfig().regulariser
    return getattr(loss.regulariser, "scaling", None) == getattr(usual, "scaling", None)


def _compare(
    place: Standing, found: Systems, names: tuple[str, str], metric: str, reading: str
) -> Comparison:
    first, second = names
    is_trained = second in found
    pairs = common_seeds(found[first], found[second] if is_trained else found[first])
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    untrained = {} if is_trained else baseline_values(place, metric, reading)
    users = int(place.targets.of(reading)["user"].nunique())
    if metric.startswith(COVERAGE):
        a = values_of(ours, metric, reading)
        other = values_of(theirs, metric, reading) if is_trained else untrained[second]
        b = np.broadcast_to(other, a.shape)
        tested, over_users = paired_seeds(a, b), None
        interval, visible, by_seed = tested.interval, float("nan"), a - b
        means = mean_of(a), mean_of(b)
    else:
        mine = user_values(place.targets, ours, metric, reading)
        other = (
            user_values(place.targets, theirs, metric, reading) if is_trained else untrained[second]
        )
        others = np.broadcast_to(other, mine.shape)
        tested, over_users = paired_t(mine, others), paired_users(mine, others)
        interval = two_way_interval(mine, others)
        by_seed = np.array([row.mean() for row in mine - others])
        means = mean_of(mine), mean_of(others)
        visible = detectable(variance_components(mine - others), users, len(pairs))
    return Comparison(
        first=first,
        second=second,
        metric=metric,
        users=users,
        seeds=len(pairs),
        means=means,
        by_seed=by_seed,
        interval=interval,
        over_seeds=tested,
        holm=float("nan"),
        over_users=over_users,
        visible=visible,
        visible_over_seeds=visible_over_seeds(by_seed),
    )


def _corrected(tested: Sequence[Comparison]) -> list[Comparison]:
    adjusted = holm([one.over_seeds.p for one in tested])
    return [replace(one, holm=float(p)) for one, p in zip(tested, adjusted, strict=True)]
