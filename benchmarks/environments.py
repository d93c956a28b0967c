"""A virtual environment for each peer, made once from `peers/NAME.txt`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import ROOT

ENVIRONMENTS = ROOT / "_build" / "benchmarks" / "environments"
MARK = ".made"
NEWEST_PYTHON = {"recbole": (3, 11), "rectools": (3, 13)}
"""Newest Python for which all that a peer needs has wheels."""


class PeerEnvironmentError(Exception):
    """A peer's environment cannot be made; says why."""


def python_of(peer: str, torch_index: str | None = None) -> Path:
    """Return the interpreter of a peer's environment, made first if it is missing or outdated.

    Parameters
    ----------
    peer
        Name of its requirements file.
    torch_index
        A further package index, such as that of torch's smaller builds.

    Raises
    ------
    PeerEnvironmentError
        If Python or a package cannot be had.
    """
    requirements, folder = _requirements(peer), ENVIRONMENTS / peer
    python = folder / "bin" / "python"
    if is_made(peer):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([_interpreter(peer), "-m", "venv", str(folder)])
    index = ["--extra-index-url", torch_index] if torch_index else []
    _run([str(python), "-m", "pip", "install", "--quiet", *index, "-r", str(requirements)])
    (folder / MARK).write_text(_wanted(requirements), encoding="ascii")
    return python


def is_made(peer: str) -> bool:
    """Whether a peer's environment stands as its requirements file wants it."""
    made = ENVIRONMENTS / peer / MARK
    return made.exists() and made.read_text(encoding="ascii") == _wanted(_requirements(peer))


def _requirements(peer: str) -> Path:
    return ROOT / "benchmarks" / "peers" / f"{peer}.txt"


def _wanted(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def packages(python: Path) -> str:
    """Return the distributions of an environment as pip lists them, in one line."""
    said = _run([str(python), "-m", "pip", "freeze", "--all"])
    return " ".join(said.split("\n")).strip()


def _interpreter(peer: str) -> str:
    """Return this Python, or an older one from the PATH where the peer needs it."""
    newest = NEWEST_PYTHON[peer]
    if sys.version_info[:2] <= newest:
        return sys.executable
    name = f"python{newest[0]}.{newest[1]}"
    found = shutil.which(name)
    if found is None:
        raise PeerEnvironmentError(
            f"{peer} needs packages that stop at Python {newest[0]}.{newest[1]}; no {name} here"
        )
    return found


def _run(command: list[str]) -> str:
    environment = {n: v for n, v in os.environ.items() if n not in ("PYTHONPATH", "PYTHONHOME")}
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if said.returncode:
        lines = said.stderr.strip().splitlines() or ["it said nothing"]
        raise PeerEnvironmentError(f"{' '.join(command[:5])} ..: {lines[-1]}")
    return said.stdout
