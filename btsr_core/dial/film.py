"""An encoder that is told alpha: its layer normalisations are scaled and shifted by it.

FiLM (Perez et al., AAAI 2018), fed with the weight of a loss as in loss-conditional training
(Dosovitskiy and Djolonga, ICLR 2020). What is modulated are the weights w and b that a layer
normalisation has anyway,

w(alpha) = w (1 + gamma),    b(alpha) = b (1 + gamma) + beta,

so that for every alpha the model can be written out as a plain one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from btsr_core.config import ModelConfig
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.sampler import seed_of
from btsr_core.training.checkpoint import State

CONDITIONER = "conditioner."
"""How the names of the weights begin that a plain model does not have."""


class FilmNorm(nn.LayerNorm):
    """A layer normalisation that is modulated from outside; plain until it is."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.modulation: tuple[Tensor, Tensor] | None = None

    @property
    def modulated(self) -> tuple[Tensor, Tensor]:
        """(D,) weight and bias under the modulation."""
        if self.modulation is None:
            return self.weight, self.bias
        gamma, beta = self.modulation
        return self.weight * (1 + gamma), self.bias * (1 + gamma) + beta

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., D), then scale and shift."""
        return F.layer_norm(x, self.normalized_shape, *self.modulated, self.eps)


class ConditionedSASRec(SASRec):
    """A SASRec whose layer normalisations depend on a share between 0 and 1.

    With h the conditioner's hidden units and V its last layer, (gamma, beta) at a share s is

    V (h(s) - h(1/2)).

    So what all shares have in common is left to the weights that a plain model has too, which are
    those at 1/2. Otherwise the many weights of the conditioner would together move every scale much
    faster than an optimiser's step moves other weights, and the model would overfit early. It
    begins as the plain model that the same random numbers give: V is zero.

    Parameters
    ----------
    n_items, config
        As of `SASRec`.
    width
        Hidden units of the conditioner.
    """

    def __init__(self, n_items: int, config: ModelConfig, width: int) -> None:
        super().__init__(n_items, config)
        for block in self.blocks:
            block.attention_norm = FilmNorm(config.dim)
            block.network_norm = FilmNorm(config.dim)
        self.norm = FilmNorm(config.dim)
        hidden, last = nn.Linear(1, width), nn.Linear(width, self._n_modulated, bias=False)
        nn.init.zeros_(last.weight)
        self.conditioner = nn.ModuleDict({"hidden": hidden, "last": last})

    @property
    def _n_modulated(self) -> int:
        """Scales and shifts of all layer normalisations."""
        return sum(2 * norm.weight.numel() for norm in self._norms.values())

    @property
    def _norms(self) -> dict[str, FilmNorm]:
        return {name: part for name, part in self.named_modules() if isinstance(part, FilmNorm)}

    def turn(self, share: float) -> None:
        """Modulate by a share from now on; gradients reach the conditioner."""
        places = self.item_table.new_tensor([[2 * share - 1], [0.0]])  # centred, and the middle
        here, middle = F.silu(self.conditioner["hidden"](places))
        norms = self._norms.values()
        told: Tensor = self.conditioner["last"](here - middle)
        modulations = told.view(len(norms), 2, -1)
        for norm, (gamma, beta) in zip(norms, modulations, strict=True):
            norm.modulation = gamma, beta

    @torch.no_grad()
    def written_out(self, share: float) -> State:
        """Return the weights of the plain model that this one is for a share."""
        self.turn(share)
        state = {
            name: tensor.clone()
            for name, tensor in self.state_dict().items()
            if not name.startswith(CONDITIONER)
        }
        for name, norm in self._norms.items():
            state[f"{name}.weight"], state[f"{name}.bias"] = norm.modulated
        return state


def build_conditioned(
    n_items: int, config: ModelConfig, width: int, seed: int, device: torch.device
) -> ConditionedSASRec:
    """Return the untrained model of a seed: the same weights on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(seed, "weights"))
        return ConditionedSASRec(n_items, config, width).to(device)
