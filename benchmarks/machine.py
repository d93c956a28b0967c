"""Which machine, which code."""

import hashlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CODE = ("btsr_core/**/*.py", "benchmarks/**/*.py", "benchmarks/peers/*.txt")


def describe_machine() -> dict[str, Any]:
    """Return what timings depend on besides the code."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": _cpu(),
        "cores": cores,
        "memory_gib": round(memory),
        "os": _os(),
        "architecture": platform.machine(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    model = named.get("model name", "unknown")
    kind = [named[name] for name in ("cpu family", "model") if name in named]
    flags = named.get("flags", "").split()
    wide = [flag for flag in ("avx2", "avx512f", "amx_tile") if flag in flags]
    return f"{model} (family and model {'/'.join(kind)}; {', '.join(wide) or 'no avx2'})"


def _os() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.system()} {platform.release()}"


def fingerprint() -> str:
    """Return a hash of the code that is measured and that measures; documents do not count."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def commit() -> str | None:
    """Return the checkout's commit, `-dirty` where code is changed; None outside a checkout."""
    head = _git("rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git("status", "--porcelain", "--", *(f":(glob){pattern}" for pattern in CODE))
    return f"{head}-dirty" if changed else head


def _git(*arguments: str) -> str | None:
    try:
        said = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=ROOT, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None
