"""Named datasets and users' files -> `Interactions`."""

import difflib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from btsr_core.data.catalogue import DATASETS
from btsr_core.data.fetch import DatasetSpec, fetch
from btsr_core.data.formats import item_table
from btsr_core.data.lines import COLUMNS, REMEDY
from btsr_core.data.tables import read_table
from btsr_core.errors import InputError
from btsr_core.files import mirror_dir, user_path

__all__ = ["COLUMNS", "DATASETS", "Interactions", "fingerprint", "load_interactions"]


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
    path = user_path(source)
    if not os.path.isfile(path):  # which takes names of any length
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
        items=item_table(),
        fingerprint=fingerprint(frame),
        source=f"the file {path.name}",
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
    if any(want not in (None, have) for want, have in zip(expected, found, strict=True)):
        message = f"{spec.name}: read {found} users, items and interactions instead of {expected}"
        unchecked = [
            str(fetched.paths[file.name])
            for file in fetched.origin.files
            if file.known_hash is None and file.name in fetched.paths
        ]
        if unchecked:
            raise InputError(f"{message}. {', '.join(unchecked)} is not what is expected. {REMEDY}")
        raise RuntimeError(message)  # the checksums were right: no fault of the user's
    return Interactions(spec.name, frame, items, fingerprint(frame), fetched.source)
