"""The results file: figures of every measurement, with what they were measured on.

One file holds one machine's results. Each measurement keeps the commit and the code it was made
with, so that a file may be completed part by part and still says which parts belong together.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.plan import Measurement
from btsr_core.errors import InputError
from btsr_core.files import write_text

FORMAT = 1
FILES = {"systems": "systems.json", "models": "models.json", "scaling": "scaling.json"}
"""A file for each group of measurements."""

Record = dict[str, Any]
Results = dict[str, Any]


def empty(machine: Mapping[str, Any]) -> Results:
    """Return results without a measurement."""
    return {"format": FORMAT, "machine": dict(machine), "data": None, "measurements": {}}


def read(path: Path, machine: Mapping[str, Any]) -> Results:
    """Return a file's results, or none of them where they come from another machine or format.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    if not path.exists():
        return empty(machine)
    try:
        results: Results = json.loads(path.read_text(encoding="utf-8"))
        is_same = results["format"] == FORMAT and results["machine"] == machine
        return results if is_same else empty(machine)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no results file ({error!r}); delete it") from None


def is_current(record: Record | None, measurement: Measurement, code: str) -> bool:
    """Whether a measurement has been made with these settings and this code.

    What was given up for its length counts as made; what failed does not.
    """
    return (
        record is not None
        and record["settings"] == measurement.settings
        and record["code"] == code
        and "failed" not in record
    )


def write(path: Path, results: Results) -> None:
    """Write results atomically: a line for each small part, so that a change is easy to read."""
    write_text(path, _layout(results, 3) + "\n")


def _layout(value: Any, depth: int, indent: str = "") -> str:
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = indent + "  "
    lines = [
        f"{inner}{json.dumps(name)}: {_layout(part, depth - 1, inner)}"
        for name, part in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
