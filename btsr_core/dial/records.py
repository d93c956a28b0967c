"""Recorded dials: what the book shows of one, in one small Parquet file, written once.

`results/DATASET/dials/DIAL.parquet` holds one row. Weights are not recorded, but for the one dial
that drives the slider: `results/DATASET/dials/DIAL.safetensors`, see `artefact`.
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

from btsr_core.dial.settings import DialConfig
from btsr_core.errors import InputError
from btsr_core.study.records import ALL_ITEMS, BEYOND, Targets
from btsr_core.study.rows import (
    MOST_SECONDS,
    Key,
    check_curves,
    check_metrics,
    check_range,
    named,
    read_all,
    read_row,
    write_row,
)
from btsr_core.training.train import SELECTION_METRIC

FOLDER = "dials"
"""Of a dataset's records, beside those of the study's runs."""
STAGES = ["stage", "alpha", "kept", "epochs", "seconds"]
"""What is known of each training that a dial is made of."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_METRIC = pa.struct(
    [
        ("reading", pa.string()),
        ("bucket", pa.int8()),
        ("metric", pa.string()),
        ("values", pa.list_(pa.float32())),
    ]
)
_STAGE = pa.struct(
    [
        ("stage", pa.string()),
        ("alpha", pa.float64()),
        ("kept", pa.int32()),
        ("epochs", pa.int32()),
        ("seconds", pa.float32()),
    ]
)
_SCHEMA = pa.schema(
    [
        ("dial_id", pa.string()),
        ("config", pa.string()),
        ("provenance", pa.string()),
        ("stages", pa.list_(_STAGE)),
        ("alphas", pa.list_(pa.float64())),
        ("metrics", pa.list_(_METRIC)),
        ("curves", pa.map_(pa.string(), pa.list_(pa.float32()))),
        ("lists", pa.list_(pa.int32())),
        ("ranks", pa.list_(pa.uint8())),
        ("n_users", pa.int32()),
    ]
)


@dataclass(frozen=True, eq=False)
class DialRecord:
    """What is kept of a dial.

    Attributes
    ----------
    dial_id
        The hash of its description and data.
    config
        What was trained.
    provenance
        Versions, commit, machine, day: see `experiment.versions`.
    stages
        A row a training: `stage`, its `alpha` (NaN where it was drawn), the epoch `kept`, how many
        `epochs` there were, and their `seconds` of one process.
    alphas
        (A,) where it was measured, ascending.
    metrics
        (A,) values by reading, bucket of the target (`ALL_ITEMS` or from 1) and metric.
    curves
        A row an epoch of all trainings in turn: `stage`, losses, validation metrics and seconds;
        NaN where a training has none.
    lists
        (A, U, k) best items of the first test users of the full reading.
    ranks
        (A, U) ranks of their targets; `BEYOND` and worse are one.
    """

    dial_id: str
    config: DialConfig
    provenance: Mapping[str, Any]
    stages: pd.DataFrame
    alphas: FloatArray
    metrics: Mapping[Key, FloatArray]
    curves: pd.DataFrame
    lists: IntArray
    ranks: IntArray

    @property
    def epochs(self) -> int:
        """Epochs of all its trainings."""
        return int(self.stages["epochs"].sum())

    @property
    def epoch_seconds(self) -> float:
        """What its trainings took at the median pace of each, which a busy hour hardly moves."""
        pace = self.curves.groupby("stage", sort=False)["seconds"].median()
        return float((self.stages["stage"].map(pace) * self.stages["epochs"]).sum())

    def values(self, metric: str, reading: str, bucket: int = ALL_ITEMS) -> FloatArray:
        """Return (A,) values of a metric, such as `ndcg@10`; NaN where it was not measured."""
        found = self.metrics.get((reading, bucket, metric))
        return np.full(len(self.alphas), np.nan) if found is None else found

    def value(self, metric: str, reading: str, alpha: float, bucket: int = ALL_ITEMS) -> float:
        """Return one recorded number.

        Raises
        ------
        InputError
            If the dial was not measured at this alpha.
        """
        return float(self.values(metric, reading, bucket)[self.place(alpha)])

    def place(self, alpha: float) -> int:
        """Return where in `alphas` a value stands.

        Raises
        ------
        InputError
            If it does not.
        """
        found = self._place_of.get(round(alpha, 9))
        if found is None:
            raise InputError(f"alpha = {alpha:g}: dial {self.dial_id} was not measured there")
        return found

    @cached_property
    def _place_of(self) -> dict[float, int]:
        return {round(float(alpha), 9): place for place, alpha in enumerate(self.alphas)}


def dials_folder(results: Path) -> Path:
    """Return the folder of the dials of a dataset, whose records are in `results`."""
    return results / FOLDER


def write_dial_record(record: DialRecord, folder: Path) -> Path:
    """Write a record into a folder of dials, atomically; return its path."""
    row = {
        "dial_id": record.dial_id,
        "config": record.config.model_dump_json(),
        "provenance": json.dumps(dict(record.provenance)),
        "stages": record.stages[STAGES].to_dict("records"),
        "alphas": record.alphas.tolist(),
        "metrics": [
            {"reading": reading, "bucket": bucket, "metric": metric, "values": values.tolist()}
            for (reading, bucket, metric), values in record.metrics.items()
        ],
        "curves": [
            (str(name), record.curves[name].tolist()) for name in record.curves if name != "stage"
        ],
        "lists": record.lists.ravel().tolist(),
        "ranks": np.minimum(record.ranks, BEYOND).ravel().tolist(),
        "n_users": record.ranks.shape[1],
    }
    return write_row(row, _SCHEMA, folder / f"{record.dial_id}.parquet")


def read_dial_record(path: Path, targets: Targets) -> DialRecord:
    """Read one record, which must be one of a dataset and possible in all its numbers.

    Parameters
    ----------
    path
        The file, named by the dial.
    targets
        Of the dataset.

    Raises
    ------
    InputError
        If it cannot be read, or is not what its name says.
    """
    with named(path, "btsr dial"):
        row = read_row(path, _SCHEMA)
        stages = pd.DataFrame(row["stages"], columns=STAGES)
        alphas, n_users = np.array(row["alphas"], np.float64), int(row["n_users"])
        names = np.repeat(stages["stage"].to_numpy(), stages["epochs"])
        ranks = np.array(row["ranks"], np.int64).reshape(len(alphas), n_users)
        shape = (len(alphas), n_users, len(row["lists"]) // max(1, ranks.size))
        found = row["metrics"]
        keys = zip(found["reading"], found["bucket"].tolist(), found["metric"], strict=True)
        record = DialRecord(
            row["dial_id"],
            DialConfig.model_validate_json(row["config"]),
            json.loads(row["provenance"]),
            stages,
            alphas,
            dict(zip(keys, found["values"], strict=True)),
            pd.DataFrame({"stage": names, **row["curves"]}),
            np.array(row["lists"], np.int64).reshape(shape),
            ranks,
        )
        _check(record, path.stem, targets)
        if len(record.metrics) < len(found["metric"]):
            raise ValueError("a metric is there twice")
    return record


def _check(record: DialRecord, name: str, targets: Targets) -> None:
    """Refuse a record that is not of this name and dataset, or holds what cannot be."""
    config, alphas, stages = record.config, record.alphas, record.stages
    described = config.dial_id(targets.fingerprint)
    if not name == record.dial_id == described:
        raise ValueError(f"it is of dial {record.dial_id}, and describes {described} of these data")
    if not isinstance(record.provenance, dict):
        raise ValueError("its provenance is no mapping")
    if not len(alphas) or (alphas[0], alphas[-1]) != (config.low, config.high):
        raise ValueError(f"it was not measured from {config.low:g} to {config.high:g}")
    check_range("a step between alphas", np.diff(alphas), 1e-9, config.high)
    check_range("epochs kept", stages["kept"], 1, stages["epochs"])
    check_range("seconds", stages["seconds"], 0, MOST_SECONDS)
    check_curves(record.curves.drop(columns="stage"), record.epochs)
    check_metrics(list(record.metrics), np.array(list(record.metrics.values())))
    for reading in targets.counts:
        if (reading, ALL_ITEMS, SELECTION_METRIC) not in record.metrics:
            raise ValueError(f"{SELECTION_METRIC} of {reading} is missing")
    if np.array(list(record.metrics.values())).shape[1:] != alphas.shape:
        raise ValueError("its metrics are of other alphas")
    check_range("a rank", record.ranks, 1, BEYOND)
    check_range("an item of the lists", record.lists, -1, targets.sizes["n_items"] - 1)


def read_dials(folder: Path, targets: Targets) -> tuple[dict[str, DialRecord], dict[str, str]]:
    """Return all recorded dials of a folder, and what is wrong with others, by name."""
    return read_all(folder, lambda path: read_dial_record(path, targets))
