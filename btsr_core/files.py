"""Where things live on disk, and how they are written: atomically or not at all."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch
from safetensors import SafetensorError

from btsr_core.errors import InputError

STALE_SECONDS = 24 * 3600
"""Age at which a temporary file is taken for one whose writer was killed."""


def user_path(given: str | Path) -> Path:
    """Return a path as the user meant it, with `~` as the home folder.

    Raises
    ------
    InputError
        If there is no such home folder.
    """
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise InputError(
            f"{given}: no home folder is known for the ~; write the whole path, or ./{given} for a "
            "name that begins with ~"
        ) from None


OF_CHAPTER = "BTSR_PROJECT"
"""Environment variable that tells a kernel of papermill's where the chapter's project is."""


def project_root() -> Path:
    """Return the chapter's project, else the one around the working directory, else the directory.

    JupyterLab runs a chapter with `book/` as working directory, papermill with the one that it was
    called in: both must find the same `runs/`.
    """
    here = Path.cwd()
    return project_around(Path(os.environ.get(OF_CHAPTER) or here)) or here


def project_around(place: Path) -> Path | None:
    """Return the nearest of a folder and its ancestors that holds the book, if there is one."""
    for folder in (place, *place.parents):
        if (folder / "_toc.yml").is_file() and (folder / "book").is_dir():
            return folder
    return None


def runs_dir(override: str | Path | None = None) -> Path:
    """Return the folder of runs: `override`, else `$BTSR_RUNS`, else `runs/` in the project."""
    return _chosen(override or os.environ.get("BTSR_RUNS"), "runs")


def study_file(override: str | Path | None = None) -> Path:
    """Return the file of the study: `override`, else the book's."""
    return _chosen(override, "book/study.toml")


def records_dir(override: str | Path | None = None) -> Path:
    """Return the folder of what studies recorded: `override`, else the book's."""
    return _chosen(override, "book/results")


def results_dir(override: str | Path | None = None) -> Path:
    """Return the folder of recorded measurements: `override`, else the one of `benchmarks`."""
    return _chosen(override, "benchmarks/results")


def _chosen(given: str | Path | None, default: str) -> Path:
    return user_path(given) if given else project_root() / default


def cache_dir() -> Path:
    """Return the download cache: `$BTSR_CACHE`, else the operating system's cache for `btsr`.

    Raises
    ------
    InputError
        If neither is known: there may be no home folder.
    """
    given = os.environ.get("BTSR_CACHE")
    if given:
        return user_path(given)
    try:
        return Path(pooch.os_cache("btsr")).expanduser()
    except RuntimeError:
        raise InputError(
            "no home folder is known to keep downloads in; set BTSR_CACHE to a folder for them"
        ) from None


def mirror_dir(override: str | Path | None = None) -> Path | None:
    """Return the folder searched before any download: `override`, else `$BTSR_MIRROR`."""
    chosen = override or os.environ.get("BTSR_MIRROR")
    return user_path(chosen) if chosen else None


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it when the block ends without an error.

    A reader sees the old file or the new one, never a part; a killed writer leaves `path` alone,
    and a temporary file that a later writer in this folder sweeps away.

    Raises
    ------
    OSError
        Of `path`, if it cannot be written, whichever library found that out.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, STALE_SECONDS)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; runs may be shared
        os.replace(temporary, path)
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    except OSError as error:
        other = error.filename and not Path(error.filename).name.startswith(f".{path.name}.")
        if other or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, older_than: float = 0, pattern: str = ".*.tmp") -> None:
    """Remove the temporary files of killed writers from a folder.

    Parameters
    ----------
    folder
        Where `atomic_path` writes.
    older_than
        Seconds since the last change; 0 where nobody else can be writing.
    pattern
        Of their names.
    """
    for left in folder.glob(pattern):
        try:
            if time.time() - left.stat().st_mtime >= older_than:
                left.unlink()
        except OSError:  # gone already, or somebody else's
            continue


def remove(path: Path) -> None:
    """Remove a file that may not be there, or the folder that stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically as indented JSON with a final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def replace_folder(source: Path, target: Path) -> None:
    """Put a copy of the folder `source` at `target`, which is never seen half-written."""
    new, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, new)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as lower-case hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
