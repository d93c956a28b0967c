"""The run store: one folder a run, named by its configuration's hash.

A folder is a run once `SHA256SUMS` stands in it, which is written last and holds the sums of its
other files; whatever was interrupted before has at most a checkpoint to go on from. Runs of before
there were sums, which `metrics.json` completed, get theirs when they are read. Nothing in a run is
a pickle.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load, save_file

from btsr_core.config import Experiment
from btsr_core.data.protocol import History
from btsr_core.errors import InputError, explained
from btsr_core.evaluation.evaluate import Ranking
from btsr_core.files import atomic_path, remove, user_path, write_json, write_text
from btsr_core.model.sasrec import SASRec
from btsr_core.run_files import (
    CONFIG,
    FILES,
    HISTORY,
    ITEMS,
    METRICS,
    NOT_AS_WRITTEN,
    RANKS,
    SUMS,
    VERSIONS,
    WEIGHTS,
    check_diverged,
    check_finished,
    content_of,
    damaged,
    frame_of,
    is_finished,
    parsed,
    sum_line,
)
from btsr_core.training.checkpoint import DIVERGED
from btsr_core.training.train import build_model

CHECKPOINT = "checkpoint.safetensors"

Metrics = dict[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A finished run, or the best epoch of a training that diverged.

    Attributes
    ----------
    path
        Its folder, whose name is its id.
    experiment
        What was trained.
    summary
        Content of `metrics.json`; of a training that diverged, `best_epoch` and `epochs`.
    sums
        Content of `SHA256SUMS`; empty for a training that diverged.
    """

    path: Path
    experiment: Experiment
    summary: dict[str, Any]
    sums: bytes = b""

    @property
    def id(self) -> str:
        """The configuration's hash."""
        return self.path.name

    def metrics(self, part: str, history: History) -> Metrics:
        """Return the metrics of one evaluation.

        Parameters
        ----------
        part
            `valid` or `test`.
        history
            Which of the pool's interactions count as history.
        """
        recorded = self.summary[part][history]["metrics"]
        return {name: np.nan if value is None else value for name, value in recorded.items()}

    def ranks(self, part: str, history: History) -> pd.DataFrame:
        """Return user_id, item_id (the target) and its rank, a row a user."""
        table = self._read(RANKS, frame_of)
        rows = (table["part"] == part) & (table["history"] == history)
        return table.loc[rows, ["user_id", "item_id", "rank"]].reset_index(drop=True)

    @cached_property
    def history(self) -> pd.DataFrame:
        """Losses and validation metrics, a row an epoch."""
        return pd.DataFrame(self._read(HISTORY, json.loads))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, commit and device that it was trained with, and when it ended."""
        return {**self._read(VERSIONS, json.loads), "finished": self.summary.get("finished")}

    @cached_property
    def items(self) -> pd.DataFrame:
        """The catalogue: item_id (as text), title and genres; the row number is the model's id."""
        return self._read(ITEMS, frame_of)

    @property
    def has_diverged(self) -> bool:
        """Whether it is no finished run, but the best epoch before the loss was not a number."""
        return not self.sums

    def model(self, device: torch.device | None = None) -> SASRec:
        """Load the weights of the best epoch."""
        model = build_model(self.experiment, len(self.items), torch.device("cpu"))
        model.load_state_dict(self._read(DIVERGED if self.has_diverged else WEIGHTS, load))
        return model.to(device or torch.device("cpu")).eval()

    def _read(self, name: str, reader: Callable[[bytes], T]) -> T:
        """Read one file, which must still be what it was when the run was opened."""
        content = content_of(self.path / name)
        if self.sums and sum_line(name, content) not in self.sums:
            raise damaged(self.path / name, NOT_AS_WRITTEN)
        return parsed(self.path / name, content, reader)


def load_run(path: Path) -> Run:
    """Open a finished run, all of whose files are checked; one without sums gets them.

    Raises
    ------
    DamagedRunError
        If a file is missing, or is not what was written or can be.
    InputError
        If there is no run at `path`.
    """
    if not is_finished(path):
        raise InputError(f"{path} holds no finished run; train it, or `btsr runs` lists the others")
    checked = check_finished(path)
    if not os.path.lexists(path / SUMS):
        with suppress(OSError):  # who may only read it, reads it as well
            write_text(path / SUMS, checked.sums.decode())
    return Run(path, *checked)


def is_sound(path: Path) -> bool:
    """Whether a folder holds a finished run that can be used."""
    try:
        load_run(path)
    except InputError:
        return False
    return True


def discard(path: Path) -> None:
    """Take a damaged run away, but for a checkpoint: at no moment does it look like a whole one."""
    for name in (METRICS, SUMS, *FILES):
        remove(path / name)


def find_run(name: str, root: Path) -> Run:
    """Open a run by its path, its id, or the first digits of its id; see `Run.has_diverged`.

    Raises
    ------
    InputError
        If none or several match, or what matches is damaged.
    """
    given = user_path(name).resolve()
    found = [given] if name and _is_kept(given) else []
    found = found or [path for path in _folders(root) if name and path.name.startswith(name)]
    if len(found) != 1:
        many = "no finished run" if not found else f"{len(found)} finished runs"
        raise InputError(f"{many} in {root} starts with {name!r}; `btsr runs` lists them all")
    return load_run(found[0]) if is_finished(found[0]) else Run(found[0], *check_diverged(found[0]))


def _is_kept(path: Path) -> bool:
    """Whether a folder holds a finished run, or the best epoch of a training that diverged."""
    return is_finished(path) or os.path.isfile(path / DIVERGED)


def _folders(root: Path) -> list[Path]:
    """Return the folders whose runs can be opened, by name."""
    return sorted(path for path in root.iterdir() if _is_kept(path)) if root.is_dir() else []


def finished(root: Path) -> list[Path]:
    """Return the folders of all finished runs, by name."""
    return [path for path in _folders(root) if is_finished(path)]


def begin(
    path: Path,
    experiment: Experiment,
    fingerprint: str,
    versions: dict[str, Any],
    items: pd.DataFrame,
) -> None:
    """Write what is known before training: the description, the versions and the catalogue."""
    described = {"experiment": experiment.model_dump(), "fingerprint": fingerprint}
    write_json(path / CONFIG, described)
    write_json(path / VERSIONS, versions)
    _write_frame(items, path / ITEMS)


def complete(
    path: Path,
    model: SASRec,
    history: list[dict[str, float]],
    ranks: pd.DataFrame,
    summary: dict[str, Any],
) -> Run:
    """Write a run's results, the summary and then the sums last, and drop its checkpoint."""
    with atomic_path(path / WEIGHTS) as temporary:
        save_file(model.state_dict(), temporary)
    write_json(path / HISTORY, history)
    _write_frame(ranks, path / RANKS)
    write_json(path / METRICS, summary)
    run = load_run(path)  # which writes the sums
    for name in (CHECKPOINT, DIVERGED):
        remove(path / name)
    return run


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def ranks_frame(
    ranking: Ranking, users: np.ndarray, targets: np.ndarray, part: str, history: History
) -> pd.DataFrame:
    """Return one evaluation's ranks as rows of the run's `ranks.parquet`."""
    return pd.DataFrame(
        {
            "part": part,
            "history": history,
            "user_id": [str(user) for user in users],
            "item_id": [str(item) for item in targets],
            "rank": ranking.ranks,
        }
    )


def table_of_runs(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a finished run: id, source, loss, seed, epochs and test metrics.

    Returns
    -------
    tuple
        The table, and a line for each run that cannot be used.
    """
    rows, unusable = [], []
    for path in finished(root):
        try:
            with explained():
                run = load_run(path)
        except InputError as error:  # the others are still worth listing
            unusable.append(str(error))
            continue
        loss = run.experiment.loss
        test = run.metrics("test", "after-cutoff")
        rows.append(
            {
                "run": run.id,
                "source": run.experiment.data.source,
                "objective": loss.objective.name,
                "regulariser": loss.regulariser_name,
                "alpha": loss.alpha if loss.is_regularised else 0.0,
                "lam": getattr(loss.regulariser, "lam", np.nan) if loss.is_regularised else np.nan,
                "view": getattr(loss.regulariser, "view", "") if loss.is_regularised else "",
                "seed": run.experiment.train.seed,
                "best_epoch": run.summary["best_epoch"],
                **{name: test[name] for name in ("hr@10", "ndcg@10", "cov@10")},
            }
        )
    return pd.DataFrame(rows), unusable
