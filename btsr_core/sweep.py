"""Many runs at once: what is missing is trained in parallel, what is there is loaded."""

from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from itertools import chain
from pathlib import Path

import torch
from tqdm import tqdm

from btsr_core.config import Experiment
from btsr_core.errors import InputError
from btsr_core.experiment import Prepared, load_data, pick_device, run_experiment
from btsr_core.files import runs_dir
from btsr_core.machine.processes import usable_cores, worker_pool
from btsr_core.names import system_name
from btsr_core.runs import Run, is_sound, load_run
from btsr_core.settings import REGULARISERS, NoRegulariser


def with_seeds(experiment: Experiment, n_seeds: int) -> list[Experiment]:
    """Return the experiment under `n_seeds` seeds, counting up from its own.

    Raises
    ------
    InputError
        If there is to be no seed.
    """
    if n_seeds < 1:
        raise InputError(f"n_seeds = {n_seeds}: at least one run of each model is needed")
    described = experiment.model_dump()
    first = experiment.train.seed
    return [
        Experiment.model_validate(described | {"train": described["train"] | {"seed": seed}})
        for seed in range(first, first + n_seeds)
    ]


def run_all(
    experiments: Sequence[Experiment],
    *,
    data: Prepared | None = None,
    runs: str | Path | None = None,
    mirror: str | Path | None = None,
    device: str | None = None,
    processes: int | None = None,
    progress: bool = True,
) -> list[Run]:
    """Return a run for each experiment, in order, training those that are missing.

    On a CPU they train in processes of one thread each, because a small model gains little from
    more; on a GPU one after the other. Each run is safe on disk as soon as it ends.

    Parameters
    ----------
    experiments
        What to train.
    data
        What has been prepared already: who has it to hand spares another reading. It is for the
        experiments with its configuration; the data of others are read.
    runs, mirror, device, progress
        As for `run_experiment`.
    processes
        How many train at a time on a CPU; default one a core.
    """
    root = runs_dir(runs)
    # Passed in, not cached: a file may change between two calls in one notebook.
    fingerprints = {} if data is None else {data.config: data.interactions.fingerprint}
    for config in dict.fromkeys(experiment.data for experiment in experiments):
        if config not in fingerprints:
            found = load_data(config, mirror=mirror, progress=progress)
            fingerprints[config] = found.fingerprint
    paths = [root / described.run_id(fingerprints[described.data]) for described in experiments]
    missing = {
        path: experiment
        for path, experiment in zip(paths, experiments, strict=True)
        if not is_sound(path)
    }
    here = pick_device(device)
    if here.type == "cpu" and missing:
        workers = min(processes or usable_cores(), len(missing))
        with worker_pool(workers) as pool:
            jobs = [
                pool.submit(_train_alone, experiment, root, mirror)
                for experiment in missing.values()
            ]
            done = tqdm(as_completed(jobs), total=len(jobs), unit="run", disable=not progress)
            try:
                for job in done:
                    job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    else:
        for experiment in missing.values():
            run_experiment(experiment, runs=root, mirror=mirror, device=here, progress=progress)
    return [load_run(path) for path in paths]  # by path: the data were read once already


def with_and_without(base: Experiment) -> dict[str, Experiment]:
    """Return an experiment without its regulariser and as it is, in this order, by their names.

    Raises
    ------
    InputError
        If there is nothing to leave out, so that a model would be compared with itself.
    """
    loss = base.loss
    if not loss.is_regularised:
        given = "regulariser = 'none'" if loss.regulariser.name == "none" else "alpha = 0"
        others = ", ".join(name for name in REGULARISERS if name != "none")
        raise InputError(
            f"{given}: a model with a regulariser is compared with the same model without it, and "
            f"these two would be one. Choose a regulariser ({others}) and an alpha above 0; "
            "`btsr train` trains the plain model alone."
        )
    plain = loss.model_copy(update={"regulariser": NoRegulariser()})
    pair = (base.model_copy(update={"loss": plain}), base)
    return {system_name(one.loss): one for one in pair}


def run_systems(
    systems: Mapping[str, Experiment],
    n_seeds: int,
    *,
    data: Prepared | None = None,
    runs: str | Path | None = None,
    mirror: str | Path | None = None,
    progress: bool = True,
) -> dict[str, list[Run]]:
    """Return the runs of some systems.

    Parameters
    ----------
    systems
        By name, such as `with_and_without` gives them.
    n_seeds
        Runs of each.
    data, runs, mirror, progress
        As for `run_all`.

    Returns
    -------
    dict
        A run a seed for each name, the same seeds in the same order.
    """
    seeded = [with_seeds(system, n_seeds) for system in systems.values()]
    # A seed of every system, then the next: what has come so far can be compared.
    wanted = list(chain.from_iterable(zip(*seeded, strict=True)))
    found = run_all(wanted, data=data, runs=runs, mirror=mirror, progress=progress)
    return {name: found[place :: len(systems)] for place, name in enumerate(systems)}


def _train_alone(experiment: Experiment, root: Path, mirror: str | Path | None) -> None:
    """Train one experiment in a worker process."""
    torch.set_num_threads(1)
    run_experiment(experiment, runs=root, mirror=mirror, device="cpu", progress=False)
