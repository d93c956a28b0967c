"""Train, measure and record the dials of a study that are missing; what is recorded stays."""

import shutil
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch

from btsr_core.dial.artefact import SUFFIX, load_dial, save_dial
from btsr_core.dial.choice import chosen_dial
from btsr_core.dial.measure import measure_dial
from btsr_core.dial.plan import PlannedDial, planned_dials
from btsr_core.dial.records import (
    DialRecord,
    dials_folder,
    read_dial_record,
    read_dials,
    write_dial_record,
)
from btsr_core.dial.settings import KINDS, DialConfig
from btsr_core.dial.training import train_dial
from btsr_core.errors import InputError, explained
from btsr_core.experiment import alone, pick_device, versions
from btsr_core.files import runs_dir
from btsr_core.machine.processes import worker_pool
from btsr_core.sealed import is_sealed
from btsr_core.study.records import Targets
from btsr_core.study.rows import seal_all
from btsr_core.study.run import WORKER_ENDED, Say, Standing, check_data, prepared

STORE = "dials"
"""Folder in the run store for checkpoints and weights of dials."""

Place = str | Path | None


@dataclass
class DialStanding:
    """What is recorded of the dials of one dataset.

    Attributes
    ----------
    place
        The dataset, and what is recorded of the study's runs there.
    kinds
        Which kinds are wanted.
    records
        By dial.
    faults
        What is wrong with files that cannot be read, a line each, by the dial that their name says.
    """

    place: Standing
    kinds: Collection[str] = tuple(KINDS)
    records: dict[str, DialRecord] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Of the dials' records."""
        return dials_folder(self.place.folder)

    @property
    def planned(self) -> list[PlannedDial]:
        """The dials that are wanted, and where each stands."""
        return planned_dials(self.place, self.records, self.kinds)


def dial_standing(place: Standing, kinds: Collection[str] = tuple(KINDS)) -> DialStanding:
    """Return what is recorded of a dataset's dials."""
    found = DialStanding(place, kinds, *read_dials(dials_folder(place.folder), place.targets))
    chosen = chosen_dial(place, found.records)
    if chosen and chosen.artefact:
        try:
            load_dial(chosen.artefact)
        except InputError as error:
            found.faults[chosen.artefact.name] = str(error)
    return found


def run_dials(
    standings: Iterable[DialStanding],
    *,
    runs: Place = None,
    mirror: Place = None,
    device: torch.device,
    processes: int,
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
        How many dials at a time; on a CPU each has one thread.
    say
        What to do with a line about each dial that ends.

    Returns
    -------
    list
        What went wrong, a line a dial; other dials do not wait for it.
    """
    places, failures = [], []
    for place in standings:
        try:
            with explained():
                if any(one.status == "missing" for one in place.planned):
                    check_data(place.place, mirror)
                seal_all(place.folder, place.records)
        except InputError as error:
            failures.append(f"{place.place.dataset}: {error}")
        else:
            places.append(place)
    left = [(place, one) for place in places for one in place.planned if one.status == "missing"]
    flying: dict[Future[Path], tuple[DialStanding, PlannedDial]] = {}
    with worker_pool(processes) as pool:
        try:
            while left or flying:
                while left and len(flying) < processes:
                    place, one = left.pop(0)
                    job = pool.submit(
                        train_and_record, one.config, place.place.targets, place.folder, runs,
                        mirror, str(device),
                    )  # fmt: skip
                    flying[job] = place, one
                for job in wait(flying, return_when=FIRST_COMPLETED).done:
                    place, one = flying.pop(job)
                    line = _landed(job, place, one, failures)
                    say(line)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for place in places:
        keep_artefact(place, runs)
    return failures


def _landed(job: "Future[Path]", place: DialStanding, one: PlannedDial, failures: list[str]) -> str:
    """Take over what a worker recorded; return a line about it."""
    try:
        with explained():
            record = read_dial_record(job.result(), place.place.targets)
    except BrokenProcessPool:
        raise InputError(WORKER_ENDED) from None
    except InputError as error:
        failures.append(f"{one}: {error}")
        return failures[-1]
    place.records[record.dial_id] = record
    place.faults.pop(record.dial_id, None)
    return f"{one}: {record.epochs} epochs, {record.stages['seconds'].sum():.0f} s"


def train_and_record(
    config: DialConfig, targets: Targets, folder: Path, runs: Place, mirror: Place, device: str
) -> Path:
    """Train one dial, measure it, keep its weights in the run store, and record it.

    Parameters
    ----------
    config
        What to train.
    targets
        Of the data that it is to be trained on.
    folder
        For the record.
    runs, mirror, device
        As for `run_experiment`.

    Returns
    -------
    Path
        Of the record.
    """
    if device == "cpu":
        torch.set_num_threads(1)
    where, data = pick_device(device), prepared(config.experiment.data, mirror)
    store = runs_dir(runs) / STORE
    if data.interactions.fingerprint != targets.fingerprint:
        raise InputError(f"{data.config.source} has changed since the command began")
    own = store / config.dial_id(targets.fingerprint)
    with alone(own):
        record = folder / f"{own.name}.parquet"
        with suppress(InputError):  # else another process has trained it meanwhile
            read_dial_record(record, targets)
            return record
        trained = train_dial(
            config, data, folder=own, device=where, runs=runs, mirror=mirror, progress=False
        )
        save_dial(trained.dial, store)
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        provenance = {**versions(where), "finished": finished}
        write_dial_record(measure_dial(trained, data, provenance), folder)
        shutil.rmtree(own, ignore_errors=True)
        return record


def keep_artefact(place: DialStanding, runs: Place = None) -> Path | None:
    """Put the dial that drives the slider beside the records, and take others away.

    Parameters
    ----------
    place
        The dataset.
    runs
        The store with the weights of trained dials.

    Returns
    -------
    Path
        Of the artefact; None where none drives the slider, or its weights are not in the store.
    """
    chosen = chosen_dial(place.place, place.records)
    name = f"{chosen.records[0].dial_id}{SUFFIX}" if chosen else ""
    for other in place.folder.glob(f"*{SUFFIX}"):
        if other.name != name:
            other.unlink()
    source = runs_dir(runs) / STORE / name
    if chosen is None:
        return None
    is_whole = chosen.artefact is not None and name not in place.faults
    if not is_whole and source.is_file():
        return save_dial(load_dial(source), place.folder)
    if is_whole and chosen.artefact and not is_sealed(chosen.artefact):
        return save_dial(load_dial(chosen.artefact), place.folder)
    return chosen.artefact
