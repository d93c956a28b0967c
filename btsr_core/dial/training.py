"""Train a dial: one conditioned model, or two fine-tunes from one start.

Every training has a checkpoint of its own and can be killed at any moment; resumed on a CPU it
ends with the same weights, bit for bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from btsr_core.config import Experiment
from btsr_core.data.protocol import EvalSet
from btsr_core.dial.artefact import Dial
from btsr_core.dial.film import ConditionedSASRec, build_conditioned
from btsr_core.dial.interpolation import ends
from btsr_core.dial.records import STAGES
from btsr_core.dial.settings import CHECKED, Conditioning, DialConfig, Interpolation
from btsr_core.experiment import Prepared, run_experiment
from btsr_core.sequences.sampler import generator
from btsr_core.settings import LossConfig
from btsr_core.training.checkpoint import State
from btsr_core.training.train import build_model, fit_model, validation_metrics

Runs = str | Path | None


@dataclass(frozen=True, eq=False)
class Trained:
    """A dial, and what its making took.

    Attributes
    ----------
    dial
        The artefact.
    stages, curves
        As of `records.DialRecord`.
    """

    dial: Dial
    stages: pd.DataFrame
    curves: pd.DataFrame


def train_dial(
    config: DialConfig,
    data: Prepared,
    *,
    folder: Path,
    device: torch.device,
    runs: Runs = None,
    mirror: Runs = None,
    progress: bool = True,
) -> Trained:
    """Train a dial, from its checkpoints if there are any.

    Parameters
    ----------
    config
        What to train.
    data
        What to train on.
    folder
        For checkpoints, of this dial alone.
    device
        Where to train.
    runs, mirror
        As for `run_experiment`, which trains the start of fine-tunes.
    progress
        Whether to draw bars on standard error.

    Raises
    ------
    InputError
        As `training.train.fit`.
    """
    if isinstance(config.settings, Conditioning):
        return _conditioned(config, config.settings, data, folder, device, progress)
    return _interpolated(config, config.settings, data, folder, device, runs, mirror, progress)


def drawn_losses(config: DialConfig, model: ConditionedSASRec, epoch: int) -> Iterator[LossConfig]:
    """Yield the loss of every batch of an epoch, and turn the model to its alpha.

    alpha is drawn uniformly from the range, from a stream of its own: batches, partners and dropout
    are those of the plain model of this seed.
    """
    # On the CPU whatever the device: one float a batch, and the same ones everywhere.
    stream = generator(torch.device("cpu"), config.seed, "alpha", epoch)
    while True:
        share = torch.rand((), generator=stream, dtype=torch.float64).item()
        model.turn(share)
        yield config.at(config.alpha(share)).loss


def _conditioned(
    config: DialConfig,
    settings: Conditioning,
    data: Prepared,
    folder: Path,
    device: torch.device,
    progress: bool,
) -> Trained:
    n_items = data.split.n_items
    described = _trained_for(config.experiment, settings.epochs)
    model = build_conditioned(n_items, described.model, settings.width, config.seed, device)
    plain = build_model(described, n_items, device)

    def validate(valid: EvalSet) -> dict[str, float]:
        found: dict[float, dict[str, float]] = {}
        for share in CHECKED:
            plain.load_state_dict(model.written_out(share))
            found[config.alpha(share)] = validation_metrics(plain.eval(), valid, described)
        means = pd.DataFrame(found).mean(axis=1)
        each = {at_alpha(m, alpha): v for alpha, own in found.items() for m, v in own.items()}
        return {str(name): float(value) for name, value in means.items()} | each

    done = fit_model(
        model,
        described,
        data.split,
        checkpoint=folder / "conditioned.safetensors",
        show_progress=progress,
        losses=lambda epoch: drawn_losses(config, model, epoch),
        validate=validate,
    )
    history = pd.DataFrame(done.history)
    stages = [_stage("conditioned", np.nan, done.best_epoch, history)]
    return _trained(config, data, done.best_state, stages, [history])


def _interpolated(
    config: DialConfig,
    settings: Interpolation,
    data: Prepared,
    folder: Path,
    device: torch.device,
    runs: Runs,
    mirror: Runs,
    progress: bool,
) -> Trained:
    middle = config.alpha(settings.start)
    start = run_experiment(
        config.at(middle), runs=runs, mirror=mirror, device=device, progress=progress
    )
    stages = [_stage("start", middle, int(start.summary["best_epoch"]), start.history)]
    histories, states = [start.history], []
    for end, alpha in (("low", config.low), ("high", config.high)):
        described = _trained_for(config.at(alpha), settings.epochs, lr=settings.lr)
        model = start.model(device)
        done = fit_model(
            model,
            described,
            data.split,
            checkpoint=folder / f"{end}.safetensors",
            show_progress=progress,
            keep="last",
        )
        states.append(done.best_state)
        histories.append(pd.DataFrame(done.history))
        stages.append(_stage(end, alpha, done.best_epoch, histories[-1]))
    return _trained(config, data, ends(*states), stages, histories)


def at_alpha(metric: str, alpha: float) -> str:
    """Return what a metric at one alpha is called among the curves of a conditioned model."""
    return f"{metric}/{alpha:.4g}"


def _trained_for(experiment: Experiment, epochs: int, **settings: float) -> Experiment:
    """Return an experiment that trains a fixed number of epochs."""
    update = {"max_epochs": epochs, "patience": epochs, **settings}
    return experiment.model_copy(update={"train": experiment.train.model_copy(update=update)})


def _stage(name: str, alpha: float, kept: int, history: pd.DataFrame) -> dict[str, Any]:
    seconds = float(history["seconds"].sum())
    return dict(zip(STAGES, (name, alpha, kept, len(history), seconds), strict=True))


def _trained(
    config: DialConfig,
    data: Prepared,
    tensors: State,
    stages: list[dict[str, Any]],
    histories: list[pd.DataFrame],
) -> Trained:
    dial = Dial(config, data.split.n_items, data.interactions.fingerprint, tensors)
    table = pd.DataFrame(stages, columns=STAGES)
    curves = pd.concat(histories, ignore_index=True)
    curves.insert(0, "stage", np.repeat(table["stage"].to_numpy(), table["epochs"]))
    return Trained(dial, table, curves)
