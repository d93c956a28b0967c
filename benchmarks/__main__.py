"""`python -m benchmarks`: measure what is missing, store it, and print the tables."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmarks.environments import PeerEnvironmentError, is_made, packages, python_of
from benchmarks.machine import ROOT, commit, describe_machine, fingerprint
from benchmarks.plan import (
    REFERENCE,
    SYNTHETIC,
    Measurement,
    choose,
    models,
    points,
    systems,
    tiny,
)
from benchmarks.runner import MeasurementError, OverLimitError, own_python, run
from benchmarks.store import FILES, Record, Results, is_current, read, write
from benchmarks.tables import scaling_table, systems_table
from btsr_core.errors import InputError
from btsr_core.files import user_path

WORK = ROOT / "_build" / "benchmarks"
RESULTS = ROOT / "benchmarks" / "results"
SMOKE_RESULTS = WORK / "smoke"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    chosen, everything = parse(arguments)
    if chosen.list:
        for m in everything:
            say(f"{m.group:8} {m.part:10} {m.name:28} about {m.expected:.0f} s", sys.stdout)
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    folder = SMOKE_RESULTS if chosen.smoke else chosen.results
    try:
        with FileLock(WORK / "lock", timeout=0):
            failures = measure_all(chosen, folder)
    except Timeout:
        say("another benchmark is running here; two at a time would disturb each other")
        return 2
    except InputError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("\ninterrupted; what was finished is stored, and the same command goes on from there")
        return 130
    print_tables(folder)
    return 1 if failures else 0


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[Measurement]]:
    """Return the options, `only` turned into measurements, and all measurements there are."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure speed and memory of this project beside others, resuming where the "
        "last call stopped. benchmarks/README.md explains the figures.",
    )
    parser.add_argument("--only", nargs="+", metavar="PART", help="parts or measurements to make")
    parser.add_argument("--again", action="store_true", help="repeat what is finished")
    parser.add_argument("--list", action="store_true", help="list the measurements and stop")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does all work?")
    parser.add_argument(
        "--results", type=user_path, default=RESULTS, metavar="FOLDER", help="of results"
    )
    parser.add_argument("--torch-index", metavar="URL", help="index of smaller builds of torch")
    chosen = parser.parse_args(arguments)
    everything = [*systems(), *models(), *points()]
    if chosen.smoke:
        everything = [tiny(m) for m in everything]
    try:
        chosen.only = choose(everything, chosen.only)
    except ValueError as error:
        parser.error(str(error))
    if chosen.results.exists() and not chosen.results.is_dir():
        parser.error(f"--results {chosen.results} is no folder")
    return chosen, everything


def measure_all(chosen: argparse.Namespace, folder: Path) -> int:
    """Make the chosen measurements that are not finished, store each, and count the failures."""
    machine, code = describe_machine(), fingerprint()
    say(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; code {code}")
    data: tuple[Path, Mapping[str, Any]] | None = None
    failures = 0
    for number, measurement in enumerate(chosen.only, 1):
        path = folder / FILES[measurement.group]
        results = read(path, machine)
        before = results["measurements"].get(measurement.name)
        label = f"[{number}/{len(chosen.only)}] {measurement.name}"
        if is_current(before, measurement, code) and not chosen.again:
            say(f"{label}: finished before")
            continue
        if measurement.is_system and data is None:
            data = export(chosen.smoke)
        if data and measurement.is_system:
            results["data"] = dict(data[1])
        record = measure(measurement, data and data[0], label, chosen.torch_index)
        failures += "failed" in record
        store(path, results, measurement, {**record, "code": code})
    return failures


def export(smoke: bool) -> tuple[Path, Mapping[str, Any]]:
    """Write the data of the systems and return its path and sizes."""
    settings = SYNTHETIC if smoke else REFERENCE
    path = WORK / f"{settings['dataset']}.npz"
    task = json.dumps({"settings": dict(settings), "data": str(path)})
    command = [str(own_python()), "-m", "benchmarks.export", task]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if said.returncode:
        raise InputError(f"the dataset {settings['dataset']} cannot be prepared; see above")
    sizes: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])["figures"]
    return path, {"dataset": settings["dataset"], **sizes}


def measure(
    measurement: Measurement, data: Path | None, label: str, torch_index: str | None
) -> Record:
    """Make one measurement and return its record, with the reason where there are no figures."""
    record: Record = {"settings": measurement.settings}
    try:
        python = own_python()
        if measurement.environment:
            if not is_made(measurement.environment):
                say(f"{label}: making its environment, which takes some minutes")
            python = python_of(measurement.environment, torch_index)
            record["packages"] = packages(python)
        progress(f"{label}: about {measurement.expected:.0f} s")
        own_data = data if measurement.is_system else None
        record |= run(measurement, python, own_data, lambda s: progress(f"{label}: {s:.0f} s"))
        reason = record["figures"].pop("not_measured", None)
        record |= {"not_measured": reason} if reason else {}
    except OverLimitError as error:
        record["not_measured"] = str(error)
    except (PeerEnvironmentError, MeasurementError) as error:
        record["failed"] = str(error)
    told = record.get("failed") or record.get("not_measured") or summary(record["figures"])
    say(f"\r\033[K{label}: {told}" if sys.stderr.isatty() else f"{label}: {told}")
    return record


def store(path: Path, results: Results, measurement: Measurement, record: Record) -> None:
    """Put a record into the results file, at its place in the plan."""
    dated = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        **record,
    }
    everything = {**results["measurements"], measurement.name: dated}
    order = [m.name for m in (*systems(), *models(), *points())]
    results["measurements"] = {name: everything[name] for name in order if name in everything}
    write(path, results)


def summary(figures: Mapping[str, Any]) -> str:
    """Return the first figure of a measurement, for the progress line."""
    name = next(n for n in ("epoch_seconds", "step_seconds", "seconds") if n in figures)
    return f"{name.replace('_', ' ')} {figures[name]}"


def print_tables(folder: Path) -> None:
    """Print what the results files hold."""
    for group, name in FILES.items():
        path, table = folder / name, scaling_table if group == "scaling" else systems_table
        if path.exists():
            say(table(json.loads(path.read_text(encoding="utf-8"))), sys.stdout)


def say(text: str, where: Any = None) -> None:
    """Print a line, on standard error unless told otherwise."""
    print(text, file=where or sys.stderr, flush=True)


def progress(text: str) -> None:
    """Rewrite the current line of a terminal; say nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
