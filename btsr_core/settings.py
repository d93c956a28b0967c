"""Settings of the loss: which objective, which regulariser, and what each can be told.

Both are discriminated unions: a setting belongs to the objective or the regulariser that uses it,
and to no other, so that a description says nothing that has no effect.
"""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Scaling = Literal["per-dimension", "sum"]
View = Literal["partner", "dropout", "crop", "mask", "reorder", "substitute"]

VIEW_SHARES: Mapping[str, float] = MappingProxyType(
    {"crop": 0.6, "mask": 0.3, "reorder": 0.6, "substitute": 0.3}
)
"""Share of a history's items that a view keeps (crop) or changes; the first three are CL4SRec's."""

MOST = 2**31 - 1
"""Of any count: larger ones do not fit the integers that libraries take."""
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrNone = Annotated[int, Field(ge=0, le=MOST)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Description(BaseModel):
    """Part of an experiment's description: frozen, validated, without unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Objective(Description):
    """A next-item loss."""

    label: ClassVar[str]
    """In prose, tables and figures."""


class CE(Objective):
    """Full-softmax cross-entropy (Eq. 3)."""

    label = "CE"
    name: Literal["ce"] = "ce"


class BCE(Objective):
    """Binary cross-entropy on sampled negatives (Eq. 1)."""

    label = "BCE"
    name: Literal["bce"] = "bce"
    n_negatives: Count = 1
    """K; one is SASRec's own choice."""
    reduction: Literal["sum", "mean"] = "sum"
    """Over the 1 + K terms: `sum` is Eq. 1."""


class GBCE(Objective):
    """BCE whose positive probability is raised to a power below one, as in gSASRec."""

    label = "gBCE"
    name: Literal["gbce"] = "gbce"
    n_negatives: Count = 256
    """K; the default and that of t are gSASRec's."""
    t: Annotated[float, Field(ge=0, le=1)] = 0.75
    """Calibration: 0 is BCE, 1 undoes the overconfidence that sampling causes."""


class SCE(Objective):
    """Softmax over hard negatives found by random buckets (Eq. 4)."""

    label = "SCE"
    name: Literal["sce"] = "sce"
    bucket_items: Count = 256
    """Items a bucket."""
    n_buckets: CountOrNone = 0
    """Buckets a batch; 0 takes floor(2 sqrt(N)) for N positions, as its authors do."""
    bucket_positions: CountOrNone = 0
    """Positions a bucket; 0 likewise."""
    mix: bool = True
    """Whether directions are mixtures of the positions, or plain Gaussian."""


class Regulariser(Description):
    """A term beside the objective."""

    label: ClassVar[str]
    """In prose, tables and figures."""
    system: ClassVar[str | None] = None
    """What the field calls a SASRec with this term and cross-entropy, if it has a name for it."""


class NoRegulariser(Regulariser):
    """The objective alone."""

    label = "no regulariser"
    name: Literal["none"] = "none"


class SecondView(Regulariser):
    """A regulariser between the anchors and one other view of them."""

    view: View = "partner"
    """The other view: a same-target partner (§3.2), a second dropout pass, or an augmentation."""
    view_share: Share | None = None
    """Share of the items that crop keeps, or that mask, reorder and substitute change; by default
    that of `VIEW_SHARES`. The other views have none."""
    projection_dim: CountOrNone = 0
    """Outputs of a projection head between the encoder and the loss; 0 is no head, as in §3.3."""

    @model_validator(mode="before")
    @classmethod
    def _default_share(cls, value: Any) -> Any:
        # Filled in here, not where it is used: a default and the same share in so many words are
        # one description, with one hash.
        if isinstance(value, dict) and value.get("view_share") is None:
            return {**value, "view_share": VIEW_SHARES.get(str(value.get("view")))}
        return value

    @model_validator(mode="after")
    def _share_has_a_view(self) -> "SecondView":
        if self.view_share is not None and self.view not in VIEW_SHARES:
            raise ValueError(
                f"view_share has no meaning for view {self.view!r}; "
                f"it belongs to {', '.join(VIEW_SHARES)}"
            )
        return self


class BarlowTwins(SecondView):
    """Redundancy reduction (§3.3); a view other than `partner` is the ablation of §5.2."""

    label = "Barlow Twins"
    system = "BT-SR"
    name: Literal["barlow-twins"] = "barlow-twins"
    lam: Weight = 0.1
    """Weight of the off-diagonal terms inside L_BT (lambda in Eq. 7)."""
    scaling: Scaling = "per-dimension"
    """`sum` is Eq. 7 as printed; `per-dimension` divides it by D, as the public code does."""


class VICReg(SecondView):
    """Variance, invariance, covariance (Bardes et al., ICLR 2022); the weights are its authors'."""

    label = "VICReg"
    name: Literal["vicreg"] = "vicreg"
    invariance: Weight = 25.0
    variance: Weight = 25.0
    covariance: Weight = 1.0


class CL4SRec(Regulariser):
    """InfoNCE between two augmentations of the anchor; its authors' alpha is 0.1."""

    label = "CL4SRec"
    system = "CL4SRec"
    name: Literal["cl4srec"] = "cl4srec"
    crop: Share = 0.6
    """Share of the items that cropping keeps (eta)."""
    mask: Share = 0.3
    """Share that masking hides (gamma)."""
    reorder: Share = 0.6
    """Share that reordering shuffles (beta)."""
    temperature: Positive = 1.0


class DuoRec(Regulariser):
    """InfoNCE between a second dropout pass and a partner view; its authors' alpha is 0.1."""

    label = "DuoRec"
    system = "DuoRec"
    name: Literal["duorec"] = "duorec"
    temperature: Positive = 1.0
    drop_same_target: bool = False
    """Whether rows that share the anchor's target are no negatives; the public code keeps them."""


class EC4SRec(Regulariser):
    """Contrasts between views that saliency guides, self-supervised; its authors' alpha is 0.1."""

    label = "EC4SRec"
    system = "EC4SRec"
    name: Literal["ec4srec"] = "ec4srec"
    positive_share: Share = 0.3
    """r of the positive views: the share of a history's items, the most important, that stays."""
    negative_share: Share = 0.7
    """r of the negative view, where the least important stay."""
    temperature: Positive = 1.0
    """Of InfoNCE between the positive views."""
    negative_temperature: Positive = 0.1
    """Of the contrast between the negative views."""
    negative_weight: Weight = 0.5
    """Of that contrast beside InfoNCE: the authors' 0.05 over their 0.1."""
    update_epochs: Annotated[tuple[Count, ...], Field(min_length=1)] = (15, 30)
    """Epochs done when the explanations are computed anew, ascending; before the first, the
    objective is trained alone. In a text they stand as 15+30."""

    @field_validator("update_epochs", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value.split("+") if isinstance(value, str) else value

    @field_validator("update_epochs")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(value)):
            raise ValueError("must be ascending")
        return value


def _by_name(union: Any) -> Mapping[str, Any]:
    """Return the classes of a union by their names, in its order."""
    return MappingProxyType({one.model_fields["name"].default: one for one in get_args(union)})


AnyObjective = CE | BCE | GBCE | SCE
AnyRegulariser = NoRegulariser | BarlowTwins | VICReg | CL4SRec | DuoRec | EC4SRec
OBJECTIVES: Mapping[str, type[AnyObjective]] = _by_name(AnyObjective)
REGULARISERS: Mapping[str, type[AnyRegulariser]] = _by_name(AnyRegulariser)
CHOICES: Mapping[str, Mapping[str, type[AnyObjective] | type[AnyRegulariser]]] = MappingProxyType(
    {"objective": OBJECTIVES, "regulariser": REGULARISERS}
)
"""The settings of the loss that choose among classes with settings of their own."""


class LossConfig(Description):
    """L = L_pred + alpha * L_reg (Eq. 8, where the regulariser is L_BT)."""

    objective: Annotated[AnyObjective, Field(discriminator="name")] = CE()
    regulariser: Annotated[AnyRegulariser, Field(discriminator="name")] = BarlowTwins()
    alpha: Weight = 0.2
    """Weight of the regulariser."""

    @field_validator("objective", "regulariser", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def is_regularised(self) -> bool:
        """Whether the regulariser contributes to the loss at all."""
        return self.regulariser.name != "none" and self.alpha > 0

    @property
    def regulariser_name(self) -> str:
        """The regulariser that contributes to the loss, `none` where its weight is 0."""
        return self.regulariser.name if self.is_regularised else "none"

    @property
    def projection_dim(self) -> int:
        """Outputs of the regulariser's projection head, which the model must then have; 0: none."""
        chosen = self.regulariser
        if self.is_regularised and isinstance(chosen, SecondView):
            return chosen.projection_dim
        return 0

    @property
    def update_epochs(self) -> tuple[int, ...]:
        """Epochs done when the importance of items is computed anew, for a loss that uses it."""
        if self.is_regularised and isinstance(self.regulariser, EC4SRec):
            return self.regulariser.update_epochs
        return ()

    @property
    def uses_mask_token(self) -> bool:
        """Whether a view hides items behind a mask token, which the model must then have."""
        chosen = self.regulariser
        hides = isinstance(chosen, CL4SRec | EC4SRec) or (
            isinstance(chosen, SecondView) and chosen.view == "mask"
        )
        return self.is_regularised and hides


def own_settings(kind: str, name: str) -> list[str]:
    """Return the names of the own settings of an objective or a regulariser.

    Parameters
    ----------
    kind
        `objective` or `regulariser`.
    name
        Which; an unknown one has none.
    """
    if name not in CHOICES[kind]:
        return []
    return [field for field in CHOICES[kind][name].model_fields if field != "name"]
