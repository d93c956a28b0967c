"""What chapters show: the recorded runs of a dataset, trained first where nobody planned them."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from btsr_core.book.settings import further_settings, has_parameter
from btsr_core.errors import InputError, printable
from btsr_core.experiment import load_data, pick_device
from btsr_core.files import records_dir, runs_dir, study_file
from btsr_core.machine.processes import usable_cores
from btsr_core.names import system_name
from btsr_core.study.measure import READINGS
from btsr_core.study.plan import Planned, describe
from btsr_core.study.records import ALL_ITEMS, Record, read_records, read_targets
from btsr_core.study.run import Standing, data_config, run_study, standing
from btsr_core.study.search import Value
from btsr_core.study.spec import MOST_LETTERS, SEARCH, Study, read_study

OWN_RECORDS = "records"
"""Folder in the run store for records that chapters have made themselves."""

Systems = Mapping[str, Sequence[Record]]
"""Records of each system, one a seed, by the system's name."""


def open_results(parameters: Any, parts: Iterable[str]) -> Standing:
    """Return the records that a chapter is about.

    What the study plans is only loaded: `btsr study` trains it. Parts that the study does not plan
    for a dataset, and all parts of a reader's own, are trained here as the study's `other` plan
    says, and kept in the run store.

    Parameters
    ----------
    parameters
        Of the chapter: `dataset`, `user_col`, `item_col`, `time_col`, `settings`, `n_seeds`,
        `max_epochs`, `study`, `results`, `mirror` and `runs`.
    parts
        Of the study, which the chapter shows.

    Raises
    ------
    InputError
        If the dataset or a setting is unknown, or nothing is recorded of what is planned.
    """
    p = parameters
    study = _study(p)
    results = results_folder(p)
    planned = {entry.part for entry in study.of(p.dataset)}
    wanted = list(parts)
    if planned.issuperset(wanted):
        return open_recorded(p.dataset, p)
    return _trained(p, study, results, wanted)


def open_recorded(dataset: str, parameters: Any) -> Standing:
    """Return what is recorded of a dataset of the study, perhaps not all that is planned.

    Parameters
    ----------
    dataset
        Of the study.
    parameters
        Of the chapter: `study`, `results` and `mirror`.

    Raises
    ------
    InputError
        If the study has no such dataset, nothing is recorded of it, or a record cannot be read.
    """
    folder = results_folder(parameters) / dataset
    found = standing(_study(parameters), dataset, folder, mirror=parameters.mirror)
    if found.faults:
        raise InputError(next(iter(found.faults.values())))
    if not found.records:
        raise InputError(
            f"nothing is recorded in {found.folder}; `btsr study --only {dataset}` trains it"
        )
    return found


def planned_parts(parameters: Any, parts: Iterable[str]) -> list[str]:
    """Return those of some parts that the study plans for a dataset; all, where it plans none.

    What it plans none of is trained by `open_results`.

    Parameters
    ----------
    parameters
        Of the chapter: `dataset` and `study`.
    parts
        Of the study, in the order wanted.
    """
    planned = {entry.part for entry in _study(parameters).of(parameters.dataset)}
    wanted = list(parts)
    return [part for part in wanted if part in planned] or wanted


def results_folder(parameters: Any) -> Path:
    """Return the folder of the study's records that a chapter's `results` names."""
    return records_dir(parameters.results)


def _study(p: Any) -> Study:
    return read_study(study_file(p.study))


def _trained(p: Any, study: Study, results: Path, wanted: Sequence[str]) -> Standing:
    """Train what is missing of the wanted parts, and return what there is."""
    study = _with_seeds(study.including(p.dataset, _settings(p, study)), p.dataset, p.n_seeds)
    config = data_config(study, p.dataset)
    content = load_data(config, mirror=p.mirror).fingerprint
    own_name = Path(p.dataset).name
    # As many bytes as leave room for more in a name; an own name may be one that hides files.
    name = os.fsencode(own_name.split(".")[0] or own_name)[:MOST_LETTERS].decode(errors="ignore")
    # A file may change, and be cut in several ways: each has a folder of its own.
    cut = hashlib.sha256(f"{content}{config.model_dump_json()}".encode()).hexdigest()[:8]
    folder = runs_dir(p.runs) / OWN_RECORDS / f"{name}-{cut}"
    place = standing(study, p.dataset, folder, mirror=p.mirror)
    known = read_targets(results / name)
    if known is not None and known.fingerprint == content:
        place.records |= read_records(results / name, known)[0]
    models = {model for one in study.of(p.dataset) if one.part in wanted for model in one.models}

    def is_wanted(one: Planned) -> bool:
        return one.part in wanted or (one.part == SEARCH and one.model in models)

    def n_left() -> int:
        missing = (one for one in place.planned if is_wanted(one) and one.status != "recorded")
        return len({one.run_id or describe(one) for one in missing})

    device = pick_device()
    with tqdm(total=n_left(), unit="run", disable=not n_left()) as bar:

        def say(line: str) -> None:
            bar.update()
            bar.total = bar.n + n_left()  # once a search has ended, its best trial is a run already
            bar.set_postfix_str(printable(line))

        failures = run_study(
            [place],
            runs=p.runs,
            mirror=p.mirror,
            device=device,
            processes=1 if device.type == "cuda" else usable_cores(),
            wanted=is_wanted,
            say=say,
        )
    if failures:
        raise InputError(f"{len(failures)} runs failed:\n  " + "\n  ".join(failures))
    return place


def _settings(p: Any, study: Study) -> dict[str, Value]:
    """Return how the chapter's parameters say that its dataset is read, cut and trained on."""
    given: dict[str, Value] = dict(further_settings(p.settings))
    if "max_epochs" in given:
        raise has_parameter(p.settings, "max_epochs", "max_epochs")
    if p.max_epochs:
        given["max_epochs"] = p.max_epochs
    if p.dataset not in study.datasets:
        columns = {name: getattr(p, name) for name in ("user_col", "item_col", "time_col")}
        given = {**columns, **given}
    return given


def _with_seeds(study: Study, dataset: str, n_seeds: int) -> Study:
    """Return the study with another number of seeds on a dataset; 0 leaves it as it is."""
    if not n_seeds:
        return study
    plan = [
        entry.model_copy(update={"seeds": n_seeds}) if entry.dataset == dataset else entry
        for entry in study.plan
    ]
    return study.model_copy(update={"plan": tuple(plan)})


def reading_of(name: str) -> str:
    """Return `name` if it is a reading of the test pool.

    Raises
    ------
    InputError
        If it is none.
    """
    if name not in READINGS:
        raise InputError(f"history = {name!r}: must be one of {', '.join(READINGS)}")
    return name


def runs_of(place: Standing, part: str) -> list[tuple[Planned, Record]]:
    """Return the recorded runs of a part, in the order of the plan."""
    return [
        (one, place.records[one.run_id])
        for one in place.planned
        if one.part == part and one.run_id in place.records
    ]


def systems(place: Standing, part: str = "table") -> dict[str, list[Record]]:
    """Return the records of a part by the system's name, in the order of the plan and of seeds."""
    found: dict[str, list[Record]] = {}
    for _, record in runs_of(place, part):
        found.setdefault(system_name(record.experiment.loss), []).append(record)
    return found


def along(place: Standing, part: str, axis: str, **fixed: Value) -> dict[Value, list[Record]]:
    """Return the records of a part by the value of a setting that it varies, ascending.

    Parameters
    ----------
    axis
        The setting, such as `alpha`.
    **fixed
        Other settings that the part varies, and the value wanted of each.
    """
    found: dict[Value, list[Record]] = {}
    for one, record in runs_of(place, part):
        if all(one.point.get(name) == value for name, value in fixed.items()):
            found.setdefault(one.point[axis], []).append(record)
    if all(isinstance(value, int | float) for value in found):
        return dict(sorted(found.items(), key=lambda pair: float(pair[0])))
    return found


def common_seeds(a: Sequence[Record], b: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Return the pairs of two systems' records that share a seed, by seed."""
    first, second = ({one.experiment.train.seed: one for one in some} for some in (a, b))
    return [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]


def values_of(
    records: Sequence[Record], metric: str, reading: str, bucket: int = ALL_ITEMS
) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return (S,) values of a metric, one a record."""
    return np.array([record.value(metric, reading, bucket) for record in records])


def metric_points(
    place: Standing, found: Systems, metrics: Sequence[str], reading: str, *, baselines: bool = True
) -> pd.DataFrame:
    """Return test metrics, a row a baseline and a row a run, with the columns `system` and `seed`.

    Parameters
    ----------
    found
        As `systems` gives them.
    metrics
        Which, such as `ndcg@10`.
    reading
        Of the test pool.
    baselines
        Whether to begin with the rankings that nothing is trained for; their seed is -1.
    """
    rows: list[dict[str, Any]] = []
    if baselines:
        table = place.targets.baselines
        chosen = table[(table["reading"] == reading) & (table["bucket"] == ALL_ITEMS)]
        for name, own in chosen.groupby("system", sort=False):
            known = dict(zip(own["metric"], own["value"], strict=True))
            rows.append({"system": name, "seed": -1, **{m: known.get(m) for m in metrics}})
    rows += [
        {
            "system": name,
            "seed": record.experiment.train.seed,
            **{metric: record.value(metric, reading) for metric in metrics},
        }
        for name, records in found.items()
        for record in records
    ]
    return pd.DataFrame(rows)
