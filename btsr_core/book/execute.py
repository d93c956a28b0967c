"""Executes the chapters of the book with papermill: in parallel, and only those that changed."""

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import btsr_core
from btsr_core.book.parameters import Scalar
from btsr_core.errors import InputError
from btsr_core.files import results_dir, sha256_file, user_path, write_json
from btsr_core.machine.processes import usable_cores

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LINE_OF_CELL = re.compile(r"^(?:Cell )?In\s?\[\d+\], line (\d+)", re.M)
_FILE_OF_FRAME = re.compile(r"^File (\S+:\d+)", re.M)
_SHOWN_LINES = 5


@dataclass(frozen=True)
class Job:
    """One chapter, the values of parameters that it runs with, and what it becomes."""

    source: Path
    notebook: Path
    values: dict[str, Scalar]
    shows: tuple[Path, ...] = ()
    """Files besides the package that the chapter shows: their text, or what they record."""

    @property
    def stamp(self) -> Path:
        """The file that says what the executed notebook was made of."""
        return self.notebook.with_suffix(".json")

    @property
    def unfinished(self) -> Path:
        """The notebook while it runs; it stays, with the error in it, if a cell fails."""
        return self.notebook.with_suffix(".unfinished.ipynb")

    def ingredients(self, code: str) -> dict[str, Any]:
        """Return everything that the executed notebook depends on; `code` is of `code_hash`."""
        return {
            "source": sha256_file(self.source),
            "values": self.values,
            "files": {
                name: sha256_file(user_path(value))
                for name, value in self.values.items()
                if isinstance(value, str) and os.path.isfile(user_path(value))
            },
            "shows": {str(path): sha256_file(path) for path in self.shows},
            "code": code,
        }

    def is_done(self, code: str) -> bool:
        """Whether the executed notebook is there and nothing that it depends on has changed."""
        if not (self.notebook.is_file() and self.stamp.is_file()):
            return False
        recorded = json.loads(self.stamp.read_text(encoding="utf-8"))
        return bool(recorded == self.ingredients(code))


@dataclass(frozen=True)
class Outcome:
    """How the execution of a chapter ended: `failure` says what went wrong, if anything did.

    `refusal` is what the chapter itself said where it was no fault of the program: data that could
    not be had, or a value that does not fit.
    """

    job: Job
    seconds: float
    failure: str | None
    refusal: str | None = None


def code_hash(root: Path) -> str:
    """Return the hash of what chapters run on: this package, the pinned versions, and Python."""
    digest = hashlib.sha256(sys.version.encode())
    package = Path(btsr_core.__file__).parent
    for path in [*sorted(package.rglob("*.py")), root / "constraints.txt"]:
        if path.is_file():
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def shown_files(
    root: Path, path: Path, names: Collection[str], values: Mapping[str, str]
) -> tuple[Path, ...]:
    """Return what a chapter shows besides the package: code that it names, and recorded results."""
    named = dict.fromkeys(re.findall(r'"([\w/]+\.py)"', path.read_text(encoding="utf-8")))
    shown, results = [root / name for name in named], values.get("results", "")
    if "study" in names:
        shown += sorted((root / user_path(results or "book/results")).glob("**/*.parquet"))
        shown.append(root / user_path(values.get("study") or "book/study.toml"))
    elif "results" in names:
        shown += sorted((root / results_dir(results)).glob("*.json"))
    return tuple(filter(Path.is_file, shown))


def run_jobs(jobs: Sequence[Job], code: str, root: Path, workers: int) -> Iterator[Outcome]:
    """Execute chapters in processes of their own, and yield how each ended as it does.

    The cores are shared out between the processes. A chapter that fails stops no other.
    """
    if not jobs:
        return
    log = root / "_build" / "kernels.log"
    log.unlink(missing_ok=True)
    workers = min(workers, len(jobs))
    threads = max(1, usable_cores() // workers)
    # spawned, not forked: this process may already have started threads
    with ProcessPoolExecutor(
        workers, get_context("spawn"), _prepare_worker, (threads, log)
    ) as pool:
        running = [pool.submit(_run, job, job.ingredients(code), root) for job in jobs]
        try:
            for future in as_completed(running):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_worker(threads: int, log: Path) -> None:
    # Kernels inherit this process's standard error; what they tell there is for the log: notices
    # about their start and end, and why they died. Errors of cells come as messages instead.
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), sys.stderr.fileno())
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(threads))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else each kernel warns about it


def _run(job: Job, ingredients: dict[str, Any], root: Path) -> Outcome:
    import papermill  # noqa: PLC0415 (takes a second, and most builds execute nothing)

    started = time.perf_counter()
    job.notebook.parent.mkdir(parents=True, exist_ok=True)
    failure = refusal = None
    try:
        papermill.execute_notebook(
            job.source,
            job.unfinished,
            parameters=job.values,
            kernel_name="python3",
            cwd=root,
            progress_bar=False,
        )
    except papermill.PapermillExecutionError as error:
        failure = _describe(error)
        if error.ename == InputError.__name__:
            refusal = _ANSI.sub("", error.evalue)
    except Exception as error:  # a dead kernel, a full disk: to be told, not traced
        failure = (
            f"{type(error).__name__}: {_last_lines(str(error))}\n"
            f"  {root / '_build' / 'kernels.log'} may say more"
        )
    else:
        os.replace(job.unfinished, job.notebook)
        write_json(job.stamp, ingredients)
    return Outcome(job, time.perf_counter() - started, failure, refusal)


def _describe(error: Any) -> str:
    """Return the cell around the line that failed, the end of the message, and where it arose."""
    traceback = _ANSI.sub("", "\n".join(error.traceback))
    lines = error.source.rstrip().splitlines()
    failed = int(found[1]) if (found := _LINE_OF_CELL.search(traceback)) else 1
    first = max(0, failed - 1 - _SHOWN_LINES // 2)
    shown = [
        f"  {'>' if number == failed else ' '} {number:>3} | {line}"
        for number, line in enumerate(lines[first : first + _SHOWN_LINES], first + 1)
    ]
    files = _FILE_OF_FRAME.findall(traceback)
    origin = [f"  (raised at {files[-1]})"] if files else []
    message = f"  {error.ename}: {_last_lines(_ANSI.sub('', error.evalue))}"
    return "\n".join([f"cell In[{error.exec_count}]:", *shown, message, *origin])


def _last_lines(text: str) -> str:
    return "\n    ".join(text.strip().splitlines()[-_SHOWN_LINES:])
