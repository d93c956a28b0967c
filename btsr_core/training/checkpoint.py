"""Where a training stands, and its checkpoint: one safetensors file, written atomically.

Such a file carries the sum of what it holds, so that nothing is resumed from a damaged one.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from btsr_core.config import Experiment
from btsr_core.errors import InputError, is_damage, printable
from btsr_core.files import atomic_path, remove
from btsr_core.model.sasrec import SASRec

State = dict[str, Tensor]
SAID, SUM = "said", "sha256"
"""Names in a file's metadata."""


DIVERGED = "diverged.safetensors"
"""File beside a checkpoint for the best weights of a training whose loss stopped being a number."""


class DivergedError(InputError):
    """The loss stopped being a number after good epochs, and `DIVERGED` keeps the best of them."""


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


def save_checkpoint(
    path: Path, model: SASRec, adam: torch.optim.Adam, progress: Progress, experiment: Experiment
) -> None:
    """Write model, optimiser and progress to one safetensors file, atomically."""
    tensors: State = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in progress.best_state.items()}
    for index, state in adam.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{name}": tensor for name, tensor in state.items()}
    if progress.importance is not None:
        tensors["importance"] = progress.importance
    said = {
        "experiment": experiment.without_places(),
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "threads": progress.threads,
    }
    save_state(path, tensors, said)


def resume(
    path: Path, model: SASRec, adam: torch.optim.Adam, experiment: Experiment
) -> Progress | None:
    """Go on from a checkpoint as `load_checkpoint`; say so and remove it where that cannot be."""
    if not path.exists():
        return None
    try:
        return load_checkpoint(path, model, adam, experiment)
    except InputError as error:
        tqdm.write(printable(f"btsr: {error}; training begins anew"), file=sys.stderr)
        remove(path)
        return None


def load_checkpoint(
    path: Path, model: SASRec, adam: torch.optim.Adam, experiment: Experiment
) -> Progress:
    """Restore `model` and `adam` in place and return the progress.

    Raises
    ------
    InputError
        If the file is damaged or belongs to another training; model and optimiser are as before.
    """
    said, tensors = load_state(path)
    # Through JSON, as what was written: tuples come back as lists.
    if said.get("experiment") != json.loads(json.dumps(experiment.without_places())):
        raise InputError(f"{path} belongs to another training")
    own, best, kept = (_under(tensors, f"{part}/") for part in ("model", "best", "adam"))
    if not _shapes(model.state_dict()) == _shapes(own) == _shapes(best) or not kept:
        raise InputError(f"{path} lacks a part of the model or the optimiser's state")
    model.load_state_dict(own)
    groups = adam.state_dict()["param_groups"]
    state: dict[int, State] = {}
    for name, tensor in kept.items():
        index, _, field = name.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    adam.load_state_dict({"state": state, "param_groups": groups})
    importance = tensors.get("importance")
    if importance is not None:
        importance = importance.to(model.item_table.device)
    return Progress(said["history"], said["best_epoch"], best, said["threads"], importance)


def diverged(error: Exception, progress: Progress, checkpoint: Path | None) -> InputError:
    """Return the error for a loss that is not a number, with the weights of the best epoch kept."""
    said = f"{error}; lower lr or alpha"
    if checkpoint is None or not progress.best_epoch:
        return InputError(said)
    path = checkpoint.with_name(DIVERGED)
    told = {"best_epoch": progress.best_epoch, "epochs": progress.epoch}
    save_state(path, progress.best_state, told)
    return DivergedError(
        f"{said}. {path} keeps the weights of epoch {progress.best_epoch}, the best"
    )


def save_state(path: Path, tensors: State, said: Mapping[str, Any]) -> None:
    """Write tensors, and what is to be said of them, to one safetensors file with their sum."""
    text = json.dumps(said)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={SAID: text, SUM: _sum(text, tensors)})


def load_state(path: Path) -> tuple[dict[str, Any], State]:
    """Read what `save_state` wrote: what is said of the tensors, and the tensors.

    Raises
    ------
    InputError
        If the file holds anything else than was written.
    """
    try:
        with safe_open(path, framework="pt") as content:
            written = content.metadata()
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        intact = written[SUM] == _sum(written[SAID], tensors)
        said = json.loads(written[SAID])
    except Exception as error:
        if is_damage(error):
            raise InputError(f"{path} is damaged ({error})") from None
        raise
    if not intact:
        raise InputError(f"{path} is damaged (it holds another content than its sum says)")
    return said, tensors


def _sum(said: str, tensors: State) -> str:
    """Return the SHA-256 of everything that a file of tensors holds, in whatever order it stands.

    Unlike that of the file, it is had without a second copy of the tensors in memory.
    """
    digest = hashlib.sha256(said.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shapes(tensors: State) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _under(tensors: State, prefix: str) -> State:
    """Return the tensors whose names start with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
