"""Run one measurement in a process of its own and collect what it prints."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.plan import Measurement

LOGS = ROOT / "_build" / "benchmarks" / "logs"
TICK_SECONDS = 1.0


class MeasurementError(Exception):
    """A process ended without figures; says why."""


class OverLimitError(Exception):
    """A process took longer than it may."""


def run(
    measurement: Measurement, python: Path, data: Path | None, tick: Callable[[float], None]
) -> dict[str, Any]:
    """Return the figures and versions that a measurement's process prints.

    Parameters
    ----------
    python
        Interpreter of its environment.
    data
        File of sequences, where it needs one.
    tick
        Called about every second with the seconds gone by.

    Raises
    ------
    OverLimitError
        If it takes longer than `measurement.limit`.
    MeasurementError
        If it fails; what it printed stays in a log file.
    """
    task = json.dumps({"settings": measurement.settings, "data": data and str(data)})
    LOGS.mkdir(parents=True, exist_ok=True)
    out, log = (LOGS / f"{measurement.name}.{kind}" for kind in ("out", "log"))
    command = [str(python), "-m", measurement.module, task]
    started = time.monotonic()
    with out.open("w") as standard, log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=standard, stderr=errors, env=_environment(measurement)
        )
        try:
            while True:
                try:
                    process.wait(TICK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    seconds = time.monotonic() - started
                    if seconds > measurement.limit:
                        raise OverLimitError(f"it ran past {measurement.limit:.0f} s") from None
                    tick(seconds)
        finally:
            process.kill()
            process.wait()
    if process.returncode < 0:
        reason = "probably out of memory" if process.returncode == -9 else "see the log"
        raise MeasurementError(
            f"killed by signal {-process.returncode}, {reason}: {log.relative_to(ROOT)}"
        )
    if process.returncode:
        lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        raise MeasurementError(f"{lines[-1]} (all of it in {log.relative_to(ROOT)})")
    said: dict[str, Any] = json.loads(out.read_text().splitlines()[-1])
    return said


def _environment(measurement: Measurement) -> dict[str, str]:
    """Return the process's environment: equal threads, no GPU, no paths of another Python."""
    threads = str(measurement.settings.get("threads", 1))
    kept = {n: v for n, v in os.environ.items() if n not in ("PYTHONPATH", "PYTHONHOME")}
    return {
        **kept,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "CUDA_VISIBLE_DEVICES": "",
    }


def own_python() -> Path:
    """Return the interpreter that runs this project."""
    return Path(sys.executable)
