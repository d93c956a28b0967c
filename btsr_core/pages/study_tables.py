"""How the study was run, as tables: what was searched, chosen, recorded and spent."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from btsr_core.config import Experiment
from btsr_core.files import records_dir
from btsr_core.names import system_name
from btsr_core.pages.results import Systems
from btsr_core.pages.words import NOTHING, short_commit, unsigned
from btsr_core.study.plan import Search, counts, planned_runs, search_of
from btsr_core.study.records import TARGETS
from btsr_core.study.run import Standing, standing
from btsr_core.study.search import Choice

STATES = ("recorded", "missing", "waiting")
"""Of planned runs: `waiting` are those whose search has not ended."""
VALID = "validation ndcg@10"
HOUR = 3600
COUNT_COLUMNS = ["dataset", "part", "planned", *STATES]
TRIAL_COLUMNS = ["system", "trial", VALID, "is chosen", "settings"]


def standings(place: Standing, results: str | Path = "") -> list[Standing]:
    """Return what is recorded of every dataset of a study that has a folder in its results.

    Parameters
    ----------
    place
        Of the dataset that a chapter is about, wherever its records are.
    results
        Folder of the study's records, by default `book/results`; the data are not needed.
    """
    study = place.study
    folder = records_dir(results)
    return [
        place if name == place.dataset else standing(study, name, folder / name)
        for name in study.datasets
        if name == place.dataset or (folder / name / TARGETS).is_file()
    ]


def trial_table(place: Standing) -> pd.DataFrame:
    """Return the trials of each search: a row each, with its score where it is recorded.

    Returns
    -------
    DataFrame
        Columns `TRIAL_COLUMNS`: the name of the system, the number of the trial (0 are the
        defaults), the score (NaN while it is missing), whether it is what the other parts train
        (nobody is before the search has ended), and what the search varies, in words.
    """
    rows = []
    for model, own in _searches(place).items():
        chosen = own.best
        for number, trial in enumerate(own.trials):
            assert trial.experiment is not None  # likewise
            score = place.scores.get(trial.run_id or "", float("nan"))
            rows.append(
                (
                    system_name(trial.experiment.loss),
                    number,
                    score,
                    number == chosen,
                    _in_words(trial.experiment, place.study.space(model)),
                )
            )
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS)


def space_table(place: Standing) -> pd.DataFrame:
    """Return what the searches on a dataset may choose: for all models, then what one has more."""
    study = place.study
    rows = {"every model": _choices(study.search.space)}
    for model, own in _searches(place).items():
        first = own.trials[0].experiment
        assert first is not None  # only what a search decides waits
        more = _choices(study.models[model].search)
        rows[system_name(first.loss)] = f"also {more}" if more else "no more"
    return pd.DataFrame({"may choose": rows})


def chosen_table(place: Standing) -> pd.DataFrame:
    """Return what each search chose, and how its trials did on the validation users."""
    rows = {}
    for name, trials in trial_table(place).groupby("system", sort=False):
        scores, best = trials[VALID], trials[trials["is chosen"]]
        rows[str(name)] = {
            "trials": f"{scores.notna().sum()} of {len(trials)}",
            "chosen": "not decided" if best.empty else str(best["settings"].iloc[0]),
            "trial": NOTHING if best.empty else str(best["trial"].iloc[0]),
            f"{VALID} of the defaults": unsigned(scores.iloc[0]),
            "of the chosen": unsigned(best[VALID].max()),
            "of the worst": unsigned(scores.min()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def count_table(places: Sequence[Standing]) -> pd.DataFrame:
    """Return how many planned runs of each dataset and part are recorded, and how many are not.

    Datasets of the study that nothing is recorded of are in it too. A run that two parts share is
    counted in both.
    """
    study = places[0].study
    known = {place.dataset: place.planned for place in places}
    planned = {
        name: known.get(name) or planned_runs(study, name, "", {}) for name in study.datasets
    }
    found = counts(one for own in planned.values() for one in own)
    rows = [
        {"dataset": name, "part": part, "planned": sum(own.values()), **own}
        for (name, part), own in found.items()
    ]
    return pd.DataFrame(rows, columns=COUNT_COLUMNS).set_index(["dataset", "part"])


def epoch_seconds(found: Systems) -> dict[str, float]:
    """Return what an epoch of each system took: the median over runs of their median epochs."""
    return {name: median(record.epoch_seconds for record in own) for name, own in found.items()}


def cost_table(found: Systems) -> pd.DataFrame:
    """Return what an epoch of each system took, and how many it had; ratios to the first system.

    Times are those of the recorded runs, on machines that may have done other things too: of a run
    its median epoch counts, of a system its median run.
    """
    seconds = {name: [r.epoch_seconds for r in own] for name, own in found.items()}
    usual = epoch_seconds(found)
    first = next(iter(usual.values()), 1.0)
    return pd.DataFrame.from_dict(
        {
            name: {
                "runs": str(len(own)),
                "seconds an epoch": f"{usual[name]:.1f}",
                "by run": f"{min(seconds[name]):.1f} to {max(seconds[name]):.1f}",
                f"times {next(iter(usual))}": f"{usual[name] / first:.2f}",
                "epochs": _range([r.epochs for r in own]),
                "epoch kept": _range([r.best_epoch for r in own]),
                "hours": f"{sum(r.train_seconds for r in own) / HOUR:.1f}",
            }
            for name, own in found.items()
        },
        orient="index",
    )


def provenance_table(places: Sequence[Standing]) -> pd.DataFrame:
    """Return on what the runs of the plan were trained, a column a dataset."""
    columns = {}
    for place in places:
        ids = {one.run_id for one in place.planned}
        own = [record for name, record in place.records.items() if name in ids]
        said = [record.provenance for record in own]
        columns[place.dataset] = {
            "runs": f"{len(own):,}",
            "hours of training": f"{sum(record.train_seconds for record in own) / HOUR:.1f}",
            "finished": _days(said),
            "commits": _distinct(short_commit(one.get("commit")) for one in said),
            "versions": _distinct(
                ", ".join(f"{k} {one[k]}" for k in ("python", "torch", "numpy") if k in one)
                for one in said
            ),
            "machine": _distinct(str(one.get("platform", "unknown")) for one in said),
            "device": _distinct(
                f"{one.get('device', 'unknown')}, threads {one.get('threads', 'unknown')}"
                for one in said
            ),
        }
    return pd.DataFrame(columns)


def _searches(place: Standing) -> dict[str, Search]:
    """Return the search of each model that is planned on a dataset, in order."""
    study, dataset, fingerprint = place.study, place.dataset, place.targets.fingerprint
    models = dict.fromkeys(model for entry in study.of(dataset) for model in entry.models)
    return {model: search_of(study, dataset, model, fingerprint, place.scores) for model in models}


def _in_words(described: Experiment, space: Iterable[str]) -> str:
    return ", ".join(f"{name} {_setting(described, name)}" for name in space)


def _setting(described: Experiment, name: str) -> Any:
    """Return a setting by the name that `config.experiment` has for it."""
    loss = described.loss
    sections = [getattr(described, section) for section in type(described).model_fields]
    for part in (*sections, loss.objective, loss.regulariser):
        if name in type(part).model_fields:
            value = getattr(part, name)
            return f"{value:g}" if isinstance(value, float) else value
    raise KeyError(name)


def _choices(space: Mapping[str, Choice]) -> str:
    return "; ".join(f"{name} {_choice(choice)}" for name, choice in space.items())


def _choice(choice: Choice) -> str:
    if choice.choices:
        return f"one of {', '.join(map(str, choice.choices))}"
    how = f" by {choice.step:g}" if choice.step else ", log scale" if choice.log else ""
    return f"{choice.low:g} to {choice.high:g}{how}"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _days(said: Iterable[Mapping[str, Any]]) -> str:
    days = sorted(str(one["finished"])[:10] for one in said if "finished" in one)
    return NOTHING if not days else " to ".join(dict.fromkeys([days[0], days[-1]]))


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, texts))) or NOTHING
