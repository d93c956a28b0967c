"""The published formats of the named datasets -> interactions, and titles where there are any.

A parser takes the paths of one origin's files by name and returns two tables: the interactions
(columns `COLUMNS`, in an order that breaks ties in time) and the items (see `item_table`).
"""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.json

from btsr_core.data.lines import CLOCK, COLUMNS, DATE, NUMBER, TEXT, UTC_TIME, Layout, TextFile
from btsr_core.errors import InputError

Paths = Mapping[str, Path]
Parsed = tuple[pd.DataFrame, pd.DataFrame]

_ML100K_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
"""Meaning of the 19 flags of u.item, in their order."""

_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_TAB_RATINGS = Layout("\t", _RATINGS)
_COLON_RATINGS = Layout("::", _RATINGS)
_TWEETED_RATINGS = Layout("::", _RATINGS, item=TEXT)  # IMDb numbers begin with zeros that count
_AMAZON_RATINGS = Layout(",", _RATINGS, user=TEXT, item=TEXT)
_APPRECIATES = Layout(" ", COLUMNS, user=TEXT, item=TEXT)  # ids of projects have 8 characters
_CHECK_INS = Layout(
    "\t", ("user_id", "timestamp", "latitude", "longitude", "item_id"), time=UTC_TIME
)


def item_table(ids: Any = (), titles: Any = (), genres: Any = ()) -> pd.DataFrame:
    """Return titles and genres (separated by "|") by item_id; without arguments, an empty table."""
    columns = {"title": pd.Series(titles, dtype="str"), "genres": pd.Series(genres, dtype="str")}
    return pd.DataFrame(columns).set_index(pd.Index(ids, name="item_id"))


def parse_movielens_100k(paths: Paths) -> Parsed:
    """Read u.data and u.item (24 columns separated by bars, Latin-1) inside GroupLens' archive."""
    archive = paths["ml-100k.zip"]
    with TextFile(archive, "ml-100k/u.item").open() as raw:
        table = pd.read_csv(
            raw,
            sep="|",
            header=None,
            encoding="latin-1",
            quoting=csv.QUOTE_NONE,
            dtype="str",
            keep_default_na=False,
        )
    flags = (table.iloc[:, 5:] == "1").to_numpy().astype(object)  # (items, 19)
    genres = flags @ np.array([f"{genre}|" for genre in _ML100K_GENRES], dtype=object)
    ids = table[0].astype("int64").to_numpy()
    items = item_table(ids, table[1].str.strip(), pd.Series(genres).str.rstrip("|"))
    return TextFile(archive, "ml-100k/u.data").interactions(_TAB_RATINGS), items


def parse_recbole(paths: Paths) -> Parsed:
    """Read RecBole's atomic files; titles and years, which it separates, are put together again.

    The rows have the order of u.data.
    """
    frame = TextFile(paths["ml-100k.inter"], header_lines=1).interactions(_TAB_RATINGS)
    if "ml-100k.item" not in paths:
        return frame, item_table()
    table = pd.read_csv(
        paths["ml-100k.item"],
        sep="\t",
        skiprows=1,
        names=["id", "title", "year", "genres"],
        quoting=csv.QUOTE_NONE,
        dtype="str",
        keep_default_na=False,
    )
    # RecBole spells the one film without title or year "unkonwn".
    titles = (table["title"] + " (" + table["year"] + ")").replace("unkonwn (unkonwn)", "unknown")
    ids = table["id"].astype("int64").to_numpy()
    return frame, item_table(ids, titles, table["genres"].str.replace(" ", "|"))


def parse_movielens_1m(paths: Paths) -> Parsed:
    """Read ratings.dat and movies.dat (Latin-1) inside GroupLens' archive."""
    archive = paths["ml-1m.zip"]
    with TextFile(archive, "ml-1m/movies.dat").open() as raw:
        titles = _colon_titles(raw.read().decode("latin-1"))
    items = item_table(titles[0].astype("int64").to_numpy(), titles[1], titles[2])
    return TextFile(archive, "ml-1m/ratings.dat").interactions(_COLON_RATINGS), items


def parse_movietweetings(paths: Paths) -> Parsed:
    """Read ratings.dat and movies.dat (UTF-8); items are IMDb numbers, which keep their zeros."""
    frame = TextFile(paths["ratings.dat"]).interactions(_TWEETED_RATINGS)
    if "movies.dat" not in paths:
        return frame, item_table()
    titles = _colon_titles(paths["movies.dat"].read_text(encoding="utf-8"))
    return frame, item_table(titles[0].to_numpy(), titles[1], titles[2])


def _colon_titles(text: str) -> pd.DataFrame:
    lines = pd.Series(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))
    return lines.str.extract(r"^(\d+)::(.*)::(.*)$")


def parse_gowalla(paths: Paths) -> Parsed:
    """Read SNAP's check-ins, last line first.

    The file lists each user's check-ins from the newest to the oldest. Whoever sorts by time keeps
    the order of rows among equal times, so only the reversed file keeps them in the order in which
    they happened. Times become seconds since 1970.
    """
    frame = TextFile(paths["loc-gowalla_totalCheckins.txt.gz"]).interactions(_CHECK_INS)
    return frame[::-1].reset_index(drop=True), item_table()


def parse_amazon(paths: Paths) -> Parsed:
    """Read a "ratings only" file: no header; ids are text, since some items are ISBNs."""
    (path,) = paths.values()
    return TextFile(path).interactions(_AMAZON_RATINGS), item_table()


def parse_behance(paths: Paths) -> Parsed:
    """Read user, item and time of each appreciate; the .gz may hold them uncompressed."""
    (path,) = paths.values()
    return TextFile(path).interactions(_APPRECIATES), item_table()


def parse_yelp(paths: Paths) -> Parsed:
    """Read reviews, one JSON object a line, of which the texts are never kept in memory.

    Dates, which lack the time of day in older releases, become seconds since 1970 as if in UTC:
    Yelp does not say where its clock stood.
    """
    (path,) = paths.values()
    kinds = {"user_id": TEXT, "business_id": TEXT, "date": pa.timestamp("s")}
    options = pa.json.ParseOptions(
        explicit_schema=pa.schema(kinds), unexpected_field_behavior="ignore"
    )

    def read(raw: IO[bytes]) -> Any:
        table = pa.json.read_json(raw, pa.json.ReadOptions(block_size=2**24), options)
        return table.select(list(kinds)).rename_columns(COLUMNS)

    def fits(line: bytes) -> bool:
        try:
            review = json.loads(line)
            values = [review[name].encode() for name in kinds]
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
        return all(values) and bool(re.fullmatch(DATE + rb"(?: " + CLOCK + rb")?", values[2]))

    form = "a review with user_id, business_id and date"
    return TextFile(path).read(read, fits, form), item_table()


def parse_sequences(paths: Paths) -> Parsed:
    """Read a file of items and one of times with a line for each user: id, then values in order."""
    items_path, times_path = (
        next(path for name, path in paths.items() if part in name) for part in ("_item_", "_time_")
    )
    lengths, items = _read_sequences(items_path)
    time_lengths, times = _read_sequences(times_path)
    starts = np.cumsum(lengths) - lengths
    time_starts = np.cumsum(time_lengths) - time_lengths
    both = slice(min(len(lengths), len(time_lengths)))
    differ = (lengths[both] != time_lengths[both]) | (
        items[starts[both]] != times[time_starts[both]]
    )
    if differ.any() or len(lengths) != len(time_lengths):
        line = (int(differ.argmax()) if differ.any() else len(differ)) + 1
        raise InputError(
            f"{items_path} and {times_path} disagree from line {line} on: either must hold the "
            "same users in the same order, and a time for each item. Replace them by the "
            "published files or remove them."
        )
    is_id = np.zeros(len(items), dtype=bool)
    is_id[starts] = True
    users = np.repeat(items[starts], lengths - 1)
    columns = (users, items[~is_id], times[~is_id])
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))), item_table()


def _read_sequences(path: Path) -> tuple[Any, Any]:
    """Return the number of values of each line, (lines,), and all values."""

    def fits(line: bytes) -> bool:
        return re.fullmatch(rb"[0-9]{1,18}(?: [0-9]{1,18})*", line) is not None

    text = path.read_text(encoding="ascii", errors="replace").removesuffix("\n")
    fields = pa.compute.split_pattern(pa.array(text.split("\n")), " ")
    try:
        values = fields.flatten().cast(NUMBER)
    except pa.ArrowInvalid as error:
        raise TextFile(path).explain(error, fits, "'id value value ...'") from error
    return fields.value_lengths().to_numpy(), values.to_numpy()
