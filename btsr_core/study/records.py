"""Recorded runs: what the book shows of a run, in one small Parquet file, written once.

`results/DATASET/RUN.parquet` holds one row; `results/DATASET/targets.parquet` who was tested on
what, a row a target. Weights are not recorded: what is to be known of them was measured before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from btsr_core.config import Experiment
from btsr_core.sealed import read_parquet, write_parquet
from btsr_core.study.rows import (
    MOST_SECONDS,
    check_curves,
    check_metrics,
    check_range,
    named,
    read_all,
    read_row,
    write_row,
)
from btsr_core.training.train import SELECTION_METRIC

TARGETS = "targets.parquet"
TARGETS_OPTIONS = {"compression": "zstd"}
BEYOND = 101
"""Stands for every rank from here on: no metric looks so far down, and few values pack tightly."""
ALL_ITEMS = 0
"""Bucket number of a metric over all targets; 1 is the most popular bucket."""

Array = npt.NDArray[Any]

_METRIC = pa.struct(
    [
        ("reading", pa.dictionary(pa.int8(), pa.string())),
        ("bucket", pa.int8()),
        ("metric", pa.dictionary(pa.int16(), pa.string())),
        ("value", pa.float32()),
    ]
)
_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("experiment", pa.string()),
        ("provenance", pa.string()),
        ("best_epoch", pa.int32()),
        ("epochs", pa.int32()),
        ("train_seconds", pa.float32()),
        ("metrics", pa.list_(_METRIC)),
        ("curves", pa.map_(pa.string(), pa.list_(pa.float32()))),
        ("ranks", pa.map_(pa.string(), pa.list_(pa.uint8()))),
        ("arrays", pa.map_(pa.string(), pa.list_(pa.float32()))),
        ("lists", pa.list_(pa.list_(pa.int32()))),
    ]
)


@dataclass(frozen=True, eq=False)
class Record:
    """What is kept of a run.

    Attributes
    ----------
    run_id
        The hash of its configuration and data.
    experiment
        What was trained.
    provenance
        Versions, commit, machine, day: see `experiment.versions`.
    best_epoch, epochs
        The epoch kept, and how many there were.
    train_seconds
        Of wall-clock time, on a machine that may have done other things too.
    metrics
        A row a number: `reading`, `bucket` (`ALL_ITEMS` or from 1), `metric` and `value`.
    curves
        A row an epoch: losses, validation metrics and seconds.
    ranks
        By reading, (U,) ranks of the targets in the order of `targets.parquet`; `BEYOND` and
        worse are one.
    arrays
        Whatever else is drawn: singular values, histograms, reliability, by name.
    lists
        (n, k) best items of the first test users of the full reading.
    """

    run_id: str
    experiment: Experiment
    provenance: Mapping[str, Any]
    best_epoch: int
    epochs: int
    train_seconds: float
    metrics: pd.DataFrame
    curves: pd.DataFrame
    ranks: Mapping[str, Array]
    arrays: Mapping[str, Array]
    lists: Array

    @cached_property
    def _values(self) -> dict[tuple[str, int, str], float]:
        keys = zip(self.metrics["reading"], self.metrics["bucket"], self.metrics["metric"],
                   strict=True)  # fmt: skip
        return dict(zip(keys, self.metrics["value"].astype(float), strict=True))

    @property
    def epoch_seconds(self) -> float:
        """What an epoch took, validation included: the median, which a busy hour hardly moves."""
        return float(self.curves["seconds"].median())

    def value(self, metric: str, reading: str, bucket: int = ALL_ITEMS) -> float:
        """Return one recorded number, such as `ndcg@10`; NaN if it was not measured."""
        return self._values.get((reading, bucket, metric), float("nan"))


def write_record(record: Record, folder: Path) -> Path:
    """Write a record into a dataset's folder, atomically; return its path."""
    row = {
        "run_id": record.run_id,
        "experiment": record.experiment.model_dump_json(),
        "provenance": json.dumps(dict(record.provenance)),
        "best_epoch": record.best_epoch,
        "epochs": record.epochs,
        "train_seconds": record.train_seconds,
        "metrics": record.metrics.to_dict("records"),
        "curves": [(str(name), record.curves[name].tolist()) for name in record.curves],
        "ranks": [(k, np.minimum(v, BEYOND).tolist()) for k, v in record.ranks.items()],
        "arrays": [(name, np.asarray(v).tolist()) for name, v in record.arrays.items()],
        "lists": record.lists.tolist(),
    }
    return write_row(row, _SCHEMA, folder / f"{record.run_id}.parquet")


def read_record(path: Path, targets: "Targets") -> Record:
    """Read one record, named by its run, of the dataset that has these targets.

    Raises
    ------
    InputError
        If it cannot be read, is not what its name says, or holds what cannot be.
    """
    with named(path, "btsr study"):
        row = read_row(path, _SCHEMA)
        metrics = pd.DataFrame(row["metrics"], columns=["reading", "bucket", "metric", "value"])
        record = Record(
            row["run_id"],
            Experiment.model_validate_json(row["experiment"]),
            json.loads(row["provenance"]),
            int(row["best_epoch"]),
            int(row["epochs"]),
            float(row["train_seconds"]),
            metrics,
            pd.DataFrame(row["curves"]),
            row["ranks"],
            row["arrays"],
            np.array(row["lists"], dtype=np.int64),
        )
        _check_record(record, path.stem, targets)
    return record


def _check_record(record: Record, name: str, targets: "Targets") -> None:
    """Refuse a record that is not of this name and dataset, or holds what cannot be."""
    described = record.experiment.run_id(targets.fingerprint)
    if not name == record.run_id == described:
        raise ValueError(f"it is of run {record.run_id}, and describes {described} of these data")
    if not isinstance(record.provenance, dict):
        raise ValueError("its provenance is no mapping")
    check_curves(record.curves, record.epochs)
    check_range("best_epoch", record.best_epoch, 1, record.epochs)
    check_range("train_seconds", record.train_seconds, 0, MOST_SECONDS)
    selected, _ = record.curves[f"valid_{SELECTION_METRIC}"], record.curves["seconds"]
    if selected[record.best_epoch - 1] != selected.max():
        raise ValueError(f"epoch {record.best_epoch} is not the best of its curves")
    table = record.metrics
    keys = list(zip(table["reading"], table["bucket"], table["metric"], strict=True))
    check_metrics(keys, table["value"].to_numpy(float))
    for reading, n in targets.counts.items():
        found = len(record.ranks.get(reading, ()))
        if found != n or (reading, ALL_ITEMS, SELECTION_METRIC) not in keys:
            raise ValueError(f"{found} ranks of {n} targets of {reading}, or no metric of them")
    for reading, ranks in record.ranks.items():
        check_range(f"a rank of {reading}", ranks, 1, BEYOND)
    for drawn, values in record.arrays.items():
        if np.isinf(values).any():
            raise ValueError(f"{drawn} is not finite")
    check_range("an item of the lists", record.lists, -1, targets.sizes["n_items"] - 1)


def read_records(folder: Path, targets: "Targets") -> tuple[dict[str, Record], dict[str, str]]:
    """Return all records of a dataset's folder, and what is wrong with others, by run."""
    return read_all(folder, lambda path: read_record(path, targets), besides=TARGETS)


@dataclass(frozen=True, eq=False)
class Targets:
    """Who is tested on what: the part of a dataset that the records refer to.

    Attributes
    ----------
    sizes
        `fingerprint` of the interactions, `n_items`, `train_users`, `train_interactions`, and
        whatever else describes the dataset as a whole.
    rows
        A row a target, in the order of the records' ranks within a reading: `reading`, `user` (a
        number), `item` (of the catalogue), `bucket` (from 1), `history` (items known before),
        and the ranks that baselines give it.
    baselines
        Their metrics: `system`, then as `Record.metrics`.
    buckets
        (n_items,) popularity bucket of each item, from 1.
    """

    sizes: Mapping[str, Any]
    rows: pd.DataFrame
    baselines: pd.DataFrame
    buckets: Array

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many targets each reading has."""
        return {str(name): int(n) for name, n in self.rows["reading"].value_counts().items()}

    @property
    def fingerprint(self) -> str:
        """Content hash of the interactions."""
        return str(self.sizes["fingerprint"])

    def of(self, reading: str) -> pd.DataFrame:
        """Return the targets of one reading."""
        return self.rows[self.rows["reading"] == reading].reset_index(drop=True)


def write_targets(targets: Targets, folder: Path) -> Path:
    """Write the targets of a dataset into its folder, atomically; return the path."""
    path = folder / TARGETS
    table = pa.Table.from_pandas(targets.rows, preserve_index=False)
    said = {
        "sizes": json.dumps(dict(targets.sizes)),
        "baselines": targets.baselines.to_json(orient="split", index=False),
        "buckets": json.dumps(targets.buckets.tolist()),
    }
    kept = table.replace_schema_metadata({**(table.schema.metadata or {}), **said})
    return write_parquet(kept, path, **TARGETS_OPTIONS)


def read_targets(folder: Path) -> Targets | None:
    """Read the targets of a dataset; None if none are recorded.

    Raises
    ------
    InputError
        If they cannot be read, or hold what cannot be.
    """
    path = folder / TARGETS
    if not path.exists():
        return None
    with named(path, "btsr study"):
        table = read_parquet(path)
        said = {name.decode(): value for name, value in (table.schema.metadata or {}).items()}
        told = json.loads(said["baselines"])
        targets = Targets(
            json.loads(said["sizes"]),
            table.to_pandas(),
            pd.DataFrame(told["data"], columns=told["columns"]),
            np.array(json.loads(said["buckets"]), dtype=np.int64),
        )
        _check_targets(targets)
    return targets


def _check_targets(targets: Targets) -> None:
    """Refuse targets that no dataset can have."""
    sizes, rows, table = targets.sizes, targets.rows, targets.baselines
    if not isinstance(sizes, dict) or not isinstance(sizes.get("fingerprint"), str):
        raise ValueError("its sizes are no mapping with a fingerprint")
    check_range("n_items", sizes["n_items"], len(targets.buckets), len(targets.buckets))
    check_range("a bucket", targets.buckets, 1, 127)
    check_range("an item", rows["item"], 0, sizes["n_items"] - 1)
    check_range("a target's bucket", rows["bucket"], 1, 127)
    check_range("a user or history", rows[["user", "history"]], 0, 2**31)
    if rows["reading"].isna().any():
        raise ValueError("a target has no reading")
    for _, own in table.groupby("system"):
        keys = list(zip(own["reading"], own["bucket"], own["metric"], strict=True))
        check_metrics(keys, own["value"].to_numpy(float))
