"""What training and evaluation cost, as `benchmarks` has recorded it; nothing is measured here.

A figure that was not taken is a NaN, and its row says why. No row is left out for that.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from btsr_core.errors import InputError
from btsr_core.files import results_dir
from btsr_core.names import CATALOGUE_HEAD, MODELS, PEERS, model_key, system_name
from btsr_core.pages.provenance import Provenance, provenance_of
from btsr_core.settings import LossConfig

FORMAT = 1
FILES = MappingProxyType(
    {"systems": "systems.json", "models": "models.json", "scaling": "scaling.json"}
)
DISTURBED = 0.1
"""Cores that other processes kept busy during a timing, above which it counts as disturbed."""

MEASURED, NOT_MEASURED, FAILED = "measured", "not measured", "failed"
FLOOR, OURS, PEER = "floor", "ours", "peer"

_UNRECORDED: Mapping[str, Any] = {"not_measured": "not recorded yet"}


@dataclass(frozen=True)
class Costs:
    """The recorded figures.

    Attributes
    ----------
    systems
        A row a system: `system`, `kind` (one of `FLOOR`, `OURS`, `PEER`), `state`, `reason`,
        `epoch_seconds`, `users_per_second`, `ranked_per_second`, `memory_mib`, `train_load` and
        `rank_load`.
    models
        Likewise a row a model of the paper's tables, all of this project.
    points
        A row a point of a scaling curve: `point`, `curve`, `system`, `items`, `length`, `users`,
        `state`, `reason`, `step_seconds`, `ranked_per_second`, `memory_mib` and `load`.
    provenance
        What all of it was measured on.

    `state` is `MEASURED`, `NOT_MEASURED` or `FAILED`. Memory is the peak above what was occupied
    after the imports and the data; a load is the cores that others kept busy during the timing.
    """

    systems: pd.DataFrame
    models: pd.DataFrame
    points: pd.DataFrame
    provenance: Provenance


def read_costs(folder: str | Path = "") -> Costs:
    """Read the results files in a folder.

    Parameters
    ----------
    folder
        Of the files; empty for the results that the project records.

    Raises
    ------
    InputError
        If a file is missing, damaged, or empty; says which, and what to do.
    """
    place = results_dir(folder)
    results = {group: _read(place / name) for group, name in FILES.items()}
    rows = {"systems": _system_rows, "models": _model_rows, "scaling": _point_rows}
    frames = {}
    for group, found in results.items():
        try:
            frames[group] = pd.DataFrame(rows[group](found["measurements"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _damaged(place / FILES[group], error) from None
    try:
        origin = provenance_of(*results.values())
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(place, error) from None
    return Costs(frames["systems"], frames["models"], frames["scaling"], origin)


def provenance_table(costs: Costs) -> pd.DataFrame:
    """Return in words what was measured, on what, and what is the matter with it, a row each."""
    found = costs.provenance
    busy: list[str] = []
    lacking: list[str] = []
    for frame, name, loads in (
        (costs.systems, "system", ["train_load", "rank_load"]),
        (costs.models, "system", ["train_load"]),
        (costs.points, "point", ["load"]),
    ):
        most = frame[loads].max(axis=1)
        busy += [
            f"{row[name]} ({load:.1f} cores)"
            for (_, row), load in zip(frame.iterrows(), most, strict=True)
            if load > DISTURBED
        ]
        lacking += [
            f"{row[name]} ({row['state']}: {row['reason']})"
            for _, row in frame[frame["state"] != MEASURED].iterrows()
        ]
    commits = ", ".join(found.commits)
    rows = {
        "machine": "; ".join(found.machines),
        "data": "; ".join(found.data) or "unknown",
        "model": "; ".join(found.models),
        "measured": " to ".join(dict.fromkeys([found.dates[0], found.dates[-1]])),
        "commit": commits if found.codes == 1 else f"{commits}; not all with the same code",
        **found.versions,
        "disturbed by others": "; ".join(busy) or "nothing",
        "without figures": "; ".join(lacking) or "nothing",
    }
    return pd.DataFrame({"recorded": rows})


def digits(value: float) -> str:
    """Return a number as text with two digits, or all of those before the point."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:#.2g}"


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"no {path}: nothing has been measured yet. Run `make bench` (about 20 minutes), or "
            "name the folder of other results with the parameter results"
        )
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = results["format"]
        recorded = len(results["measurements"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None
    if found != FORMAT:
        raise InputError(
            f"{path} has format {found!r}, and this version reads {FORMAT}: run `make bench`"
        )
    if not recorded:
        raise InputError(f"{path} holds no measurement: run `make bench`")
    return results


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is damaged ({error!r}): delete it and run `make bench`")


def _system_rows(records: Mapping[str, Any]) -> list[dict[str, Any]]:
    ours = {"ours-ce": _name("ce", "none"), "ours-ce+bt": _name("ce", "barlow-twins")}
    names = {"head": CATALOGUE_HEAD, **ours, **PEERS}
    kinds = {"head": FLOOR, **dict.fromkeys(ours, OURS)}
    return [
        _trained_row(names.get(name, name), kinds.get(name, PEER), records.get(name, _UNRECORDED))
        for name in dict.fromkeys([*names, *records])
    ]


def _model_rows(records: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _trained_row(_name(*pair), OURS, records.get(model_key(*pair), _UNRECORDED))
        for pair in MODELS
    ]


def _trained_row(name: str, kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "system": name,
        "kind": kind,
        **_state(record),
        "epoch_seconds": _figure(record, "epoch_seconds", needed=True),
        "times_head": _figure(record, "times_head"),
        "users_per_second": _figure(record, "users_per_second", needed=True),
        "ranked_per_second": _figure(record, "evaluated_users_per_second"),
        "memory_mib": _memory(record, "training_peak_mib"),
        "train_load": _figure(record, "other_load"),
        "rank_load": _figure(record, "evaluation_other_load"),
    }


def _point_rows(records: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, record in records.items():
        settings = record["settings"]
        is_step = settings["point"] == "step"
        speed = _figure(record, "users_per_second", needed=True)
        rows.append(
            {
                "point": name,
                "curve": name.partition("-")[0],
                "system": _name(settings.get("objective", "ce"), "none"),
                "items": int(settings["items"]),
                "length": int(settings["max_len"]),
                "users": int(settings["batch_size" if is_step else "users"]),
                **_state(record),
                "step_seconds": _figure(record, "step_seconds", needed=is_step),
                "ranked_per_second": math.nan if is_step else speed,
                "memory_mib": _memory(record, "peak_mib"),
                "load": _figure(record, "other_load"),
            }
        )
    return [*rows, *_gaps([row for row in rows if row["curve"] == "catalogue"])]


def _gaps(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each catalogue that not all systems have a record of."""
    recorded = {(row["system"], row["items"]) for row in rows}
    like = {row["items"]: row for row in rows}
    nothing = dict.fromkeys(("step_seconds", "ranked_per_second", "memory_mib", "load"), math.nan)
    return [
        {**like[items], **nothing, "point": f"{system}, {items:,} items", "system": system}
        | _state(_UNRECORDED)
        for system, items in product(dict.fromkeys(row["system"] for row in rows), like)
        if (system, items) not in recorded
    ]


def _name(objective: str, regulariser: str) -> str:
    loss = {"objective": {"name": objective}, "regulariser": {"name": regulariser}}
    return system_name(LossConfig.model_validate(loss))


def _state(record: Mapping[str, Any]) -> dict[str, str]:
    for state, field in ((FAILED, "failed"), (NOT_MEASURED, "not_measured")):
        if field in record:
            return {"state": state, "reason": str(record[field])}
    return {"state": MEASURED, "reason": ""}


def _figure(record: Mapping[str, Any], name: str, *, needed: bool = False) -> float:
    """Return a figure; NaN for what is not there, unless a measurement cannot be without it.

    What was given up may have figures of the part that it got through: they stand for nothing.
    """
    if _state(record)["state"] != MEASURED:
        return math.nan
    value = record["figures"][name] if needed else record["figures"].get(name)
    return math.nan if value is None and not needed else float(value)


def _memory(record: Mapping[str, Any], peak: str) -> float:
    return _figure(record, peak) - _figure(record, "baseline_mib")
