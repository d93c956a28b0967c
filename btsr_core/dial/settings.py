"""What a dial is made of: its kind, its own settings, and the range that it serves."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from btsr_core.config import RECIPE, Experiment, name_of
from btsr_core.errors import InputError
from btsr_core.settings import Count, Description

DIAL_RECIPE = 1
"""Part of every dial's name; raise it when the same description would train to another dial."""

CHECKED = (0.0, 0.4, 1.0)
"""Where in its range a conditioned model is validated, from 0 to 1."""

_Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Conditioning(Description):
    """One model that is told alpha (loss-conditional training, Dosovitskiy and Djolonga 2020)."""

    label: ClassVar[str] = "a conditioned model"
    kind: Literal["conditioned"] = "conditioned"
    epochs: Count = 120
    """As many are trained; the one with the best mean validation ndcg@10 is kept."""
    width: Count = 64
    """Hidden units of the network that turns alpha into scales and shifts."""


class Interpolation(Description):
    """Two models on the line between which the others lie."""

    label: ClassVar[str] = "an interpolated model"
    kind: Literal["interpolated"] = "interpolated"
    start: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Where in the range the common start is trained, which is stopped early. In the middle both
    ends are as near; from alpha = 0 they start with a model that has fitted without a regulariser.
    """
    epochs: Count = 30
    """Of each of the two fine-tunes; the last is kept."""
    lr: _Rate = 1e-3
    """Learning rate of the fine-tunes."""


AnyKind = Conditioning | Interpolation
KINDS: Mapping[str, type[AnyKind]] = MappingProxyType(
    {one.model_fields["kind"].default: one for one in get_args(AnyKind)}
)


class DialConfig(Description):
    """Everything that determines a dial, but for the data's content."""

    experiment: Experiment
    """At the upper end of the range; the loss of every other alpha differs in nothing else."""
    settings: Annotated[AnyKind, Field(discriminator="kind")]
    low: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """The least alpha that it serves; `experiment.loss.alpha` is the greatest."""

    @property
    def kind(self) -> str:
        """How it is made."""
        return self.settings.kind

    @property
    def high(self) -> float:
        """The greatest alpha that it serves."""
        return self.experiment.loss.alpha

    @property
    def seed(self) -> int:
        """Of its training."""
        return self.experiment.train.seed

    def share(self, alpha: float) -> float:
        """Return where in the range alpha lies, from 0 to 1.

        Raises
        ------
        InputError
            If it lies outside.
        """
        if not self.low <= alpha <= self.high:
            raise InputError(
                f"alpha = {alpha:g} is outside of what this dial serves, "
                f"{self.low:g} to {self.high:g}"
            )
        return (alpha - self.low) / (self.high - self.low)

    def alpha(self, share: float) -> float:
        """Return the alpha that lies at a share of the range: the inverse of `share`."""
        return self.low + share * (self.high - self.low)

    def at(self, alpha: float) -> Experiment:
        """Return the experiment with another weight of its regulariser."""
        loss = self.experiment.loss.model_copy(update={"alpha": alpha})
        return self.experiment.model_copy(update={"loss": loss})

    def dial_id(self, fingerprint: str) -> str:
        """Return the dial's name: 16 hexadecimal digits that depend on everything here.

        Parameters
        ----------
        fingerprint
            Content hash of the interactions, see `datasets.Interactions`.
        """
        own = self.model_dump() | {"experiment": self.experiment.without_places()}
        return name_of({"recipe": [RECIPE, DIAL_RECIPE], "fingerprint": fingerprint, **own})


def dial_config(experiment: Experiment, kind: str, low: float = 0.0) -> DialConfig:
    """Return the dial of a kind, with that kind's own settings, up to the experiment's alpha.

    Raises
    ------
    InputError
        If there is no such kind, nothing to dial, or the regulariser needs a model of its own.
    """
    if kind not in KINDS:
        raise InputError(f"kind = {kind!r}: must be one of {', '.join(KINDS)}")
    loss = experiment.loss
    if not loss.is_regularised or not low < loss.alpha:
        raise InputError(f"alpha = {loss.alpha:g}: a dial needs a regulariser and a range of alpha")
    if loss.uses_mask_token or loss.projection_dim or loss.update_epochs:
        raise InputError(
            f"a dial of {loss.regulariser.name} cannot be made with these settings: at every alpha "
            "it must be a plain encoder, without a mask token, a projection head or explanations"
        )
    return DialConfig(experiment=experiment, settings=KINDS[kind](), low=low)
