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
import pyarrow.parquet as pq

from btsr_core.dial.settings import DialConfig
from btsr_core.errors import InputError
from btsr_core.study.records import ALL_ITEMS, BEYOND, write_row

FOLDER = "dials"
"""Of a dataset's records, beside those of the study's runs."""
STAGES = ["stage", "alpha", "kept", "epochs", "seconds"]
"""What is known of each training that a dial is made of."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Key = tuple[str, int, str]
"""Reading of the pool, bucket of the target, metric."""

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


def read_dial_record(path: Path) -> DialRecord:
    """Read one record.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        row = pq.read_table(path, schema=_SCHEMA).to_pylist(maps_as_pydicts="strict")[0]
        config = DialConfig.model_validate_json(row["config"])
        provenance = json.loads(row["provenance"])
        stages = pd.DataFrame(row["stages"], columns=STAGES)
        alphas, n_users = np.array(row["alphas"]), row["n_users"]
        names = np.repeat(stages["stage"].to_numpy(), stages["epochs"])
        curves = pd.DataFrame({"stage": names, **row["curves"]})
        ranks = np.array(row["ranks"], np.int64).reshape(len(alphas), n_users)
        shape = (len(alphas), n_users, len(row["lists"]) // max(1, ranks.size))
        lists = np.array(row["lists"], np.int64).reshape(shape)
        metrics = {
            (one["reading"], one["bucket"], one["metric"]): np.array(one["values"])
            for one in row["metrics"]
        }
    except (OSError, ValueError, KeyError, IndexError) as error:  # Arrow's are one of these
        raise InputError(
            f"{path} cannot be read ({error}); restore it, or delete it and run `btsr dial`"
        ) from None
    return DialRecord(
        row["dial_id"], config, provenance, stages, alphas, metrics, curves, lists, ranks
    )


def read_dials(folder: Path) -> dict[str, DialRecord]:
    """Return all recorded dials of a folder, by name; none if there is no such folder."""
    return {path.stem: read_dial_record(path) for path in sorted(folder.glob("*.parquet"))}
