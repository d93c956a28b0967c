"""Made-up results in the format that `benchmarks` writes, for what shows them."""

import copy

from benchmarks.plan import models, points, systems
from benchmarks.store import FILES, empty, write

MACHINE = {
    "cpu": "Some CPU", "cores": 2, "memory_gib": 24, "os": "Some OS", "architecture": "x86_64",
}  # fmt: skip
DATA = {
    "dataset": "beauty-5core", "users": 20000, "targets": 140000, "items": 12000,
    "test_users": 1000,
}  # fmt: skip
SPEED = {"head": 0.8, "ours-ce": 1, "ours-ce+bt": 1.3, "padded": 5, "recbole": 20, "rectools": 30}
VERSIONS = {"python": "3.12.1", "torch": "2.9.0", "numpy": "2.3.0", "pandas": "2.3.0"}


def record(measurement, figures, **changed):
    """Return a record of a measurement."""
    packages = {"packages": {}} if measurement.environment else {}
    own = {measurement.environment: "1.0"} if measurement.environment else {}
    return {
        "date": "2025-01-02T03:04:05+00:00", "commit": "0123456789abcdef0123456789abcdef01234567",
        "settings": copy.deepcopy(measurement.settings), **packages,
        "figures": figures, "versions": {**VERSIONS, **own}, "code": "0123456789abcdef", **changed,
    }  # fmt: skip


def system_results():
    """Return results of every system; an epoch of ours takes 10 s and 100 MiB."""
    results = {**empty(MACHINE), "data": DATA}
    for one in systems():
        times = SPEED[one.name]
        figures = {
            "epoch_seconds": 10.0 * times, "epochs_seconds": [10.0 * times],
            "users_per_second": 2000 / times, "baseline_mib": 300.0,
            "training_peak_mib": 300 + 100.0 * times, "other_load": 0.01,
        }  # fmt: skip
        ranked = {
            "loss": 9.0, "evaluation_seconds": 0.5 * times, "evaluations": 4,
            "evaluated_users_per_second": 2000 / times, "evaluation_peak_mib": 400.0,
            "evaluation_other_load": 0.02, "ndcg@10": 0.01,
        }  # fmt: skip
        figures |= {} if one.name == "head" else ranked
        results["measurements"][one.name] = record(one, figures)
    return results


def model_results():
    """Return results of every model: each a second and 10 MiB more than the one before."""
    results = {**empty(MACHINE), "data": DATA}
    for place, one in enumerate(models()):
        results["measurements"][one.name] = record(one, {
            "epoch_seconds": 10.0 + place, "users_per_second": 2000.0, "baseline_mib": 300.0,
            "training_peak_mib": 400.0 + 10 * place, "other_load": 0.01,
        })  # fmt: skip
    return results


def scaling_results():
    """Return results of every point: CE costs what the catalogue has, SCE a tenth and an offset."""
    results = empty(MACHINE)
    for one in points():
        settings = one.settings
        figures = {"baseline_mib": 300.0, "other_load": 0.0}
        if settings["point"] == "step":
            work = settings["items"] * settings["max_len"] / 50
            work = work if settings["objective"] == "ce" else work / 10 + 15000
            figures |= {
                "step_seconds": work / 1e5, "users_per_second": 256e5 / work,
                "peak_mib": 300 + work / 200, "timed_steps": 20, "positions_per_step": 2000,
            }  # fmt: skip
        else:
            figures |= {
                "users": settings["users"], "seconds": settings["users"] * settings["items"] / 5e7,
                "users_per_second": 5e7 / settings["items"], "evaluations": 3,
                "peak_mib": 300 + settings["users"] / 500 + settings["items"] / 1000,
            }  # fmt: skip
        results["measurements"][one.name] = record(one, figures)
    return results


def write_results(folder, **files):
    """Write results into a folder and return it: those made up, unless others are given."""
    made = {"systems": system_results, "models": model_results, "scaling": scaling_results}
    for group, name in FILES.items():
        write(folder / name, files[group] if group in files else made[group]())
    return folder
