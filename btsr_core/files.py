"""Where things live on disk, and how they are written: atomically or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch

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
    chosen = override or os.environ.get("BTSR_RUNS")
    return Path(chosen) if chosen else project_root() / "runs"


def results_dir(override: str | Path | None = None) -> Path:
    """Return the folder of recorded measurements: `override`, else the one of `benchmarks`."""
    return Path(override) if override else project_root() / "benchmarks" / "results"


def cache_dir() -> Path:
    """Return the download cache: `$BTSR_CACHE`, else the operating system's cache for `btsr`."""
    return Path(os.environ.get("BTSR_CACHE") or pooch.os_cache("btsr"))


def mirror_dir(override: str | Path | None = None) -> Path | None:
    """Return the folder searched before any download: `override`, else `$BTSR_MIRROR`."""
    chosen = override or os.environ.get("BTSR_MIRROR")
    return Path(chosen) if chosen else None


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it when the block ends without an error.

    A reader sees the old file or the new one, never a part; a killed writer leaves `path` alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; runs may be shared
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
