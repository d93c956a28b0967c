"""Files of records: one row of Parquet with its sum, and which numbers there can be in one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from btsr_core.errors import InputError
from btsr_core.sealed import is_sealed, read_parquet, write_parquet

Key = tuple[str, int, str]
"""Reading of the pool, bucket of the target, metric."""
COUNT = "targets"
"""The metric that says how many targets the others are of; of none they are NaN."""
MOST_SECONDS = float(np.finfo(np.float32).max)
SHARES = frozenset({"hr", "ndcg", "mrr", "cov"})
"""Metrics between 0 and 1, at any cutoff."""
# Of one row, statistics and a second schema would take more room than the row.
OPTIONS = {
    "compression": "zstd", "compression_level": 19, "write_statistics": False,
    "store_schema": False,
}  # fmt: skip

Array = npt.NDArray[Any]
T = TypeVar("T")


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
    return write_parquet(pa.Table.from_pylist([row], schema), path, **OPTIONS)


def read_row(path: Path, schema: pa.Schema) -> dict[str, Any]:
    """Read a file of one row.

    Returns
    -------
    dict
        By column: a mapping of names to arrays for a map, of fields to arrays or lists for a list
        of structs, else what Python calls it.

    Raises
    ------
    OSError
        If the file cannot be read, or is not what was written.
    ValueError
        If it is another kind of file, or lacks a value.
    """
    table = read_parquet(path)
    if table.column_names != schema.names or table.num_rows != 1:
        raise ValueError("it is no record")
    row: dict[str, Any] = {}
    for name in schema.names:
        column = table[name].combine_chunks()
        if _has_null(column):
            raise ValueError(f"{name} lacks a value")
        if pa.types.is_map(column.type):
            names = column.keys.to_pylist()
            row[name] = dict(zip(names, _lists(column.items), strict=True))
        elif pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type):
            fields = column.type.value_type
            row[name] = {
                field.name: _values(values)
                for field, values in zip(fields, column.flatten().flatten(), strict=True)
            }
        else:
            row[name] = column[0].as_py()
    return row


def seal_all(folder: Path, names: Iterable[str]) -> None:
    """Give files of one row that are of an earlier release their sums; the rows stay as they are.

    Parameters
    ----------
    folder
        Where they are.
    names
        Their stems; those of other folders are left.
    """
    for name in names:
        seal(folder / f"{name}.parquet", **OPTIONS)


def seal(path: Path, **options: Any) -> None:
    """Give a Parquet file of an earlier release its sum; the table stays as it is."""
    if path.is_file() and not is_sealed(path):
        write_parquet(read_parquet(path), path, **options)


def check_metrics(keys: Sequence[Key], values: Array) -> None:
    """Refuse metrics that no evaluation can have.

    Parameters
    ----------
    keys
        (n) what each is.
    values
        (n,) or (n, A).

    Raises
    ------
    ValueError
        If one is infinite, outside of its range, missing or there twice.
    """
    if len(set(keys)) < len(keys):
        raise ValueError("a metric is there twice")
    none = {
        key[:2] for key, own in zip(keys, values, strict=True) if key[2] == COUNT and not own.any()
    }
    is_share = np.array([key[2].partition("@")[0] in SHARES for key in keys], bool)
    is_some = np.array([key[:2] not in none for key in keys], bool)
    found = np.asarray(values, float).T
    wrong = np.isinf(found) | (is_share & ((found < 0) | (found > 1)))
    wrong |= is_share & is_some & np.isnan(found)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        reading, bucket, metric = keys[place[-1]]
        value = found[tuple(place)]
        raise ValueError(f"{metric} = {value:g} of {reading}, bucket {bucket}")


def check_curves(curves: pd.DataFrame, n: int) -> None:
    """Refuse curves of another number of epochs, or without a number where one must be.

    Raises
    ------
    ValueError
        If they are such.
    """
    if len(curves) != n:
        raise ValueError(f"curves of {len(curves)} epochs, not {n}")
    for name, own in curves.items():
        values = own.to_numpy(float)
        wrong = ~np.isfinite(values)
        if str(name).startswith("valid_"):
            wrong |= (values < 0) | (values > 1)
        elif str(name).startswith("loss_"):
            wrong &= ~np.isnan(values)  # a term that sets in later has none before
        if wrong.any():
            raise ValueError(f"{name} = {values[wrong][0]:g} in epoch {int(wrong.argmax()) + 1}")


def check_range(what: str, values: Any, low: float, high: Any) -> None:
    """Refuse values of which one is no number from `low` to `high`, both included.

    Raises
    ------
    ValueError
        If one is not.
    """
    found = np.asarray(values, float)
    wrong = ~((found >= low) & (found <= high))
    if wrong.any():
        raise ValueError(f"{what} = {found[wrong][0]:g}")


def read_all(
    folder: Path, read: Callable[[Path], T], besides: str = ""
) -> tuple[dict[str, T], dict[str, str]]:
    """Return what can be read of a folder's Parquet files, and what is wrong with others, by stem.

    Parameters
    ----------
    folder
        One that is not there holds nothing.
    read
        Reads one; its InputError says what is wrong.
    besides
        Name of a file that is none of them.
    """
    found, faults = {}, {}
    for path in sorted(folder.glob("*.parquet")):
        if path.name == besides:
            continue
        try:
            found[path.stem] = read(path)
        except InputError as error:
            faults[path.stem] = str(error)
    return found, faults


@contextmanager
def named(path: Path, command: str) -> Iterator[None]:
    """Say of whatever goes wrong in the block that a file cannot be read, and what helps.

    Parameters
    ----------
    path
        The file. Whatever is wrong with it is not the program's fault.
    command
        What makes it again.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path} cannot be read ({reason}); restore it, delete it, or let `{command}` make it "
            "again where it is planned"
        ) from None


def _has_null(array: Any) -> bool:
    if array.null_count:
        return True
    if pa.types.is_map(array.type):
        return _has_null(array.keys) or _has_null(array.items)
    if pa.types.is_list(array.type):
        return _has_null(array.values)
    if pa.types.is_struct(array.type):
        return any(map(_has_null, array.flatten()))
    return False


def _lists(array: Any) -> list[Any]:
    """Return a list of each row."""
    offsets, flat = array.offsets.to_pylist(), _values(array.values)
    return [flat[a:b] for a, b in pairwise(offsets)]


def _values(array: Any) -> Any:
    """Return numbers in the width that is reckoned with, lists as a list of such, else a list."""
    if pa.types.is_list(array.type):
        return _lists(array)
    if pa.types.is_floating(array.type):
        return array.to_numpy(zero_copy_only=False).astype(np.float64)
    if pa.types.is_integer(array.type):
        return array.to_numpy(zero_copy_only=False).astype(np.int64)
    return array.to_pylist()
