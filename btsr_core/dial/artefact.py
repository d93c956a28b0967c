"""A trained dial, and its file: one safetensors file with its description, written atomically."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from btsr_core.dial.film import build_conditioned
from btsr_core.dial.interpolation import between
from btsr_core.dial.settings import Conditioning, DialConfig
from btsr_core.errors import InputError
from btsr_core.files import atomic_path
from btsr_core.model.sasrec import SASRec
from btsr_core.sealed import ALTERED, BLANK, KEY, is_intact, sealed
from btsr_core.training.checkpoint import State
from btsr_core.training.train import build_model

SUFFIX = ".safetensors"
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Dial:
    """Models for every alpha of a range, in one.

    Attributes
    ----------
    config
        What was trained.
    n_items
        Size of the catalogue.
    fingerprint
        Content hash of the interactions that it was trained on.
    tensors
        Its weights: those of a conditioned model, or both `interpolation.ends`.
    """

    config: DialConfig
    n_items: int
    fingerprint: str
    tensors: State

    @property
    def dial_id(self) -> str:
        """The hash of its description and data."""
        return self.config.dial_id(self.fingerprint)

    def model_at(self, alpha: float) -> SASRec:
        """Return the plain model for an alpha, ready to score, on the CPU.

        Raises
        ------
        InputError
            If alpha lies outside of the range.
        """
        weights = self._weights(self.config.share(alpha))
        model = build_model(self.config.experiment, self.n_items, CPU)
        model.load_state_dict(weights)
        return model.eval()

    def _weights(self, share: float) -> State:
        settings, experiment = self.config.settings, self.config.experiment
        if not isinstance(settings, Conditioning):
            return between(self.tensors, share)
        model = build_conditioned(
            self.n_items, experiment.model, settings.width, self.config.seed, CPU
        )
        model.load_state_dict(self.tensors)
        return model.written_out(share)


def save_dial(dial: Dial, folder: Path) -> Path:
    """Write a dial into a folder, atomically, named by its id; return its path."""
    described = {
        "config": dial.config.model_dump(),
        "n_items": dial.n_items,
        "fingerprint": dial.fingerprint,
    }
    path = folder / f"{dial.dial_id}{SUFFIX}"
    tensors = {name: tensor.cpu().contiguous() for name, tensor in dial.tensors.items()}
    metadata = {"dial": json.dumps(described), KEY.decode(): BLANK.decode()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(sealed(save(tensors, metadata=metadata)))
    return path


def load_dial(path: Path) -> Dial:
    """Read a dial.

    Raises
    ------
    InputError
        If the file is missing or damaged, or holds something else than its name says.
    """
    try:
        if not is_intact(path.read_bytes()):
            raise OSError(ALTERED)
        with safe_open(path, framework="pt") as content:
            described = json.loads(content.metadata()["dial"])
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        dial = Dial(
            DialConfig.model_validate(described["config"]),
            int(described["n_items"]),
            str(described["fingerprint"]),
            tensors,
        )
        dial.model_at(dial.config.low)  # its weights fit its description
        if dial.dial_id != path.stem:
            raise ValueError(f"it is dial {dial.dial_id}")
        if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
            raise ValueError("a weight is not finite")
    except Exception as error:
        raise InputError(
            f"dial {path} cannot be read ({' '.join(str(error).split())}); restore it, or delete "
            "it and the record beside it, and run `btsr dial`"
        ) from error
    return dial
