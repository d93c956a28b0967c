"""Where a training stands, and its checkpoint: one safetensors file, written atomically."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from btsr_core.config import Experiment
from btsr_core.errors import InputError
from btsr_core.files import atomic_path
from btsr_core.model.sasrec import SASRec

State = dict[str, Tensor]


@dataclass
class Progress:
    """Where a training stands after an epoch; with the model and Adam, all that a resume needs.

    Attributes
    ----------
    history
        One record an epoch: losses, validation metrics, seconds.
    best_epoch
        1-based; 0 before the first epoch.
    best_state
        Weights of the best epoch.
    threads
        Of the CPU. Other numbers of them sum in another order, hence to other last bits.
    importance
        (N,) of the items of the training sequences when it was last computed, for a regulariser
        that uses it.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best_state: State
    threads: int
    importance: Tensor | None = None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    def is_finished(self, experiment: Experiment) -> bool:
        """Whether the epochs or the patience are used up."""
        waited = self.epoch - self.best_epoch
        return self.epoch >= experiment.train.max_epochs or waited >= experiment.train.patience


def save_checkpoint(path: Path, model: SASRec, adam: torch.optim.Adam, progress: Progress) -> None:
    """Write model, optimiser and progress to one safetensors file, atomically."""
    tensors: State = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in progress.best_state.items()}
    for index, state in adam.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{name}": tensor for name, tensor in state.items()}
    if progress.importance is not None:
        tensors["importance"] = progress.importance
    said = {
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "threads": progress.threads,
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"progress": json.dumps(said)})


def load_checkpoint(path: Path, model: SASRec, adam: torch.optim.Adam) -> Progress:
    """Restore `model` and `adam` in place and return the progress.

    Raises
    ------
    InputError
        If the file is damaged or belongs to another model.
    """
    try:
        with safe_open(path, framework="pt") as content:
            said: dict[str, Any] = json.loads(content.metadata()["progress"])
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        model.load_state_dict(_under(tensors, "model/"))
        groups = adam.state_dict()["param_groups"]
        state: dict[int, State] = {}
        for name, tensor in _under(tensors, "adam/").items():
            index, _, field = name.partition("/")
            state.setdefault(int(index), {})[field] = tensor
        adam.load_state_dict({"state": state, "param_groups": groups})
        best = _under(tensors, "best/")
        importance = tensors.get("importance")
        if importance is not None:
            importance = importance.to(model.item_table.device)
        return Progress(said["history"], said["best_epoch"], best, said["threads"], importance)
    except Exception as error:
        raise InputError(
            f"checkpoint {path} cannot be read ({error}); delete it to train from the start"
        ) from error


def _under(tensors: State, prefix: str) -> State:
    """Return the tensors whose names start with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
