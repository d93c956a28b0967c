"""From a study to its runs: what is to be trained, what is recorded, what waits for a search."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, product
from types import MappingProxyType
from typing import Literal

from btsr_core.config import Experiment, experiment
from btsr_core.study.search import trials
from btsr_core.study.spec import SEARCH, Entry, Study, Value

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


def planned_runs(
    study: Study, dataset: str, fingerprint: str, scores: Mapping[str, float]
) -> list[Planned]:
    """Return the runs of a dataset in the order of the plan; one may stand in several parts.

    Parameters
    ----------
    fingerprint
        Of the dataset's interactions: part of every run's id.
    scores
        Validation ndcg@10 of the recorded runs, by id. The best trial of a model is the one that
        scores highest, the earlier of equals; what it chose is what the other parts train.
    """
    found: list[Planned] = []
    searched: dict[str, Mapping[str, Value] | None] = {}
    for entry in study.of(dataset):
        begun = [
            list(_search(study, dataset, model, fingerprint, scores))
            for model in entry.models
            if model not in searched
        ]
        # A trial of every model, then the next: what there is can be compared early.
        found += chain.from_iterable(zip(*begun, strict=True))
        searched |= {own[0].model: _chosen(own, study, scores) for own in begun}
        found += _varied(study, entry, searched, fingerprint, scores)
    return found


def chosen_settings(
    study: Study, dataset: str, model: str, fingerprint: str, scores: Mapping[str, float]
) -> Mapping[str, Value] | None:
    """Return what the search chose for a model, the seed left out; None while it has not ended."""
    own = list(_search(study, dataset, model, fingerprint, scores))
    return _chosen(own, study, scores)


def _search(
    study: Study, dataset: str, model: str, fingerprint: str, scores: Mapping[str, float]
) -> Iterator[Planned]:
    seed = study.search.seed
    for number, settings in enumerate(proposed_settings(study, dataset, model)):
        trial = experiment(**settings, seed=seed)
        run_id = trial.run_id(fingerprint)
        status: Status = "recorded" if run_id in scores else "missing"
        point = MappingProxyType({"trial": number})
        yield Planned(dataset, SEARCH, model, seed, point, trial, run_id, status)


def proposed_settings(study: Study, dataset: str, model: str) -> list[dict[str, Value]]:
    """Return the settings of each trial of a model's search on a dataset, its defaults first."""
    return trials(
        study.space(model),
        study.defaults(dataset, model),
        study.datasets[dataset].trials,
        study.search.seed,
    )


def _chosen(
    own: list[Planned], study: Study, scores: Mapping[str, float]
) -> Mapping[str, Value] | None:
    if any(trial.status != "recorded" for trial in own):
        return None
    best = max(range(len(own)), key=lambda place: (scores[own[place].run_id or ""], -place))
    first = own[0]
    return proposed_settings(study, first.dataset, first.model)[best]


def _varied(
    study: Study,
    entry: Entry,
    searched: Mapping[str, Mapping[str, Value] | None],
    fingerprint: str,
    scores: Mapping[str, float],
) -> Iterator[Planned]:
    """Yield an entry's runs: a seed of everything, then the next, so that pairs come early."""
    first = study.search.seed  # so that the best trial is a run already
    points = [
        MappingProxyType(dict(zip(entry.grid, values, strict=True)))
        for values in product(*entry.grid.values())
    ]
    for seed in range(first, first + entry.seeds):
        for model, point in product(entry.models, points):
            settings = searched[model]
            if settings is None:
                yield Planned(entry.dataset, entry.part, model, seed, point, None, None, "waiting")
                continue
            described = experiment(**{**settings, **point, "seed": seed})
            run_id = described.run_id(fingerprint)
            status: Status = "recorded" if run_id in scores else "missing"
            yield Planned(entry.dataset, entry.part, model, seed, point, described, run_id, status)
