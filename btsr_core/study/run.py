"""Run a study: what is missing is trained, measured and recorded; what is recorded stays.

Every run is safe on disk as soon as it ends, and a run that was begun goes on from its checkpoint:
the command may be killed at any moment and be started again.
"""

import os
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch

from btsr_core.config import DataConfig, Experiment, experiment
from btsr_core.data.datasets import DATASETS
from btsr_core.errors import InputError, explained
from btsr_core.experiment import Prepared, load_data, prepare, run_experiment
from btsr_core.machine.processes import worker_pool
from btsr_core.study.examples import EXAMPLES, examples_of, write_examples
from btsr_core.study.measure import cut_of, measure_run, measure_targets
from btsr_core.study.plan import Planned, describe, planned_runs
from btsr_core.study.records import (
    TARGETS,
    TARGETS_OPTIONS,
    Record,
    Targets,
    read_record,
    read_records,
    read_targets,
    write_record,
    write_targets,
)
from btsr_core.study.rows import seal, seal_all
from btsr_core.study.spec import Study
from btsr_core.training.train import SELECTION_METRIC

Say = Callable[[str], None]
WORKER_ENDED = (  # where one was killed
    "a training process ended unexpectedly, perhaps for want of memory; the same command goes on "
    "from the last checkpoint, with --processes 1 it needs least"
)


@dataclass
class Standing:
    """What is recorded of one dataset of a study.

    Attributes
    ----------
    study, dataset
        Of which study.
    folder
        Its records.
    targets
        Who is tested on what.
    records
        By run, those of other studies included.
    faults
        What is wrong with files that cannot be read, a line each, by the run that their name says.
    """

    study: Study
    dataset: str
    folder: Path
    targets: Targets
    records: dict[str, Record] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, float]:
        """Validation ndcg@10 of every record, by run."""
        return {name: selection_score(record) for name, record in self.records.items()}

    @property
    def planned(self) -> list[Planned]:
        """The runs of the plan, and where each stands."""
        return planned_runs(self.study, self.dataset, self.targets.fingerprint, self.scores)


def selection_score(record: Record) -> float:
    """Return the validation ndcg@10 of the epoch kept: what a search goes by."""
    return float(record.curves[f"valid_{SELECTION_METRIC}"].max())


def standing(
    study: Study, dataset: str, folder: Path, *, mirror: str | Path | None = None
) -> Standing:
    """Return what is recorded of a dataset in a folder; nothing is written.

    Raises
    ------
    InputError
        If it is not in the study, can be had from nowhere, or is not what the folder is of.
    """
    if dataset not in study.datasets:
        raise InputError(
            f"the study has no dataset {dataset!r}; it has {', '.join(study.datasets)}"
        )
    config = data_config(study, dataset)
    faults: dict[str, str] = {}
    try:
        targets = read_targets(folder)
    except InputError as error:
        targets, faults = None, {Path(TARGETS).stem: str(error)}
    if is_new := targets is None:
        try:
            targets = measure_targets(prepare(config, mirror=mirror))
        except InputError as error:
            raise InputError("; ".join([*faults.values(), str(error)])) from None
    records, others = read_records(folder, targets)
    if is_new and others and not records:
        raise _other(folder, "holds records without their targets")
    place = Standing(study, dataset, folder, targets, records, faults | others)
    _check_place(place, config, mirror)
    return place


def _check_place(place: Standing, config: DataConfig, mirror: str | Path | None) -> None:
    """Refuse a folder whose records are not of the data that the study names, as far as is known.

    The content of a named dataset is that of its checksums; it is looked at before training.
    """
    sizes, now = place.targets.sizes, cut_of(config)
    if config.source not in DATASETS:
        if os.path.isfile(os.path.expanduser(config.source)):
            check_data(place, mirror)
    elif sizes.get("dataset", config.source) != config.source:
        raise _other(place.folder, f"is of {sizes['dataset']}, not of {config.source}")
    recorded = [cut_of(record.experiment.data) for record in place.records.values()]
    for cut in ({name: sizes.get(name, value) for name, value in now.items()}, *recorded):
        if cut != now:
            raise _other(place.folder, f"is of data cut with {cut}, not with {now}")


def _other(folder: Path, what: str) -> InputError:
    """Return the error for a folder that is of other data, with the way out."""
    return InputError(
        f"{folder} {what}; choose another folder with --results, or delete {folder} to record it "
        "anew"
    )


def check_data(place: Standing, mirror: str | Path | None = None) -> None:
    """Refuse data that are other than a folder's records are of: an InputError names both."""
    config = data_config(place.study, place.dataset)
    found = load_data(config, mirror=mirror).fingerprint
    if found != place.targets.fingerprint:
        before = f"{place.folder / TARGETS} ({place.targets.fingerprint[:12]})"
        now = f"{config.source} ({found[:12]})"
        raise _other(place.folder, f"is of other data: {before} is not {now}")


def data_config(study: Study, dataset: str) -> DataConfig:
    """Return how a dataset of a study is read and cut: the same for all its models."""
    shared = {"source": dataset, **study.datasets[dataset].settings}
    own = {name: value for name, value in shared.items() if name in DataConfig.model_fields}
    return experiment(**own).data


def run_study(
    standings: Iterable[Standing],
    *,
    runs: str | Path | None = None,
    mirror: str | Path | None = None,
    device: torch.device,
    processes: int,
    wanted: Callable[[Planned], bool] = lambda _: True,
    say: Say = lambda _: None,
) -> list[str]:
    """Train, measure and record what is missing, in the order of the plan.

    Parameters
    ----------
    standings
        The datasets; what is recorded meanwhile is added to them.
    runs, mirror
        As for `run_experiment`.
    device
        Where to train.
    processes
        How many runs at a time; on a CPU each has one thread.
    wanted
        Which of the planned runs to train.
    say
        What to do with a line about each run that ends.

    Returns
    -------
    list
        What went wrong, a line a run; other runs do not wait for it.
    """
    places, failures = [], {}
    for place in standings:
        try:
            with explained():
                _begin(place, wanted, mirror)
        except InputError as error:
            failures[place.dataset] = f"{place.dataset}: {error}"
            say(failures[place.dataset])
        else:
            places.append(place)
    flying: dict[Future[Path], tuple[Standing, Planned]] = {}
    with worker_pool(processes) as pool:
        try:
            while True:
                busy = {one.run_id for _, one in flying.values()}
                ready = _ready(places, wanted, busy | failures.keys())
                for place, one in ready[: processes - len(flying)]:
                    job = pool.submit(
                        _train_and_record, one.experiment, one.run_id, place.folder, runs, mirror,
                        str(device),
                    )  # fmt: skip
                    flying[job] = place, one
                if not flying:
                    return list(failures.values())
                for job in wait(flying, return_when=FIRST_COMPLETED).done:
                    place, one = flying.pop(job)
                    failure = _landed(job, place)
                    if failure:
                        failures[one.run_id or ""] = f"{describe(one)}: {failure}"
                    say(failures.get(one.run_id or "") or _report(place, one))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(place: Standing, wanted: Callable[[Planned], bool], mirror: str | Path | None) -> None:
    """Make a folder ready for records: of these data alone, with targets, and with sums."""
    if any(one.status != "recorded" and wanted(one) for one in place.planned):
        check_data(place, mirror)
    if place.faults.pop(Path(TARGETS).stem, None) or not (place.folder / TARGETS).exists():
        write_targets(place.targets, place.folder)
    if not (place.folder / EXAMPLES).exists():
        data = prepare(data_config(place.study, place.dataset), mirror=mirror)
        write_examples(examples_of(data, to_record=True), place.folder)
    seal(place.folder / TARGETS, **TARGETS_OPTIONS)
    seal_all(place.folder, place.records)


def _ready(
    places: Collection[Standing], wanted: Callable[[Planned], bool], besides: Collection[str | None]
) -> list[tuple[Standing, Planned]]:
    """Return the runs that can be trained now, each once, in the order of the plan."""
    found: dict[str | None, tuple[Standing, Planned]] = {}
    for place in places:
        for one in place.planned:
            if one.status == "missing" and one.run_id not in besides and wanted(one):
                found.setdefault(one.run_id, (place, one))
    return list(found.values())


def _landed(job: "Future[Path]", place: Standing) -> str | None:
    """Take over what a worker recorded; return what went wrong, if anything did."""
    try:
        with explained():
            record = read_record(job.result(), place.targets)
    except BrokenProcessPool:
        raise InputError(WORKER_ENDED) from None
    except InputError as error:
        return str(error)
    place.records[record.run_id] = record
    place.faults.pop(record.run_id, None)
    return None


def _report(place: Standing, one: Planned) -> str:
    record = place.records[one.run_id or ""]
    return (
        f"{describe(one)}: epoch {record.best_epoch} of {record.epochs}, validation ndcg@10 "
        f"{selection_score(record):.4f}, {record.train_seconds:.0f} s"
    )


def _train_and_record(
    described: Experiment | None,
    run_id: str | None,
    folder: Path,
    runs: str | Path | None,
    mirror: str | Path | None,
    device: str,
) -> Path:
    """Train one experiment in a worker process, unless the run store has it, and record it."""
    assert described is not None  # what waits is not ready
    if device == "cpu":
        torch.set_num_threads(1)
    data = prepared(described.data, mirror)
    if described.run_id(data.interactions.fingerprint) == run_id:
        run = run_experiment(described, runs=runs, mirror=mirror, device=device, progress=False)
        if run.id == run_id:
            return write_record(measure_run(run, data), folder)
    raise InputError(f"{described.data.source} has changed since the command began")


@cache
def prepared(config: DataConfig, mirror: str | Path | None) -> Prepared:
    """Prepare a dataset once in each worker process."""
    return prepare(config, mirror=mirror, progress=False)
