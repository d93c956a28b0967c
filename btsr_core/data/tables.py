"""Interactions from the user's own files: CSV, TSV and the like, or Parquet -> three clean columns.

Text is read as text and converted here rather than by a reader that guesses types: ids such as
"007" stay what they are, nanoseconds are not rounded, and whatever cannot be converted is reported
with its line.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from btsr_core.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})

_PLAIN_INTEGER = r"(?:0|-?[1-9][0-9]{0,17})"
"""Integers that fit 64 bits and are written in one way only, so that no two ids are merged."""

_Place = Callable[[int], str]
"""From a row's position, counted from 0, to the words that let a person find it in the file."""


def read_table(path: Path, *, user_col: str, item_col: str, time_col: str) -> pd.DataFrame:
    """Read and check the interactions in a file.

    Text may be separated by comma, semicolon, tab or bar, must have a header line, be UTF-8, and
    may be compressed with gzip (name ending in .gz).

    Parameters
    ----------
    path : Path
        Parquet if it ends in .parquet or .pq, text otherwise.
    user_col, item_col, time_col : str
        Names of the columns. Ids are numbers or text. Times are numbers of any unit, kept as they
        are, or dates as in ISO 8601 (without a zone: UTC), which become nanoseconds since 1970.

    Returns
    -------
    DataFrame of N rows
        In file order: user_id and item_id (int64 or str), timestamp (int64 or float64).

    Raises
    ------
    InputError
        If the file cannot be read, is empty, lacks a column, or holds a value that is missing or
        cannot be converted; the message names the place and the remedy.
    """
    wanted = {"user_col": user_col, "item_col": item_col, "time_col": time_col}
    if len(set(wanted.values())) < len(wanted):
        raise InputError(f"user_col, item_col and time_col must differ; got {wanted}")
    read = _read_parquet if path.suffix.lower() in PARQUET_SUFFIXES else _read_text
    try:
        table, place = read(path, wanted)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error}). Save it as UTF-8.") from error
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if table.num_rows == 0:
        raise InputError(f"{path} has no rows: it needs at least one interaction")
    for name in wanted.values():
        if table[name].null_count:
            row = int(table[name].is_null().to_numpy().argmax())
            raise InputError(
                f"{path}, {place(row)}: column {name!r} has no value. Fill it in or drop the row."
            )
    return pd.DataFrame(
        {
            "user_id": _ids(table[user_col], f"{path}, column {user_col!r}"),
            "item_id": _ids(table[item_col], f"{path}, column {item_col!r}"),
            "timestamp": _times(table[time_col], f"{path}, column {time_col!r}", place),
        }
    )


def _open(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _read_text(path: Path, wanted: Mapping[str, str]) -> tuple[Any, _Place]:
    with _open(path) as raw:
        header = next((line for line in raw if line.strip()), b"").decode("utf-8-sig")
    if not header:
        raise InputError(f"{path} is empty: it needs a header line and at least one interaction")
    fields = {
        separator: next(csv.reader([header], delimiter=separator)) for separator in SEPARATORS
    }
    separator = max(
        SEPARATORS,
        key=lambda mark: (len({*wanted.values()} & {*fields[mark]}), len(fields[mark])),
    )
    _check_columns(path, fields[separator], wanted)

    try:
        with _open(path) as raw:
            table = pa.csv.read_csv(
                raw,
                # With threads, an error leaves some behind that abort the interpreter as it exits.
                read_options=pa.csv.ReadOptions(use_threads=False),
                parse_options=pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=list(wanted.values()),
                    column_types=dict.fromkeys(wanted.values(), pa.string()),
                    null_values=[""],  # and not "NA" or "null", which can be ids
                    strings_can_be_null=True,
                ),
            )
    except pa.ArrowInvalid:
        n_fields = len(fields[separator])
        for line, record in _records(path, separator):
            if len(record) != n_fields:
                raise InputError(
                    f"{path}, line {line}: {len(record)} values where the header names {n_fields}. "
                    "Put quotes around values that contain the separator."
                ) from None
        raise
    with _open(path) as raw:
        n_lines = sum(block.count(b"\n") for block in iter(lambda: raw.read(2**20), b""))
    if table.num_rows not in {n_lines - 1, n_lines}:  # header; the last line may lack its end
        _check_quotes(path, separator)

    def place(row: int) -> str:
        records = _records(path, separator)
        return f"line {next(islice(records, row + 1, None))[0]}"  # + 1 for the header

    return table, place


def _check_quotes(path: Path, separator: str) -> None:
    """Refuse a stray quote at the start of a value: it would swallow the lines up to the next."""
    with _open(path) as raw:
        lines = (line.decode("utf-8-sig") for line in raw)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        start = 1
        try:
            for _ in reader:
                start = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{path}, line {start}: a value begins with a quote that does not end it "
                f"({error}). Close the quote, double it, or remove it."
            ) from None


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Read slowly, to explain an error: records with their lines, where blank lines count too."""
    with _open(path) as raw:
        reader = csv.reader((line.decode("utf-8-sig") for line in raw), delimiter=separator)
        for record in reader:
            if record:
                yield reader.line_num, record


def _read_parquet(path: Path, wanted: Mapping[str, str]) -> tuple[Any, _Place]:
    _check_columns(path, pa.parquet.read_schema(path).names, wanted)
    table = pa.parquet.read_table(path, columns=list(wanted.values()), partitioning=None)
    return table, lambda row: f"row {row + 1}"


def _check_columns(path: Path, names: list[str], wanted: Mapping[str, str]) -> None:
    for parameter, name in wanted.items():
        if names.count(name) != 1:
            raise InputError(
                f"{path} has {'no' if name not in names else 'more than one'} column {name!r}; "
                f"columns present: {', '.join(map(repr, names))}. Name the right one with "
                f"{parameter} (--{parameter.replace('_', '-')})."
            )


def _ids(column: Any, where: str) -> "pd.Series[Any]":
    """Return ids as int64 where that loses nothing, else as text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        codes, uniques = pd.factorize(column.to_pandas())
        names: pd.Series[Any] = pd.Series(uniques)
        if names.str.fullmatch(_PLAIN_INTEGER).all():
            names = names.astype("int64")
        return names.take(codes).reset_index(drop=True)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        try:
            return pd.Series(column.cast(pa.int64()).to_numpy())
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{where}: ids must be whole numbers of 64 bits or text ({error})"
            ) from error
    raise InputError(f"{where} has type {kind}: ids must be whole numbers or text")


def _times(column: Any, where: str, place: _Place) -> "pd.Series[Any]":
    """Return times as int64 if they are integers or dates (nanoseconds), else as float64."""
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    try:
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            column = column.cast(pa.timestamp("ns")).cast(pa.int64())
        elif pa.types.is_integer(kind) or text:
            column = column.cast(pa.int64())
        elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        else:
            raise InputError(f"{where} has type {kind}: times must be numbers or dates")
        times = pd.Series(column.to_numpy())
    except pa.ArrowInvalid as error:
        if not text:
            raise InputError(f"{where}: times must fit 64 bits ({error})") from error
        times = _parse(column.to_pandas(), where, place)
    infinite = ~np.isfinite(times.to_numpy())
    if infinite.any():
        row = int(infinite.argmax())
        raise InputError(
            f"{where}, {place(row)}: {times[row]} is not a time. Correct it or drop the row."
        )
    return times


def _parse(text: "pd.Series[str]", where: str, place: _Place) -> "pd.Series[Any]":
    """Read text that is not all integers: as decimal numbers or as dates, whichever fits better."""
    numbers = pd.to_numeric(text, errors="coerce")
    unread = numbers.isna() & (text.str.lower() != "nan")
    if not unread.any():
        return numbers if numbers.dtype == "int64" else numbers.astype("float64")
    dates = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    first, last = pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC")
    dates = dates.where(dates.between(first, last))  # what 64 bits of nanoseconds can say
    if not dates.isna().any():
        return dates.dt.as_unit("ns").astype("int64")
    if dates.isna().sum() < unread.sum():
        unread = dates.isna()
    row = int(unread.to_numpy().argmax())
    raise InputError(
        f"{where}, {place(row)}: {text[row]!r} is not a time. Use numbers, or dates such as "
        "2013-02-28 or 2013-02-28T17:30:00Z."
    )
