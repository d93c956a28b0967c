"""`btsr study`: train and record what a study lacks, or say what that is."""

import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from statistics import median
from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from btsr_core.data.datasets import DATASETS
from btsr_core.errors import InputError, printable
from btsr_core.experiment import pick_device
from btsr_core.files import records_dir, study_file
from btsr_core.machine.allocator import keep_freed_memory
from btsr_core.machine.processes import usable_cores
from btsr_core.printing import say
from btsr_core.study.plan import Planned, counts, describe
from btsr_core.study.run import Standing, data_config, run_study, standing
from btsr_core.study.spec import Study, read_study

HOUR, MINUTE = 3600, 60


def study_command(
    study: Annotated[Path | None, typer.Option(help="Study file; default book/study.toml.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Dataset of the study; repeat for several.")
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Part of the plan, with the searches that it needs.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Model of the study; repeat for several.")
    ] = None,
    status: Annotated[bool, typer.Option(help="Say what is recorded, and train nothing.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(help="Runs at a time; default one a core, or one on a GPU.", min=1),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of records; default book/results.")
    ] = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Folder searched before any download.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Folder of runs; default $BTSR_RUNS or runs/.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ..; default: a GPU if any.")
    ] = None,
) -> None:
    """Train and record every run of the study that is not recorded yet.

    It may be killed at any moment: the same command goes on where it stopped, and does nothing
    once all is there. Datasets that cannot be had are named and passed over. Files that cannot be
    read are named too, and those that are planned are made again; the exit status then is 2.
    """
    keep_freed_memory()
    here = pick_device(device)
    described = read_study(study_file(study))
    _check_names(described, only, part, model)
    places, faults = _standings(described, only, records_dir(results), mirror)

    def wanted(one: Planned) -> bool:
        fits = part is None or one.part in part or _is_searched_for(described, one, part)
        return fits and (model is None or one.model in model)

    _print_counts(places, wanted)
    if status:
        refuse_faults(faults)
        return
    workers = processes or (1 if here.type == "cuda" else usable_cores())
    with tqdm(unit="run", disable=not sys.stderr.isatty()) as bar:

        def tell(line: str) -> None:
            left = seconds_left(places, wanted)
            bar.update()
            tqdm.write(printable(f"{line}; {_in_words(left, workers)}"), file=sys.stderr)

        failures = run_study(
            places,
            runs=runs,
            mirror=mirror,
            device=here,
            processes=workers,
            wanted=wanted,
            say=tell,
        )
    if failures:
        raise InputError(f"{len(failures)} runs failed:\n  " + "\n  ".join(failures))
    refuse_faults(faults)


def name_faults(faults: Iterable[str]) -> int:
    """Say of each file that cannot be used what is wrong, a line each; return how many."""
    lines = list(faults)
    for line in lines:
        say(f"btsr: {line}", err=True)
    return len(lines)


def refuse_faults(n: int) -> None:
    """End with an error where files could not be used, once the rest is done.

    Raises
    ------
    InputError
        If there are any.
    """
    if n:
        raise InputError(f"{n} of the files and folders could not be used, as is said above")


def _check_names(
    study: Study, only: list[str] | None, part: list[str] | None, model: list[str] | None
) -> None:
    """Refuse names that the study does not have."""
    parts = sorted({entry.part for entry in study.plan})
    for option, given, known in (
        ("only", only, list(study.datasets)),
        ("part", part, parts),
        ("model", model, list(study.models)),
    ):
        for name in given or ():
            if name not in known:
                raise InputError(f"--{option} {name}: must be one of {', '.join(known)}")


def _standings(
    study: Study, only: list[str] | None, results: Path, mirror: Path | None
) -> tuple[list[Standing], int]:
    """Return where the planned datasets stand, and how much could not be used; it is only named.

    A named dataset of which nothing is recorded, and that cannot be had, does not count unless it
    was asked for.
    """
    planned = dict.fromkeys(entry.dataset for entry in study.plan)
    found, faults = [], 0
    for dataset in dict.fromkeys(only or planned):
        folder = results / dataset
        try:
            found.append(standing(study, dataset, folder, mirror=mirror))
        except InputError as error:
            say(f"btsr: {dataset} is passed over: {error}", err=True)
            is_named = data_config(study, dataset).source in DATASETS
            faults += bool(only) or not is_named or folder.exists()
        else:
            faults += name_faults(found[-1].faults.values())
    return found, faults


def _is_searched_for(study: Study, one: Planned, parts: list[str]) -> bool:
    """Whether a run is a trial for a model of the wanted parts."""
    needed = {
        model for entry in study.of(one.dataset) if entry.part in parts for model in entry.models
    }
    return one.part == "search" and one.model in needed


def _print_counts(places: list[Standing], wanted: Callable[[Planned], bool]) -> None:
    """Print how much of each part is recorded, missing, or waits for a search."""
    planned = [one for place in places for one in place.planned if wanted(one)]
    rows = [
        {"dataset": dataset, "part": part, **standing}
        for (dataset, part), standing in counts(planned).items()
    ]
    if rows:
        say(pd.DataFrame(rows).to_string(index=False))


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


def _in_words(seconds: float | None, processes: int) -> str:
    """Say how long the rest will take."""
    if seconds is None:
        return "no telling yet how long the rest takes"
    left = seconds / processes
    if not left:
        return "nothing is left"
    if left < 2 * HOUR:
        return f"about {max(1, round(left / MINUTE))} min left"
    return f"about {left / HOUR:.1f} h left"
