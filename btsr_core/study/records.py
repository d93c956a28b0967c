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
import pyarrow.parquet as pq

from btsr_core.config import Experiment
from btsr_core.errors import InputError
from btsr_core.files import atomic_path

TARGETS = "targets.parquet"
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
        A row a number: `reading` of the pool, `bucket` of the target (`ALL_ITEMS` or from 1),
        `metric` and `value`.
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


def write_row(row: Mapping[str, Any], schema: pa.Schema, path: Path) -> Path:
    """Write a Parquet file of one row, atomically, in as little room as it takes; return its path.

    Parameters
    ----------
    row
        Values by column.
    schema
        Of the row.
    path
        The file, which is replaced.
    """
    with atomic_path(path) as temporary:
        table = pa.Table.from_pylist([row], schema)
        # Of one row, statistics and a second schema would take more room than the row.
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            write_statistics=False,
            store_schema=False,
        )
    return path


def read_record(path: Path) -> Record:
    """Read one record.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        row = pq.read_table(path, schema=_SCHEMA).to_pylist(maps_as_pydicts="strict")[0]
        described = Experiment.model_validate_json(row["experiment"])
        provenance = json.loads(row["provenance"])
    except (OSError, ValueError, KeyError, IndexError) as error:  # Arrow's are one of these
        raise InputError(
            f"{path} cannot be read ({error}); restore it, or delete it and run `btsr study`"
        ) from None
    return Record(
        row["run_id"],
        described,
        provenance,
        row["best_epoch"],
        row["epochs"],
        row["train_seconds"],
        pd.DataFrame(row["metrics"], columns=["reading", "bucket", "metric", "value"]),
        pd.DataFrame(row["curves"]),
        {name: np.array(values, dtype=np.int64) for name, values in row["ranks"].items()},
        {name: np.array(values) for name, values in row["arrays"].items()},
        np.array(row["lists"], dtype=np.int64),
    )


def read_records(folder: Path) -> dict[str, Record]:
    """Return all records of a dataset's folder, by run; none if there is no such folder."""
    paths = sorted(path for path in folder.glob("*.parquet") if path.name != TARGETS)
    return {record.run_id: record for record in map(read_record, paths)}


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
    with atomic_path(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **said}),
            temporary,
            compression="zstd",
        )
    return path


def read_targets(folder: Path) -> Targets | None:
    """Read the targets of a dataset; None if none are recorded.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    path = folder / TARGETS
    if not path.is_file():
        return None
    try:
        table = pq.read_table(path)
        said = {name.decode(): value for name, value in (table.schema.metadata or {}).items()}
        told = json.loads(said["baselines"])
        return Targets(
            json.loads(said["sizes"]),
            table.to_pandas(),
            pd.DataFrame(told["data"], columns=told["columns"]),
            np.array(json.loads(said["buckets"]), dtype=np.int64),
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); restore it, or delete it and run `btsr study`"
        ) from None
