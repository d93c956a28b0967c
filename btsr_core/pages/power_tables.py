"""What it would take to see the gain of BT-SR over its plain system, on each recorded dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import mean_of
from btsr_core.analysis.power import (
    Components,
    detectable,
    seeds_needed,
    users_needed,
    variance_components,
)
from btsr_core.analysis.seed_power import power_over_seeds
from btsr_core.pages.pairs import OURS, PLAIN, pair_of, paired_values
from btsr_core.pages.paper import DATASETS, paper_values
from btsr_core.pages.results import systems
from btsr_core.pages.words import signed, unsigned
from btsr_core.study.measure import READINGS
from btsr_core.study.run import Standing

CHOSEN, PAPERS, ELSEWHERE = "chosen", "the paper's", "the paper's median gain"
"""Where a wanted difference comes from: given; the paper's on this dataset; its median relative
gain over all of its datasets, times the plain system's mean here."""


@dataclass(frozen=True)
class Wanted:
    """A difference to be seen, and where it comes from."""

    size: float
    source: str


@dataclass(frozen=True)
class Needs:
    """What it takes to see a difference on a dataset, under one reading of its test pool.

    Attributes
    ----------
    dataset, reading, metric
        Of what.
    components
        Where the differences of `OURS` and `PLAIN` vary.
    wanted
        The difference to be seen.
    """

    dataset: str
    reading: str
    metric: str
    components: Components
    wanted: Wanted

    @property
    def varying(self) -> Components:
        """The components that power is computed from; see `known_components`."""
        return known_components(self.components)

    @property
    def visible(self) -> float:
        """The difference that today's users and seeds would see with 80 % power."""
        c = self.components
        return detectable(self.varying, c.n_users, c.n_seeds)

    @property
    def users(self) -> float:
        """Users that it takes with today's seeds."""
        return users_needed(self.varying, self.wanted.size, self.components.n_seeds)

    @property
    def seeds(self) -> float:
        """Seeds that it takes with today's users; NaN where seeds have no known variance."""
        c = self.components
        return seeds_needed(c, self.wanted.size, c.n_users)

    @property
    def paper_test(self) -> float:
        """Power of the paper's test, over seeds alone, for the wanted difference."""
        c = self.components
        return power_over_seeds(c, self.wanted.size, c.n_users, c.n_seeds)


def known_components(found: Components) -> Components:
    """Return components that power can be computed from.

    From one seed it is not known how seeds vary: what is computed then speaks of other users and
    this seed, so that the variance between users is all there is.
    """
    if found.n_seeds == 1:
        return replace(found, users=found.single, seeds=0.0, residual=0.0)
    return found


def needs(place: Standing, metric: str, reading: str, difference: float = 0.0) -> Needs | None:
    """Return what it takes on a dataset; None where the pair shares no recorded seed.

    Parameters
    ----------
    metric
        A mean over users, such as `ndcg@10`.
    difference
        To be seen; 0 takes the paper's, see `wanted_difference`.
    """
    ours, plain = paired_values(place.targets, *pair_of(systems(place)), metric, reading)
    if not ours.size:
        return None
    wanted = wanted_difference(place.dataset, metric, mean_of(plain), difference)
    return Needs(place.dataset, reading, metric, variance_components(ours - plain), wanted)


def all_needs(
    places: Sequence[Standing], metrics: Sequence[str], difference: float = 0.0
) -> list[Needs]:
    """Return what it takes on each dataset, under each reading, for each metric."""
    found = (
        needs(place, metric, reading, difference)
        for place in places
        for reading in READINGS
        for metric in metrics
    )
    return [one for one in found if one is not None]


def wanted_difference(dataset: str, metric: str, plain: float, difference: float) -> Wanted:
    """Return the difference to be seen.

    Parameters
    ----------
    plain
        The plain system's mean, which a relative gain is a share of.
    difference
        If above 0, it is this.
    """
    if difference > 0:
        return Wanted(difference, CHOSEN)
    own = paper_gain(dataset, metric)
    if own is not None:
        return Wanted(own[0], PAPERS)
    one_each = dict(zip(DATASETS.values(), DATASETS, strict=True)).values()
    known = [paper_gain(one, metric) for one in one_each]
    relative = [gain / base for gain, base in filter(None, known)]
    return Wanted(float(np.median(relative)) * plain if relative else np.nan, ELSEWHERE)


def paper_gain(dataset: str, metric: str) -> tuple[float, float] | None:
    """Return the paper's `OURS` less `PLAIN` on a dataset, and its `PLAIN`; None if it has none."""
    table = paper_values(dataset)
    own = table[table["metric"] == metric].set_index("system")["value"]
    if not {OURS, PLAIN} <= set(own.index):
        return None
    return float(own[OURS] - own[PLAIN]), float(own[PLAIN])


def needs_table(found: Sequence[Needs]) -> pd.DataFrame:
    """Return what it takes, for reading: a row a dataset, reading and metric."""
    return _by_place(
        found,
        [
            {
                "users": f"{one.components.n_users:,}",
                "seeds": f"{one.components.n_seeds}",
                "difference": signed(one.components.difference),
                "visible (80 %)": unsigned(one.visible),
                "wanted": unsigned(one.wanted.size),
                "users needed": count(one.users),
                "seeds needed": count(one.seeds),
                "power over seeds": (
                    "" if np.isnan(one.paper_test) else f"{100 * one.paper_test:.0f} %"
                ),
            }
            for one in found
        ],
    )


def component_table(found: Sequence[Needs]) -> pd.DataFrame:
    """Return where differences vary, as standard deviations: a row a dataset, reading, metric."""
    return _by_place(
        found,
        [
            {
                "between users": _deviation(one.components.users),
                "between seeds": _deviation(one.components.seeds),
                "rest": _deviation(one.components.residual),
                "between users, one seed": _deviation(one.components.single),
            }
            for one in found
        ],
    )


def _by_place(found: Sequence[Needs], rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    places = [(Path(one.dataset).name, one.reading, one.metric) for one in found]
    names = ["dataset", "history", "metric"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(places, names=names))


def count(n: float) -> str:
    """Return a number of users or seeds; `no number` where none suffices, empty if unknown."""
    if np.isnan(n):
        return ""
    return "no number" if np.isinf(n) else f"{int(n):,}"


def _deviation(variance: float) -> str:
    return "" if np.isnan(variance) else f"{np.sqrt(variance):.4f}"
