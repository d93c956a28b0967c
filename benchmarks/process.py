"""What every measured process shares: its contract with the command, a clock, a memory gauge.

A process gets one JSON argument, `{"settings": .., "data": path or null}`, and prints one line of
JSON last of all, `{"figures": .., "versions": ..}`. This needs no more than the standard library.
"""

import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

Settings = dict[str, Any]
Figures = dict[str, Any]
Measure = Callable[[Settings, Path | None], Figures]


@dataclass(frozen=True)
class Shape:
    """The model and its batches, the same for every system.

    Attributes
    ----------
    dim, n_blocks, n_heads, max_len, dropout
        Of the encoder.
    batch_size
        Sequences a step.
    lr
        Of Adam.
    """

    dim: int = 64
    n_blocks: int = 2
    n_heads: int = 1
    max_len: int = 50
    dropout: float = 0.5
    batch_size: int = 256
    lr: float = 1e-3

    @classmethod
    def of(cls, settings: Settings) -> "Shape":
        """Pick the shape out of a measurement's settings."""
        return cls(**{name: settings[name] for name in asdict(cls())})


@dataclass(frozen=True)
class Timing:
    """Repeated timings of one action.

    Attributes
    ----------
    seconds
        Of each repetition.
    other_load
        Cores that other processes kept busy meanwhile; None where the system does not tell. Well
        above 0 it says that the timing was disturbed.
    """

    seconds: list[float]
    other_load: float | None

    @property
    def median(self) -> float:
        """Median of the repetitions."""
        return statistics.median(self.seconds)


def repeat(action: Callable[[], object], *, at_least: int = 1, min_seconds: float = 0) -> Timing:
    """Time an action until it ran `at_least` times and `min_seconds` in all."""
    seconds: list[float] = []
    busy, own, begun = _busy_seconds(), time.process_time(), time.perf_counter()
    while len(seconds) < at_least or sum(seconds) < min_seconds:
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    wall = time.perf_counter() - begun
    if busy is None:
        return Timing(seconds, None)
    others = (_busy_seconds() or busy) - busy - (time.process_time() - own)
    return Timing(seconds, max(others / wall, 0))


def _busy_seconds() -> float | None:
    """Return the seconds of work of all cores since the machine started, on Linux."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    idle = int(fields[3]) + int(fields[4])  # nothing to do, or waiting for a disk
    return (sum(map(int, fields[:8])) - idle) / os.sysconf("SC_CLK_TCK")


def resident_mib() -> float | None:
    """Return the memory that this process occupies now, on Linux."""
    return _status("VmRSS")


def peak_mib() -> float:
    """Return the most memory that this process has occupied.

    Linux counts it anew with each program; `ru_maxrss` would start from what the parent used.
    """
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def forget_peak() -> bool:
    """Let `peak_mib` start from now; return whether the system can do that."""
    before = _status("VmHWM")
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    after = _status("VmHWM")
    return before is not None and after is not None and after <= before


def _status(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{field}:")]
    return int(found[0].split()[1]) / 2**10 if found else None


def system_figures(
    *,
    users: int,
    epoch: Timing,
    baseline_mib: float | None,
    training_peak_mib: float,
    loss: float | None = None,
) -> Figures:
    """Return the figures of a system's training.

    Parameters
    ----------
    users
        Training sequences of an epoch.
    epoch
        Of whole epochs.
    baseline_mib
        Occupied after the imports and the data, before the model.
    training_peak_mib
        Occupied at most until training ended.
    loss
        Mean of the last epoch, in nats, which shows that the system did learn.
    """
    figures: Figures = {
        "epoch_seconds": _rounded(epoch.median),
        "epochs_seconds": [_rounded(seconds) for seconds in epoch.seconds],
        "users_per_second": _rounded(users / epoch.median),
        "baseline_mib": _rounded(baseline_mib),
        "training_peak_mib": _rounded(training_peak_mib),
        "other_load": _rounded(epoch.other_load),
    }
    return figures if loss is None else {**figures, "loss": _rounded(loss)}


def evaluation_figures(users: int, timing: Timing, peak: float | None) -> Figures:
    """Return the figures of an evaluation, repeated; `peak` is None where it cannot be told."""
    return {
        "evaluation_seconds": _rounded(timing.median),
        "evaluations": len(timing.seconds),
        "evaluated_users_per_second": _rounded(users / timing.median),
        "evaluation_peak_mib": _rounded(peak),
        "evaluation_other_load": _rounded(timing.other_load),
    }


def _rounded(value: float | None) -> float | None:
    """Keep four significant digits: no timing is good for more."""
    return None if value is None else float(f"{value:.4g}")


def rounded(figures: Figures) -> Figures:
    """Round the floats among some figures."""
    return {n: _rounded(v) if isinstance(v, float) else v for n, v in figures.items()}


def serve(measure: Measure) -> None:
    """Run one measurement as the command asked for it, and print what it found."""
    task = json.loads(sys.argv[1])
    data = Path(task["data"]) if task["data"] else None
    figures = measure(task["settings"], data)
    print(json.dumps({"figures": figures, "versions": _versions()}), flush=True)  # noqa: T201


def _versions() -> dict[str, Any]:
    """Return the versions of what was imported, and what torch makes of the machine."""
    found: dict[str, Any] = {"python": platform.python_version()}
    names = ("torch", "numpy", "pandas", "recbole", "rectools", "pytorch_lightning")
    found |= {name: metadata.version(name) for name in names if name in sys.modules}
    torch = sys.modules.get("torch")
    if torch is not None:
        capability = torch.backends.cpu.get_cpu_capability()
        found |= {"torch_threads": torch.get_num_threads(), "torch_kernels": capability}
    return found
