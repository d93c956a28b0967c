"""Whether probabilities mean what they say (§6: "more confident and better calibrated").

The paper defines neither word. Here are confidence, entropy, the likelihood of the target and the
calibration error, with and without a temperature that puts right what one number can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from btsr_core.analysis.confidence import Confidence, confidences, fit_temperature
from btsr_core.data.protocol import EvalSet
from btsr_core.evaluation.evaluate import rank
from btsr_core.evaluation.scorers import Scorer

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Bins = Literal["width", "mass"]

N_BINS = 15
RANKS = (*range(1, 11), 20, 50)
"""Where the logistic probability of binary models is looked at."""


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, bin by bin.

    Attributes
    ----------
    edges
        (bins + 1,) of confidence.
    confidence, accuracy
        (bins,) means over the users in a bin, NaN in an empty one.
    count
        (bins,) users.
    """

    edges: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    count: IntArray


def reliability(found: Confidence, bins: Bins, n_bins: int = N_BINS) -> Reliability:
    """Return mean confidence and accuracy of the first item in bins of confidence.

    Parameters
    ----------
    found
        Of U users.
    bins
        Of equal `width` between 0 and 1, or of equal `mass`: at quantiles, where equal
        confidences share a bin, so that masses can differ and bins be empty.
    n_bins
        How many.
    """
    confidence = found.max_probability
    edges = np.linspace(0, 1, n_bins + 1)
    if bins == "mass" and len(confidence):
        edges = np.quantile(confidence, edges)
    place = np.searchsorted(edges[1:-1], confidence, side="right")
    count = np.bincount(place, minlength=n_bins)
    per_user = np.stack([confidence, found.is_hit])
    means = np.full((2, n_bins), np.nan)
    for mean, values in zip(means, per_user, strict=True):
        np.divide(np.bincount(place, values, n_bins), count, out=mean, where=count > 0)
    return Reliability(edges, means[0], means[1], count)


def calibration_error(table: Reliability) -> float:
    """Return sum_b (n_b / N) |acc_b - conf_b|; NaN without users.

    Chance alone makes it positive: with few users a perfect model has an error too.
    """
    n = table.count.sum()
    if not n:
        return float("nan")
    return float(np.nansum(table.count * np.abs(table.accuracy - table.confidence)) / n)


def summarise_confidence(found: Confidence) -> dict[str, float]:
    """Return means over users and calibration errors, each NaN without users.

    `confidence`, the mean probability of the first item, and its `accuracy`; `entropy` and `nll`,
    the mean negative log-likelihood of the target, in nats; `ece-width` and `ece-mass`.
    """
    if not len(found.is_hit):
        names = ("confidence", "accuracy", "entropy", "nll", "ece-width", "ece-mass")
        return dict.fromkeys(names, float("nan"))
    return {
        "confidence": float(found.max_probability.mean()),
        "accuracy": float(found.is_hit.mean()),
        "entropy": float(found.entropy.mean()),
        "nll": float(-found.target_log_probability.mean()),
        "ece-width": calibration_error(reliability(found, "width")),
        "ece-mass": calibration_error(reliability(found, "mass")),
    }


@dataclass(frozen=True)
class Calibration:
    """A model's confidence on the test users, as it is and after temperature scaling.

    Attributes
    ----------
    temperature
        That of the validation set.
    plain, scaled
        At temperature 1 and at that one.
    """

    temperature: float
    plain: Confidence
    scaled: Confidence


def calibrate(
    valid_scorer: Scorer,
    valid: EvalSet,
    test_scorer: Scorer,
    test: EvalSet,
    *,
    device: torch.device | None = None,
) -> Calibration:
    """Fit the temperature on the validation set and look at the test set with and without it."""
    temperature = fit_temperature(valid_scorer, valid, device=device)
    plain, scaled = confidences(test_scorer, test, (1.0, temperature), device=device)
    return Calibration(temperature, plain, scaled)


@dataclass(frozen=True)
class RankConfidence:
    """What a binary model says about the item at a rank, and how often it was the target.

    Attributes
    ----------
    ranks
        (K,) ranks, 1 the best.
    probability
        (K,) mean over users of sigmoid(r) of the item at the rank; NaN without users.
    hit_rate
        (K,) share of users whose target is the item at the rank; NaN without users.
    n_users
        U.
    """

    ranks: IntArray
    probability: FloatArray
    hit_rate: FloatArray
    n_users: int


@torch.inference_mode()
def rank_confidence(
    scorer: Scorer,
    eval_set: EvalSet,
    ranks: Sequence[int] = RANKS,
    *,
    device: torch.device | None = None,
) -> RankConfidence:
    """Compare sigmoid(r) with the hit rate, rank by rank, over the whole catalogue.

    For models trained with binary cross-entropy, whose sigmoid(r) claims to be the probability
    that the item is the next one; Petrov and Macdonald (*gSASRec*, RecSys 2023) call what it
    claims too much overconfidence.

    Parameters
    ----------
    scorer, eval_set, device
        See `confidences`.
    ranks
        At which; those beyond the catalogue are left out.

    Raises
    ------
    InputError
        If a score is NaN, as after a diverged training.
    """
    device = device or torch.device("cpu")
    at = np.array([k for k in ranks if k <= scorer.n_items], dtype=np.int64)
    found = rank(scorer, eval_set, exclude_seen=False, k=int(at.max(initial=1)), device=device)
    n = len(eval_set)
    if not n:
        nothing = np.full(len(at), np.nan)
        return RankConfidence(at, nothing, nothing, 0)
    items = torch.as_tensor(found.top_items[:, at - 1], device=device)
    scores = scorer.pair_scores(torch.arange(n, device=device), items)
    probability = torch.sigmoid(scores.double()).mean(0).cpu().numpy()
    hit_rate = (found.ranks[:, None] == at).mean(0)
    return RankConfidence(at, probability, hit_rate, n)
