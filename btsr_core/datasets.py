"""Named datasets and users' files -> `Interactions`."""

import csv
import difflib
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
import pandas as pd

from btsr_core.errors import InputError
from btsr_core.fetch import DatasetSpec, Origin, RemoteFile, fetch
from btsr_core.files import mirror_dir
from btsr_core.tables import read_table

COLUMNS = ("user_id", "item_id", "timestamp")

_ML100K_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
"""Meaning of the 19 flags of u.item, in their order."""

_Parsed = tuple[pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who acted on what, when.

    Attributes
    ----------
    name : str
        Name of the dataset or of the file, without suffixes.
    frame : DataFrame of N rows
        Columns user_id, item_id, timestamp, in the order of the file, which breaks ties in time.
    items : DataFrame
        Titles and genres (separated by "|") by item_id; empty for users' files.
    fingerprint : str
        SHA-256 of the content of `frame`, in hexadecimal: the same wherever the data came from.
    source : str
        Where it came from, in words.
    """

    name: str
    frame: pd.DataFrame
    items: pd.DataFrame
    fingerprint: str
    source: str


def load_interactions(
    source: str | Path,
    *,
    user_col: str = "user_id",
    item_col: str = "item_id",
    time_col: str = "timestamp",
    mirror: str | Path | None = None,
    progress: bool = True,
) -> Interactions:
    """Load a named dataset, or the interactions in a CSV, TSV or Parquet file.

    Parameters
    ----------
    source : str or Path
        A name in `DATASETS`, or a path (see `tables.read_table` for the formats).
    user_col, item_col, time_col : str
        Names of the columns of a file; named datasets ignore them.
    mirror : str or Path, optional
        Folder searched before any download; default: the environment variable BTSR_MIRROR.
    progress : bool
        Whether downloads say what they do, on standard error.

    Returns
    -------
    Interactions

    Raises
    ------
    InputError
        If the source is unknown, a file is unusable or has the wrong checksum, or a dataset can be
        had from none of its origins.
    """
    if source in DATASETS:
        return _load_named(DATASETS[str(source)], mirror_dir(mirror), progress=progress)
    path = Path(source).expanduser()
    if not path.is_file():
        close = difflib.get_close_matches(str(source).lower(), DATASETS, n=1)
        raise InputError(
            f"{str(source)!r} is neither a dataset nor a file."
            + (f" Did you mean {close[0]!r}?" if close else "")
            + f" Datasets: {', '.join(DATASETS)}. For your own data give the path of a CSV, TSV or "
            "Parquet file, and user_col, item_col and time_col if its columns have other names."
        )
    frame = read_table(path, user_col=user_col, item_col=item_col, time_col=time_col)
    return Interactions(
        name=path.name.split(".")[0] or path.name,
        frame=frame,
        items=_items([], [], []),
        fingerprint=fingerprint(frame),
        source=f"the file {path}",
    )


def fingerprint(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the ids and times of `frame`, in order, whatever file held them."""
    digest = hashlib.sha256()
    for name in ("user_id", "item_id"):
        codes, uniques = pd.factorize(frame[name])
        digest.update(json.dumps(np.asarray(uniques).tolist()).encode())
        digest.update(codes.astype("<i8").tobytes())
    times = frame["timestamp"].to_numpy()
    digest.update(times.dtype.kind.encode())
    digest.update(times.astype(f"<{times.dtype.kind}8").tobytes())
    return digest.hexdigest()


def _load_named(spec: DatasetSpec, mirror: Path | None, *, progress: bool) -> Interactions:
    fetched = fetch(spec, mirror, progress=progress)
    frame, items = fetched.origin.parse(fetched.paths)
    found = (frame["user_id"].nunique(), frame["item_id"].nunique(), len(frame))
    expected = (spec.n_users, spec.n_items, spec.n_interactions)
    if found != expected:  # the checksums were right, so this is no fault of the user's
        raise RuntimeError(
            f"{spec.name}: read {found} users, items and interactions instead of {expected}"
        )
    return Interactions(spec.name, frame, items, fingerprint(frame), fetched.source)


def _items(ids: Any, titles: Any, genres: Any) -> pd.DataFrame:
    columns = {"title": pd.Series(titles, dtype="str"), "genres": pd.Series(genres, dtype="str")}
    return pd.DataFrame(columns).set_index(pd.Index(ids, name="item_id"))


def _ml100k_ratings(raw: IO[bytes], header_lines: int) -> pd.DataFrame:
    """Read user, item, rating and time; u.data and RecBole's copy have the same order of rows."""
    return pd.read_csv(
        raw,
        sep="\t",
        header=None,
        skiprows=header_lines,
        names=["user_id", "item_id", "rating", "timestamp"],
        usecols=list(COLUMNS),
        dtype="int64",
    )


def _parse_grouplens(paths: Mapping[str, Path]) -> _Parsed:
    """Read u.data and u.item (24 columns separated by bars, Latin-1) inside GroupLens' archive."""
    with zipfile.ZipFile(paths["ml-100k.zip"]) as archive:
        with archive.open("ml-100k/u.data") as raw:
            frame = _ml100k_ratings(raw, header_lines=0)
        with archive.open("ml-100k/u.item") as raw:
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
    return frame, _items(ids, table[1].str.strip(), pd.Series(genres).str.rstrip("|"))


def _parse_recbole(paths: Mapping[str, Path]) -> _Parsed:
    """Read RecBole's atomic files; titles and years, which it separates, are put together again."""
    with paths["ml-100k.inter"].open("rb") as raw:
        frame = _ml100k_ratings(raw, header_lines=1)
    if "ml-100k.item" not in paths:
        return frame, _items([], [], [])
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
    return frame, _items(ids, titles, table["genres"].str.replace(" ", "|"))


def _parse_movietweetings(paths: Mapping[str, Path]) -> _Parsed:
    """Read `user::item::rating::time` and `item::title::genres`; IMDb numbers keep their zeros."""
    frame = pd.read_csv(
        paths["ratings.dat"],
        sep=":",  # so every second column is empty; a separator of two characters reads slowly
        header=None,
        usecols=[0, 2, 6],
        dtype={0: "int64", 2: "str", 6: "int64"},
    ).set_axis(list(COLUMNS), axis="columns")
    if "movies.dat" not in paths:
        return frame, _items([], [], [])
    lines = paths["movies.dat"].read_text(encoding="utf-8").removesuffix("\n").split("\n")
    table = pd.Series(lines).str.extract(r"^(\d+)::(.*)::(.*)$")
    return frame, _items(table[0].to_numpy(), table[1], table[2])


_ML_100K = DatasetSpec(
    name="ml-100k",
    title="MovieLens 100K: ratings of films, September 1997 to April 1998",
    homepage="https://grouplens.org/datasets/movielens/100k/",
    licence=(
        "GroupLens terms: research use; no redistribution and no commercial use without "
        "permission; cite the paper"
    ),
    citation=(
        "F. Maxwell Harper and Joseph A. Konstan (2015). The MovieLens Datasets: History and "
        "Context. ACM Transactions on Interactive Intelligent Systems 5(4), 19. "
        "https://doi.org/10.1145/2827872"
    ),
    origins=(
        Origin(
            title="GroupLens",
            files=(
                RemoteFile(
                    "ml-100k.zip",
                    "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                    "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
                ),
            ),
            parse=_parse_grouplens,
        ),
        Origin(
            title="the copy in the recbole 1.2.1 wheel",
            files=(
                RemoteFile(
                    "ml-100k.inter",
                    "pypi:recbole==1.2.1#recbole/dataset_example/ml-100k/ml-100k.inter",
                    "sha256:4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
                ),
                RemoteFile(
                    "ml-100k.item",
                    "pypi:recbole==1.2.1#recbole/dataset_example/ml-100k/ml-100k.item",
                    "sha256:51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
                    required=False,
                ),
            ),
            parse=_parse_recbole,
        ),
    ),
    n_users=943,
    n_items=1_682,
    n_interactions=100_000,
)

_SNAPSHOT = "https://raw.githubusercontent.com/sidooms/MovieTweetings/master/snapshots/100K/"

_MOVIETWEETINGS_100K = DatasetSpec(
    name="movietweetings-100k",
    title="MovieTweetings 100K: ratings of films posted on Twitter, February to September 2013",
    homepage="https://github.com/sidooms/MovieTweetings",
    licence="MIT",
    citation=(
        "Simon Dooms, Toon De Pessemier and Luc Martens (2013). MovieTweetings: a movie rating "
        "dataset collected from Twitter. CrowdRec at RecSys 2013."
    ),
    origins=(
        Origin(
            title="GitHub, sidooms/MovieTweetings",
            files=(
                RemoteFile(
                    "ratings.dat",
                    _SNAPSHOT + "ratings.dat",
                    "sha256:c0dd868c2632d10002ebc928ddc5345f33adeaa59eca52c2941c26a2c5e36fd6",
                ),
                RemoteFile(
                    "movies.dat",
                    _SNAPSHOT + "movies.dat",
                    "sha256:e63fb84bc734e3c574f135634a40d3cbafab22b8f94f5fc0b80f80d1d2076efc",
                    required=False,
                ),
            ),
            parse=_parse_movietweetings,
        ),
    ),
    n_users=16_554,
    n_items=10_506,
    n_interactions=100_000,
)

DATASETS: Mapping[str, DatasetSpec] = MappingProxyType(
    {spec.name: spec for spec in (_ML_100K, _MOVIETWEETINGS_100K)}
)
"""The datasets that can be asked for by name."""
