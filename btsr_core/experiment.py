"""The one door: an `Experiment` goes in, a finished `Run` comes out, trained only if need be."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from tqdm import tqdm

import btsr_core
from btsr_core.config import DataConfig, Experiment
from btsr_core.data.datasets import Interactions, load_interactions
from btsr_core.data.protocol import Split, split_interactions
from btsr_core.errors import InputError, explained, printable
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.evaluation.metrics import as_json
from btsr_core.files import runs_dir, sweep
from btsr_core.machine.allocator import keep_freed_memory
from btsr_core.run_files import REPAIR, DamagedRunError, is_finished
from btsr_core.runs import CHECKPOINT, Run, begin, complete, discard, load_run, ranks_frame
from btsr_core.training.checkpoint import DivergedError
from btsr_core.training.train import fit


@dataclass(frozen=True)
class Prepared:
    """Data ready to train on.

    Attributes
    ----------
    config
        What was read, and how it was cut.
    interactions
        As read.
    split
        As cut.
    """

    config: DataConfig
    interactions: Interactions
    split: Split


def load_data(
    config: DataConfig, *, mirror: str | Path | None = None, progress: bool = True
) -> Interactions:
    """Read the interactions that a configuration names."""
    return load_interactions(
        config.source,
        user_col=config.user_col,
        item_col=config.item_col,
        time_col=config.time_col,
        mirror=mirror,
        progress=progress,
    )


def prepare(
    config: DataConfig, *, mirror: str | Path | None = None, progress: bool = True
) -> Prepared:
    """Read the interactions that a configuration names, and cut them."""
    interactions = load_data(config, mirror=mirror, progress=progress)
    return _cut(interactions, config)


def _cut(interactions: Interactions, config: DataConfig) -> Prepared:
    """Split interactions as a configuration says."""
    split = split_interactions(
        interactions, k_core=config.k_core, cutoff_quantile=config.cutoff_quantile
    )
    return Prepared(config, interactions, split)


@explained()
def run_experiment(
    experiment: Experiment,
    *,
    runs: str | Path | None = None,
    mirror: str | Path | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> Run:
    """Return the experiment's run: loaded if it is finished, resumed if begun, else trained.

    One that is damaged is trained again, which is said.

    A resumed run uses as many threads as when it began, whatever is set now: sums in another order
    would give other last bits.

    Two processes that ask for one run do not train it twice: the second waits for the first.

    Parameters
    ----------
    experiment
        What to train.
    runs
        Folder of runs; see `files.runs_dir`.
    mirror
        Folder searched before any download; see `files.mirror_dir`.
    device
        Where to train; the GPU if there is one.
    progress
        Whether to draw bars on standard error.

    Raises
    ------
    InputError
        If the data, the device or the runs folder cannot be used, or training fails.
    """
    keep_freed_memory()
    interactions = load_data(experiment.data, mirror=mirror, progress=progress)
    root = runs_dir(runs)
    path = root / experiment.run_id(interactions.fingerprint)
    if is_finished(path):
        with suppress(DamagedRunError):  # another process may be mending it already
            return load_run(path)
    where = pick_device(device)
    with alone(path):
        if is_finished(path):
            try:
                return load_run(path)
            except DamagedRunError as error:
                said = f"{error}".removesuffix(REPAIR)
                tqdm.write(printable(f"btsr: {said}; the run is trained again"), file=sys.stderr)
                discard(path)
        return _train(experiment, _cut(interactions, experiment.data), path, where, progress)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a run's lock; another process that trains it is waited for, and that is said.

    What killed writers left in the run's folder is swept away: nobody else writes there now.
    """
    locks = path.parent / ".locks"
    lock = FileLock(locks / f"{path.name}.lock")
    locks.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        told = f"another process trains run {path.name}; waiting for it"
        tqdm.write(printable(told), file=sys.stderr)
        lock.acquire()
    try:
        sweep(path)
        yield
    finally:
        lock.release()


def _train(
    experiment: Experiment, data: Prepared, path: Path, device: torch.device, progress: bool
) -> Run:
    split = data.split
    items = item_table(data.interactions, split)
    begin(path, experiment, data.interactions.fingerprint, versions(device), items)
    try:
        model, done = fit(
            experiment, split, device=device, checkpoint=path / CHECKPOINT, show_progress=progress
        )
    except DivergedError as error:
        raise InputError(f"{error}; `btsr recommend {path}` uses them") from None
    summary: dict[str, Any] = {
        "best_epoch": done.best_epoch,
        "epochs": done.epoch,
        "train_seconds": sum(record["seconds"] for record in done.history),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    tables = []
    for part in ("valid", "test"):
        summary[part] = {}
        for history, held_out in split.held_out.items():
            eval_set = held_out.valid if part == "valid" else held_out.test
            ranking = evaluate_model(
                model,
                eval_set,
                experiment.model.max_len,
                exclude_seen=experiment.evaluation.exclude_seen,
            )
            summary[part][history] = {
                "users": len(eval_set),
                "metrics": as_json(ranking.metrics()),
            }
            targets = split.items[eval_set.targets]
            tables.append(ranks_frame(ranking, eval_set.users, targets, part, history))
    ranks = pd.concat(tables, ignore_index=True)
    return complete(path, model.cpu(), done.history, ranks, summary)


def item_table(interactions: Interactions, split: Split) -> pd.DataFrame:
    """Return the catalogue in the model's order: item_id as text, title, genres ("" if unknown)."""
    known = interactions.items.reindex(split.items)
    blank = pd.Series("", index=known.index)
    columns = {
        name: np.asarray(known.get(name, blank).fillna(""), dtype=object)
        for name in ("title", "genres")
    }
    return pd.DataFrame({"item_id": [str(item) for item in split.items], **columns})


def pick_device(wanted: str | torch.device | None = None) -> torch.device:
    """Return the wanted device, else the first GPU, else the CPU.

    Raises
    ------
    InputError
        If there is no such device here. Apple's `mps` is none: it lacks the float64 of evaluation.
    """
    here = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if wanted is None:
        return torch.device("cuda" if len(here) > 1 else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = None
    if device is None or not any(name.startswith(str(device)) for name in here):
        raise InputError(f"device = {str(wanted)!r}: this machine has {', '.join(here)}")
    return device


def versions(device: torch.device) -> dict[str, Any]:
    """Return what a run's numbers may depend on besides its configuration."""
    return {
        "btsr_core": btsr_core.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
    }


def _commit() -> str | None:
    """Return the checkout's commit, marked `-dirty` where the code was changed; None elsewhere.

    A package that lies in a repository without belonging to it, as one installed in a virtual
    environment there, has none.
    """
    here = Path(btsr_core.__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says in a folder, of the repository that it lies in; None if it fails."""
    others = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}  # as a hook is given
    own = {name: value for name, value in os.environ.items() if name not in others}
    try:
        said = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder, env=own, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None if said.returncode == 0 else None
