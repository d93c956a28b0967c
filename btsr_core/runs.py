"""The run store: one folder a run, named by its configuration's hash.

A folder is a run once `metrics.json` stands in it, which is written last; whatever was interrupted
before has at most a checkpoint to go on from. Nothing in it is a pickle.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from btsr_core.config import Experiment
from btsr_core.data.protocol import HISTORIES, History
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import Ranking
from btsr_core.files import atomic_path, write_json
from btsr_core.model.sasrec import SASRec
from btsr_core.training.train import build_model

CONFIG, VERSIONS, HISTORY, METRICS = "config.json", "versions.json", "history.json", "metrics.json"
WEIGHTS, ITEMS, RANKS = "model.safetensors", "items.parquet", "ranks.parquet"
CHECKPOINT = "checkpoint.safetensors"

Metrics = dict[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    path
        Its folder, whose name is its id.
    experiment
        What was trained.
    summary
        Content of `metrics.json`.
    """

    path: Path
    experiment: Experiment
    summary: dict[str, Any]

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
        table = _read(self.path / RANKS, pd.read_parquet)
        rows = (table["part"] == part) & (table["history"] == history)
        return table.loc[rows, ["user_id", "item_id", "rank"]].reset_index(drop=True)

    @cached_property
    def history(self) -> pd.DataFrame:
        """Losses and validation metrics, a row an epoch."""
        return pd.DataFrame(_read(self.path / HISTORY, _json))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, commit and device that it was trained with, and when it ended."""
        return {**_read(self.path / VERSIONS, _json), "finished": self.summary.get("finished")}

    @cached_property
    def items(self) -> pd.DataFrame:
        """The catalogue: item_id (as text), title and genres; the row number is the model's id."""
        return _read(self.path / ITEMS, pd.read_parquet)

    def model(self, device: torch.device | None = None) -> SASRec:
        """Load the weights of the best epoch."""
        model = build_model(self.experiment, len(self.items), torch.device("cpu"))
        model.load_state_dict(_read(self.path / WEIGHTS, load_file))
        return model.to(device or torch.device("cpu")).eval()


def is_finished(path: Path) -> bool:
    """Whether a folder holds a finished run."""
    return (path / METRICS).is_file()


def load_run(path: Path) -> Run:
    """Open a finished run.

    Raises
    ------
    InputError
        If there is none at `path`, or its description cannot be read.
    """
    if not is_finished(path):
        raise InputError(f"{path} holds no finished run; train it, or `btsr runs` lists the others")
    described, summary = _read(path / CONFIG, _json), _read(path / METRICS, _json)
    try:
        experiment = Experiment.model_validate(described["experiment"])
        for part in ("valid", "test"):
            for history in HISTORIES:
                dict(summary[part][history]["metrics"])
        int(summary["best_epoch"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None
    return Run(path, experiment, summary)


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    """Read one file of a run; whatever is wrong with it is the run's fault, not the program's."""
    try:
        return reader(path)
    except (OSError, ValueError, SafetensorError) as error:  # Arrow's errors are one or the other
        raise _damaged(path, error) from None


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _damaged(path: Path, error: Exception) -> InputError:
    folder = path if path.is_dir() else path.parent
    return InputError(f"{path} cannot be read ({error}); delete {folder} to train the run again")


def find_run(name: str, root: Path) -> Run:
    """Open a run by its path, its id, or the first digits of its id.

    Raises
    ------
    InputError
        If none or several match.
    """
    if is_finished(Path(name)):
        return load_run(Path(name))
    found = [path for path in finished(root) if name and path.name.startswith(name)]
    if len(found) != 1:
        many = "no finished run" if not found else f"{len(found)} finished runs"
        raise InputError(f"{many} in {root} starts with {name!r}; `btsr runs` lists them all")
    return load_run(found[0])


def finished(root: Path) -> list[Path]:
    """Return the folders of all finished runs, by name."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and is_finished(path))


def begin(path: Path, experiment: Experiment, fingerprint: str, versions: dict[str, Any]) -> None:
    """Write what is known before training: the description and the versions."""
    described = {"experiment": experiment.model_dump(), "fingerprint": fingerprint}
    write_json(path / CONFIG, described)
    write_json(path / VERSIONS, versions)


def complete(
    path: Path,
    model: SASRec,
    items: pd.DataFrame,
    history: list[dict[str, float]],
    ranks: pd.DataFrame,
    summary: dict[str, Any],
) -> Run:
    """Write a run's results, the summary last, and drop its checkpoint."""
    with atomic_path(path / WEIGHTS) as temporary:
        save_file(model.state_dict(), temporary)
    write_json(path / HISTORY, history)
    for name, table in ((ITEMS, items), (RANKS, ranks)):
        with atomic_path(path / name) as temporary:
            table.to_parquet(temporary, index=False)
    write_json(path / METRICS, summary)
    (path / CHECKPOINT).unlink(missing_ok=True)
    return load_run(path)


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


def table_of_runs(root: Path) -> pd.DataFrame:
    """Return one row a finished run: id, source, loss, seed, epochs and test metrics."""
    rows = []
    for path in finished(root):
        try:
            run = load_run(path)
        except InputError as error:  # the others are still worth listing
            warnings.warn(str(error), stacklevel=2)
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
    return pd.DataFrame(rows)
