"""One point of a scaling curve, on made-up sequences: `python -m benchmarks.scaling JSON`."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.data import Benchmark, IntArray, synthetic, usual_lengths
from benchmarks.ours import CPU, Trainer, eval_set_of, experiment_of, train_set_of
from benchmarks.process import (
    Figures,
    Settings,
    Timing,
    forget_peak,
    peak_mib,
    repeat,
    resident_mib,
    rounded,
    serve,
)
from btsr_core.evaluation.evaluate import evaluate_model
from btsr_core.machine.allocator import keep_freed_memory
from btsr_core.training.train import build_model

PROBE_USERS = 512
"""Users that are ranked first, to warm up and to tell how long all would take."""


def measure_step(settings: Settings, _: Path | None) -> Figures:
    """Time a training step, the mean over a few steps, and the memory of training."""
    size, steps = settings["batch_size"], settings["steps"]
    if settings["full_length"]:
        lengths = np.full(size * steps, settings["max_len"] + 1)
    else:
        lengths = usual_lengths(size * steps)
    data = synthetic(settings["items"], lengths, lengths[:0])
    train_set = train_set_of(data)
    baseline = resident_mib()
    trainer = Trainer(experiment_of(settings), settings["items"])
    trainer.run(train_set)
    epoch = repeat(lambda: trainer.run(train_set), min_seconds=settings["min_seconds"])
    step = epoch.median / steps
    return rounded(
        {
            "step_seconds": step,
            "positions_per_step": round(data.n_targets(settings["max_len"]) / steps),
            "users_per_second": size / step,
            "timed_steps": steps * len(epoch.seconds),
            "baseline_mib": baseline,
            "peak_mib": peak_mib(),
            "other_load": epoch.other_load,
        }
    )


def measure_ranking(settings: Settings, _: Path | None) -> Figures:
    """Time the full-catalogue evaluation of made-up users by an untrained model."""
    data = synthetic(settings["items"], _none(), usual_lengths(settings["users"]))
    config = experiment_of(settings)
    model = build_model(config, settings["items"], CPU)
    baseline = resident_mib()
    forget_peak()  # what making up the data took

    def rank(part: Benchmark) -> None:
        evaluate_model(model, eval_set_of(part), config.model.max_len).metrics()

    probe = repeat(lambda: rank(_first_users(data, PROBE_USERS)))
    expected = probe.median * settings["users"] / PROBE_USERS
    if expected > settings["most_seconds"]:
        return {
            "not_measured": f"{settings['users']} users would take {expected:.0f} s, longer than "
            f"{settings['most_seconds']} s; the memory is that of {PROBE_USERS} users",
            **_ranking_figures(PROBE_USERS, probe, baseline),
        }
    timing = repeat(lambda: rank(data), min_seconds=settings["min_seconds"])
    return _ranking_figures(settings["users"], timing, baseline)


def _ranking_figures(users: int, timing: Timing, baseline: float | None) -> Figures:
    return rounded(
        {
            "users": users,
            "seconds": timing.median,
            "evaluations": len(timing.seconds),
            "users_per_second": users / timing.median,
            "baseline_mib": baseline,
            "peak_mib": peak_mib(),
            "other_load": timing.other_load,
        }
    )


def _first_users(data: Benchmark, users: int) -> Benchmark:
    part = {
        name: getattr(data, name)[:users]
        for name in ("test_starts", "test_lengths", "test_targets")
    }
    return Benchmark(**{**data.__dict__, **part})


def _none() -> IntArray:
    return np.zeros(0, dtype=np.int64)


CURVES = {"step": measure_step, "ranking": measure_ranking}


def measure(settings: Settings, path: Path | None) -> Figures:
    """Measure the kind of point that the settings name."""
    torch.set_num_threads(settings["threads"])
    keep_freed_memory()
    return CURVES[settings["point"]](settings, path)


if __name__ == "__main__":
    serve(measure)
