"""Which dial drives the slider: judged beside separately trained models, chosen on validation.

Both are measured in the plane of coverage and accuracy, by the area that their fronts dominate over
the origin, at the same alphas and seed by seed. Whether a dial reaches the target is said of test
targets; which of those that do is chosen goes by validation targets alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from btsr_core.analysis.intervals import FloatArray
from btsr_core.analysis.pareto import hypervolume_ratios
from btsr_core.dial.artefact import SUFFIX
from btsr_core.dial.plan import planned_dials, trained_models
from btsr_core.dial.records import DialRecord, dials_folder, read_dials
from btsr_core.errors import InputError
from btsr_core.study.measure import VALIDATION
from btsr_core.study.records import Record
from btsr_core.study.run import Standing

TARGET = 0.97
"""Of the area of separately trained models that a dial should reach."""
PLANE = "cov@10", "ndcg@10"
READING = "events"
"""Of the test pool, by which a dial is judged."""
ORIGIN = 0.0, 0.0
"""The worst that counts."""

Trained = Mapping[float, Mapping[int, Record]]
"""Separately trained models by alpha, then by seed."""


@dataclass(frozen=True, eq=False)
class Rival:
    """A dial of several seeds, and the models that are trained for each alpha.

    Attributes
    ----------
    kind
        Of the dial.
    seeds
        (S) those that all have, ascending.
    alphas
        (J) of the separately trained models, ascending.
    dials
        (S) records of the dial.
    trained
        (S, J) records of the models.
    """

    kind: str
    seeds: tuple[int, ...]
    alphas: tuple[float, ...]
    dials: tuple[DialRecord, ...]
    trained: tuple[tuple[Record, ...], ...]

    @property
    def label(self) -> str:
        """What the dial is called."""
        return self.dials[0].config.settings.label

    def dial_points(self, x: str, y: str, reading: str) -> FloatArray:
        """Return (S, J, 2) values of two metrics of the dial at the models' alphas."""
        return np.array(
            [
                [[one.value(name, reading, alpha) for name in (x, y)] for alpha in self.alphas]
                for one in self.dials
            ]
        )

    def trained_points(self, x: str, y: str, reading: str) -> FloatArray:
        """Return (S, J, 2) values of two metrics of the separately trained models."""
        return np.array(
            [[[one.value(name, reading) for name in (x, y)] for one in own] for own in self.trained]
        )

    def ratios(
        self, x: str, y: str, reading: str, reference: tuple[float, float] = ORIGIN
    ) -> FloatArray:
        """Return (S,) which share of the models' area the dial reaches; more than 1 is possible."""
        dial, trained = (
            points(x, y, reading) for points in (self.dial_points, self.trained_points)
        )
        return hypervolume_ratios(dial, trained, reference)


@dataclass(frozen=True)
class Chosen:
    """The dial that drives the slider.

    Attributes
    ----------
    kind
        How it is made.
    records
        Of all its seeds, ascending.
    artefact
        File of the first seed's, for `artefact.load_dial`; None where it is not there.
    """

    kind: str
    records: tuple[DialRecord, ...]
    artefact: Path | None


def rivals(place: Standing, recorded: Mapping[str, DialRecord]) -> dict[str, Rival]:
    """Return each kind of dial beside the trained models, by kind; only seeds that all have.

    Parameters
    ----------
    place
        What is recorded of the study's runs.
    recorded
        Dials by name.
    """
    trained = trained_models(place)
    if not trained:
        return {}
    by_kind: dict[str, dict[int, DialRecord]] = {}
    for one in planned_dials(place, recorded):
        if one.status == "recorded":
            own = by_kind.setdefault(one.config.kind, {})
            own[one.config.seed] = recorded[one.dial_id]
    common = set.intersection(*(set(own) for own in trained.values()))
    found = {}
    for kind, own in by_kind.items():
        seeds = sorted(common & own.keys())
        if seeds:
            models = tuple(tuple(runs[seed] for runs in trained.values()) for seed in seeds)
            dials = tuple(own[seed] for seed in seeds)
            found[kind] = Rival(kind, tuple(seeds), tuple(trained), dials, models)
    return found


def chosen_kind(found: Mapping[str, Rival], reading: str = READING) -> str | None:
    """Return the dial that reaches the target, by validation the better one; None if none does."""
    able = [kind for kind, one in found.items() if one.ratios(*PLANE, reading).mean() >= TARGET]
    return max(able, key=lambda kind: found[kind].ratios(*PLANE, VALIDATION).mean(), default=None)


def recorded_dials(place: Standing) -> dict[str, DialRecord]:
    """Return the recorded dials of a dataset.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    records, faults = read_dials(dials_folder(place.folder), place.targets)
    if faults:
        raise InputError(next(iter(faults.values())))
    return records


def chosen_dial(place: Standing, recorded: Mapping[str, DialRecord] | None = None) -> Chosen | None:
    """Return the dial that drives a dataset's slider; None if none is recorded, or good enough.

    Parameters
    ----------
    place
        The dataset.
    recorded
        Its dials by name; by default all that are recorded.
    """
    folder = dials_folder(place.folder)
    found = rivals(place, recorded_dials(place) if recorded is None else recorded)
    kind = chosen_kind(found)
    if kind is None:
        return None
    records: Sequence[DialRecord] = found[kind].dials
    artefact = folder / f"{records[0].dial_id}{SUFFIX}"
    return Chosen(kind, tuple(records), artefact if artefact.is_file() else None)
