"""`btsr dial`: train and record the dials of a dataset, or say what is there."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from btsr_core.dial.choice import PLANE, READING, TARGET, chosen_kind, rivals
from btsr_core.dial.run import DialStanding, dial_standing, run_dials
from btsr_core.dial.settings import KINDS
from btsr_core.errors import InputError, printable
from btsr_core.experiment import pick_device
from btsr_core.files import records_dir, study_file
from btsr_core.machine.allocator import keep_freed_memory
from btsr_core.machine.processes import usable_cores
from btsr_core.printing import say
from btsr_core.study.cli import name_faults, refuse_faults
from btsr_core.study.run import standing
from btsr_core.study.spec import read_study


def dial_command(
    dataset: Annotated[str, typer.Argument(help="Dataset of the study, with a sweep over alpha.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="How it is made; repeat for several.", metavar="|".join(KINDS)),
    ] = None,
    status: Annotated[bool, typer.Option(help="Say what is recorded, and train nothing.")] = False,
    study: Annotated[Path | None, typer.Option(help="Study file; default book/study.toml.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(help="Dials at a time; default one a core, or one on a GPU.", min=1),
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
    """Train and record every dial of a dataset that is not recorded yet.

    A dial is one artefact that serves every alpha of the study's sweep. There is one of each kind
    and seed. The command may be killed at any moment: the same one goes on where it stopped. At the
    end the dial that drives the slider stands beside the records, if one is good enough. Files that
    cannot be read are named, and those that are planned are made again; the exit status then is 2.
    """
    keep_freed_memory()
    here = pick_device(device)
    for name in kind or ():
        if name not in KINDS:
            raise InputError(f"--kind {name}: must be one of {', '.join(KINDS)}")
    folder = records_dir(results) / dataset
    described = read_study(study_file(study))
    place = standing(described, dataset, folder, mirror=mirror)
    dials = dial_standing(place, tuple(kind or KINDS))
    faults = name_faults([*place.faults.values(), *dials.faults.values()])
    if not dials.planned:
        raise InputError(
            f"the study has no sweep over alpha on {dataset} whose search has ended; "
            f"`btsr study --only {dataset}` trains it"
        )
    _print(dials)
    if status:
        refuse_faults(faults)
        return
    missing = sum(one.status == "missing" for one in dials.planned)
    with tqdm(unit="dial", total=missing, disable=not sys.stderr.isatty()) as bar:

        def tell(line: str) -> None:
            bar.update()
            tqdm.write(printable(line), file=sys.stderr)

        failures = run_dials(
            [dials],
            runs=runs,
            mirror=mirror,
            device=here,
            processes=processes or (1 if here.type == "cuda" else usable_cores()),
            say=tell,
        )
    _print(dials)
    if failures:
        raise InputError(f"{len(failures)} dials failed:\n  " + "\n  ".join(failures))
    refuse_faults(faults)


def _print(dials: DialStanding) -> None:
    """Print how many dials there are of each kind, and how they do beside trained models."""
    found = rivals(dials.place, dials.records)
    for kind in dials.kinds:
        planned = [one for one in dials.planned if one.config.kind == kind]
        recorded = sum(one.status == "recorded" for one in planned)
        line = f"{kind}: {recorded} of {len(planned)} recorded"
        if kind in found:
            share = found[kind].ratios(*PLANE, READING).mean()
            line += f", {100 * share:.1f} % of the area of trained models"
        say(line)
    if found:
        chosen = chosen_kind(found) or f"none: below {100 * TARGET:g} %"
        say(f"the slider is driven by: {chosen}")
