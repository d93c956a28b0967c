"""Which dials there are to be: one of each kind and seed, over the range of the study's sweep."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from btsr_core.dial.settings import KINDS, DialConfig, dial_config
from btsr_core.study.plan import Planned
from btsr_core.study.records import Record
from btsr_core.study.run import Standing

PART = "alpha"
"""Of the study: its runs are what a dial is compared with, at the same alphas and seeds."""


@dataclass(frozen=True)
class PlannedDial:
    """One dial.

    Attributes
    ----------
    dataset
        Whose.
    config
        What to train.
    dial_id
        Its name.
    status
        Whether it is recorded.
    """

    dataset: str
    config: DialConfig
    dial_id: str
    status: Literal["recorded", "missing"]

    def __str__(self) -> str:
        """Return it in a few words."""
        return f"{self.dataset}: {self.config.settings.label}, seed {self.config.seed}"


def sweep(place: Standing) -> list[Planned]:
    """Return the runs of the study's sweep along alpha, in the order of the plan.

    Where the sweep varies something else too, those runs are meant that have its first value.
    """
    runs = [one for one in place.planned if one.part == PART and one.experiment is not None]
    return [one for one in runs if _rest(one) == _rest(runs[0])]


def _rest(one: Planned) -> dict[str, object]:
    others = {name: value for name, value in one.point.items() if name != PART}
    return {"model": one.model, **others}


def trained_models(place: Standing) -> dict[float, dict[int, Record]]:
    """Return the recorded runs of the sweep by alpha, ascending, and by seed."""
    found: dict[float, dict[int, Record]] = {}
    for one in sweep(place):
        if one.run_id in place.records:
            own = found.setdefault(float(one.point[PART]), {})
            own[one.seed] = place.records[one.run_id]
    return dict(sorted(found.items()))


def planned_dials(
    place: Standing, recorded: Iterable[str], kinds: Iterable[str] = tuple(KINDS)
) -> list[PlannedDial]:
    """Return the dials of a dataset, a seed of every kind, then the next.

    Parameters
    ----------
    place
        The dataset's part of a study.
    recorded
        Names of the dials that are recorded.
    kinds
        Which kinds.

    Returns
    -------
    list
        None where the study has no sweep over several alphas there, or its search has not ended.
    """
    runs, there = sweep(place), set(recorded)
    alphas = sorted({float(one.point[PART]) for one in runs})
    if len(alphas) < 2:
        return []
    found = []
    for one in runs:
        if float(one.point[PART]) != alphas[-1]:
            continue
        assert one.experiment is not None  # `sweep` leaves out what waits
        for kind in kinds:
            config = dial_config(one.experiment, kind, alphas[0])
            name = config.dial_id(place.targets.fingerprint)
            status: Literal["recorded", "missing"] = "recorded" if name in there else "missing"
            found.append(PlannedDial(place.dataset, config, name, status))
    return found
