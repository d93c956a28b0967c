"""Run a study: what is missing is trained, measured and recorded; what is recorded stays.

Every run is safe on disk as soon as it ends, and a run that was begun goes on from its checkpoint:
the command may be killed at any moment and be started again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

import torch

from btsr_core.config import DataConfig, Experiment, experiment
from btsr_core.errors import InputError
from btsr_core.experiment import Prepared, prepare, run_experiment
from btsr_core.machine.processes import worker_pool
from btsr_core.study.examples import examples_of, write_examples
from btsr_core.study.measure import measure_run, measure_targets
from btsr_core.study.plan import Planned, planned_runs
from btsr_core.study.records import (
    Record,
    Targets,
    read_record,
    read_records,
    read_targets,
    write_record,
    write_targets,
)
from btsr_core.study.spec import Study
from btsr_core.training.train import SELECTION_METRIC

Say = Callable[[str], None]
WORKER_ENDED = (
    "a training process ended unexpectedly, perhaps for want of memory; the same command goes on "
    "from the last checkpoint, with --processes 1 it needs least"
)
"""What is said where a worker was killed."""


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
    """

    study: Study
    dataset: str
    folder: Path
    targets: Targets
    records: dict[str, Record] = field(default_factory=dict)

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
    """Return what is recorded of a dataset in a folder; its targets are made if there are none.

    Raises
    ------
    InputError
        If the dataset is not in the study, can be had from nowhere, or a record cannot be read.
    """
    if dataset not in study.datasets:
        raise InputError(
            f"the study has no dataset {dataset!r}; it has {', '.join(study.datasets)}"
        )
    targets = read_targets(folder)
    if targets is None:
        data = prepare(data_config(study, dataset), mirror=mirror)
        targets = measure_targets(data)
        write_examples(examples_of(data, to_record=True), folder)
        write_targets(targets, folder)
    return Standing(study, dataset, folder, targets, read_records(folder))


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
    places = list(standings)
    failures: dict[str, str] = {}
    flying: dict[Future[Path], tuple[Standing, Planned]] = {}
    with worker_pool(processes) as pool:
        try:
            while True:
                busy = {one.run_id for _, one in flying.values()}
                ready = _ready(places, wanted, busy | failures.keys())
                for place, one in ready[: processes - len(flying)]:
                    job = pool.submit(
                        _train_and_record, one.experiment, place.folder, runs, mirror, str(device)
                    )
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
        record = read_record(job.result())
    except BrokenProcessPool:
        raise InputError(WORKER_ENDED) from None
    except InputError as error:
        return str(error)
    place.records[record.run_id] = record
    return None


def describe(one: Planned) -> str:
    """Return a planned run in a few words."""
    values = ", ".join(f"{name} {value}" for name, value in one.point.items())
    point = f" ({values})" if values else ""
    return f"{one.dataset} {one.part}: {one.model}{point}, seed {one.seed}"


def _report(place: Standing, one: Planned) -> str:
    record = place.records[one.run_id or ""]
    return (
        f"{describe(one)}: epoch {record.best_epoch} of {record.epochs}, validation ndcg@10 "
        f"{selection_score(record):.4f}, {record.train_seconds:.0f} s"
    )


def seconds_left(places: Collection[Standing], wanted: Callable[[Planned], bool]) -> float | None:
    """Return for how many seconds of one process there is work left.

    A run is taken to last as long as the recorded ones of its model on its dataset, else of any
    model there, by their medians of epochs and of seconds an epoch: a busy hour says little. None
    while a dataset with missing runs has no record.
    """
    total = 0.0
    for place in places:
        planned = [one for one in place.planned if wanted(one)]
        known: dict[str, list[float]] = {}
        for one in planned:
            if one.run_id in place.records:
                record = place.records[one.run_id]
                known.setdefault(one.model, []).append(record.epochs * record.epoch_seconds)
        left = {
            one.run_id or describe(one): one.model for one in planned if one.status != "recorded"
        }
        every = [seconds for some in known.values() for seconds in some]
        if left and not every:
            return None
        for model in left.values():
            own = known.get(model, every)
            total += median(own)
    return total


def _train_and_record(
    described: Experiment | None,
    folder: Path,
    runs: str | Path | None,
    mirror: str | Path | None,
    device: str,
) -> Path:
    """Train one experiment in a worker process, unless the run store has it, and record it."""
    assert described is not None  # what waits is not ready
    if device == "cpu":
        torch.set_num_threads(1)
    run = run_experiment(described, runs=runs, mirror=mirror, device=device, progress=False)
    return write_record(measure_run(run, prepared(described.data, mirror)), folder)


@cache
def prepared(config: DataConfig, mirror: str | Path | None) -> Prepared:
    """Prepare a dataset once in each worker process."""
    return prepare(config, mirror=mirror, progress=False)


def counts(planned: Iterable[Planned]) -> Mapping[tuple[str, str], dict[str, int]]:
    """Count the planned runs of each part of each dataset by where they stand."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for one in planned:
        own = found.setdefault((one.dataset, one.part), {"recorded": 0, "missing": 0, "waiting": 0})
        own[one.status] += 1
    return found
