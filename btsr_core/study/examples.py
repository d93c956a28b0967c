"""What pages show of a dataset's raw files: items by their titles, and the histories of some users.

It is recorded beside the runs, so that pages need no raw data. Of a dataset whose terms forbid to
pass its rows on, no history and no title is recorded: ids stand in.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from btsr_core.analysis.buckets import distinct_users
from btsr_core.data.datasets import DATASETS
from btsr_core.evaluation.metrics import IntArray
from btsr_core.experiment import Prepared, item_table
from btsr_core.study.measure import SHOWN_USERS, WIDEST
from btsr_core.study.rows import named, read_row, write_row

EXAMPLES = "examples/examples.parquet"
"""In a dataset's folder, apart from the records."""
_SCHEMA = pa.schema(
    [
        ("fingerprint", pa.string()),
        ("item_ids", pa.list_(pa.string())),
        ("titles", pa.list_(pa.string())),
        ("genres", pa.list_(pa.string())),
        ("users", pa.list_(pa.int32())),
        ("lengths", pa.list_(pa.int32())),
        ("histories", pa.list_(pa.list_(pa.int32()))),
    ]
)


@dataclass(frozen=True, eq=False)
class Examples:
    """Items of a catalogue, and the first test users of the widest reading.

    Attributes
    ----------
    fingerprint
        Of the interactions that it was taken from.
    items
        A row an item: `item_id` as text, `title`, `genres` ("" if unknown), and `users`, how many
        different ones it has in training.
    lengths
        (n,) items in each user's history.
    histories
        Of each user, items of the catalogue, oldest first; empty where none may be passed on.
    """

    fingerprint: str
    items: pd.DataFrame
    lengths: IntArray
    histories: tuple[IntArray, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it holds the users' histories."""
        return len(self.histories) == len(self.lengths)


def examples_of(data: Prepared, *, to_record: bool = False) -> Examples:
    """Return what pages may show of a dataset.

    Parameters
    ----------
    data
        The dataset.
    to_record
        Whether it will be passed on: what the terms of a named dataset forbid is left out.
    """
    split, inputs = data.split, data.split.held_out[WIDEST].test.inputs
    items = item_table(data.interactions, split).assign(users=distinct_users(split))
    starts, lengths = inputs.starts[:SHOWN_USERS], inputs.lengths[:SHOWN_USERS]
    histories = tuple(
        inputs.item_ids[start : start + length]
        for start, length in zip(starts, lengths, strict=True)
    )
    spec = DATASETS.get(data.config.source)
    if to_record and spec is not None and not spec.may_be_passed_on:
        items, histories = items.assign(title="", genres=""), ()
    return Examples(data.interactions.fingerprint, items, lengths, histories)


def write_examples(examples: Examples, folder: Path) -> Path:
    """Write the examples of a dataset into its folder, atomically; return the path."""
    items = examples.items
    row = {
        "fingerprint": examples.fingerprint,
        "item_ids": items["item_id"].tolist(),
        "titles": items["title"].tolist(),
        "genres": items["genres"].tolist(),
        "users": items["users"].tolist(),
        "lengths": examples.lengths.tolist(),
        "histories": [history.tolist() for history in examples.histories],
    }
    return write_row(row, _SCHEMA, folder / EXAMPLES)


def read_examples(folder: Path) -> Examples | None:
    """Read the examples of a dataset; None if none are recorded.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    path = folder / EXAMPLES
    if not path.is_file():
        return None
    with named(path, "btsr study"):
        row = read_row(path, _SCHEMA)
        columns = {
            "item_id": row["item_ids"],
            "title": row["titles"],
            "genres": row["genres"],
            "users": row["users"],
        }
        examples = Examples(
            row["fingerprint"],
            pd.DataFrame(columns),
            np.array(row["lengths"], dtype=np.int64),
            tuple(np.array(history, dtype=np.int64) for history in row["histories"]),
        )
    return examples
