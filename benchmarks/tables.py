"""The results as text tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.store import Results

DISTURBED = 0.1
"""Cores that others kept busy during a timing, above which the table points it out."""

HEAD, OURS, OURS_BT = "head", "ours-ce", "ours-ce+bt"
PEERS = ("padded", "recbole", "rectools")


def systems_table(results: Results) -> str:
    """Return the systems' figures, and how many times as fast as each peer ours are."""
    records = results["measurements"]
    rows = [_system_row(name, record) for name, record in records.items()]
    header = ["system", "s/epoch", "users/s", "x head", "ranked/s", "peak MiB", "before", "note"]
    speed = {name: _figure(record, "epoch_seconds") for name, record in records.items()}
    head = speed.get(HEAD)
    for row, (name, seconds) in zip(rows, speed.items(), strict=True):
        in_turns = _figure(records[name], "times_head")
        row[3] = f"{in_turns:.2f}" if in_turns else _ratio(seconds, head)
    lines = [_title(results), _grid([header, *rows])]
    ours = [name for name in (OURS, OURS_BT) if name in records]
    peers = [name for name in PEERS if name in records]
    if ours and peers:
        times = [
            [name, *(_ratio(speed[peer], speed[name]) for peer in peers),
             *(_ratio(_evaluation(records[name]), _evaluation(records[peer])) for peer in peers)]
            for name in ours
        ]  # fmt: skip
        names = [f"{kind} {peer}" for kind in ("epoch:", "evaluation:") for peer in peers]
        lines.append(_grid([["times as fast as", *names], *times]))
    return "\n".join([*lines, *_remarks(records)])


def _system_row(name: str, record: Mapping[str, Any]) -> list[str]:
    shown = ("epoch_seconds", "users_per_second", "", "evaluated_users_per_second",
             "training_peak_mib", "baseline_mib")  # fmt: skip
    return [name, *(_text(_figure(record, figure)) for figure in shown), _note(record)]


def scaling_table(results: Results) -> str:
    """Return the points of the scaling curves."""
    records = results["measurements"]
    rows = [
        [name]
        + [
            _text(_figure(record, figure))
            for figure in ("step_seconds", "users_per_second", "peak_mib", "baseline_mib")
        ]
        + [_note(record)]
        for name, record in records.items()
    ]
    header = ["point", "s/step", "users/s", "peak MiB", "before", "note"]
    return "\n".join([_title(results), _grid([header, *rows]), *_remarks(records)])


def _title(results: Results) -> str:
    machine, data = results["machine"], results.get("data")
    hardware = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    place = f"\n{hardware}, {machine['os']}"
    if not data:
        return place
    sizes = f"{data['users']} users, {data['targets']} targets, {data['items']} items"
    return f"{place}\n{data['dataset']}: {sizes}; {data['test_users']} test users"


def _remarks(records: Mapping[str, Any]) -> list[str]:
    """Return what makes figures of a table hard to compare."""
    if len({record["code"] for record in records.values()}) > 1:
        return ["Not all of this was measured with the same code: `--again` measures all anew."]
    return []


def _note(record: Mapping[str, Any]) -> str:
    if "failed" in record:
        return f"failed: {record['failed']}"
    if "not_measured" in record:
        return f"not measured: {record['not_measured']}"
    loads = (_figure(record, n) or 0 for n in ("other_load", "evaluation_other_load"))
    load = max(loads)
    return f"disturbed: {load:.1f} cores were busy elsewhere" if load > DISTURBED else ""


def _figure(record: Mapping[str, Any], name: str) -> float | None:
    value: float | None = record.get("figures", {}).get(name)
    return value


def _evaluation(record: Mapping[str, Any]) -> float | None:
    return _figure(record, "evaluated_users_per_second")


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.2f}" if value and base else ""


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _grid(rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first and the last to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)]
        cells[0] = f"{row[0]:<{widths[0]}}"
        if rows[0][-1] == "note":
            cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    return "\n" + "\n".join(lines)
