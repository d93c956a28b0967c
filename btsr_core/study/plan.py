"""From a study to its runs: what is to be trained, what is recorded, what waits for a search."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from types import MappingProxyType
from typing import Literal

from btsr_core.config import Experiment, experiment
from btsr_core.study.search import Value, trials
from btsr_core.study.spec import SEARCH, Entry, Study

Status = Literal["recorded", "missing", "waiting"]


@dataclass(frozen=True)
class Planned:
    """One run of a study.

    Attributes
    ----------
    dataset, part, model
        Where it stands in the plan; the part of a search's trial is `search`.
    seed
        Of its training.
    point
        Values of what the part varies; of a trial, its number from 0.
    experiment, run_id
        None while it waits for the search of its model to end.
    status
        `recorded`, `missing` (it can be trained now) or `waiting`.
    """

    dataset: str
    part: str
    model: str
    seed: int
    point: Mapping[str, Value]
    experiment: Experiment | None
    run_id: str | None
    status: Status


@dataclass(frozen=True)
class Search:
    """The trials of a model on a dataset, and what each has of the settings.

    Attributes
    ----------
    trials
        In order; the first has the defaults.
    settings
        Of each trial, without the seed.
    scores
        Of the recorded trials, by run.
    """

    trials: Sequence[Planned]
    settings: Sequence[Mapping[str, Value]]
    scores: Mapping[str, float]

    @property
    def best(self) -> int | None:
        """The trial that scores highest, the earlier of equals; None while any is missing."""
        if any(trial.status != "recorded" for trial in self.trials):
            return None
        found = [self.scores[trial.run_id or ""] for trial in self.trials]
        return found.index(max(found))

    @property
    def chosen(self) -> Mapping[str, Value] | None:
        """The settings of the best trial; None while there is none."""
        return None if self.best is None else self.settings[self.best]


def planned_runs(
    study: Study, dataset: str, fingerprint: str, scores: Mapping[str, float]
) -> list[Planned]:
    """Return the runs of a dataset in the order of the plan; one may stand in several parts.

    Parameters
    ----------
    fingerprint
        Of the dataset's interactions: part of every run's id.
    scores
        Validation ndcg@10 of the recorded runs, by id. What the best trial of a model chose is
        what the other parts train.
    """
    found: list[Planned] = []
    searched: dict[str, Search] = {}
    for entry in study.of(dataset):
        begun = {
            model: search_of(study, dataset, model, fingerprint, scores)
            for model in entry.models
            if model not in searched
        }
        # A trial of every model, then the next: what there is can be compared early.
        found += chain.from_iterable(zip(*(own.trials for own in begun.values()), strict=True))
        searched |= begun
        found += _varied(study, entry, searched, fingerprint, scores)
    return found


def search_of(
    study: Study, dataset: str, model: str, fingerprint: str, scores: Mapping[str, float]
) -> Search:
    """Return the search of a model on a dataset; the parameters are those of `planned_runs`."""
    seed = study.search.seed
    settings = trials(
        study.space(model), study.defaults(dataset, model), study.datasets[dataset].trials, seed
    )
    planned = []
    for number, own in enumerate(settings):
        described = experiment(**own, seed=seed)
        run_id = described.run_id(fingerprint)
        status: Status = "recorded" if run_id in scores else "missing"
        point = MappingProxyType({"trial": number})
        planned.append(Planned(dataset, SEARCH, model, seed, point, described, run_id, status))
    return Search(planned, settings, scores)


def _varied(
    study: Study,
    entry: Entry,
    searched: Mapping[str, Search],
    fingerprint: str,
    scores: Mapping[str, float],
) -> Iterator[Planned]:
    """Yield an entry's runs: a seed of everything, then the next, so that pairs come early."""
    first = study.search.seed  # so that the best trial is a run already
    points = [MappingProxyType(point) for point in entry.points]
    chosen = {model: searched[model].chosen for model in entry.models}
    for seed in range(first, first + entry.seeds):
        for model, point in product(entry.models, points):
            settings = chosen[model]
            if settings is None:
                yield Planned(entry.dataset, entry.part, model, seed, point, None, None, "waiting")
                continue
            described = experiment(**{**settings, **point, "seed": seed})
            run_id = described.run_id(fingerprint)
            status: Status = "recorded" if run_id in scores else "missing"
            yield Planned(entry.dataset, entry.part, model, seed, point, described, run_id, status)


def describe(one: Planned) -> str:
    """Return a planned run in a few words."""
    values = ", ".join(f"{name} {value}" for name, value in one.point.items())
    point = f" ({values})" if values else ""
    return f"{one.dataset} {one.part}: {one.model}{point}, seed {one.seed}"


def counts(planned: Iterable[Planned]) -> Mapping[tuple[str, str], dict[str, int]]:
    """Count the planned runs of each part of each dataset by where they stand."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for one in planned:
        own = found.setdefault((one.dataset, one.part), {"recorded": 0, "missing": 0, "waiting": 0})
        own[one.status] += 1
    return found
