"""What a model says about the next item: the softmax of its scores, summarised user by user.

The probabilities are those of the whole catalogue, seen items too, as in training; they are
streamed, some users at a time.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from btsr_core.data.protocol import EvalSet
from btsr_core.errors import InputError
from btsr_core.evaluation.evaluate import SCORES_HELD, rank
from btsr_core.evaluation.scorers import Scorer

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

INVERSE_TEMPERATURES = (1e-3, 1e3)
"""Where 1/T is sought; at the ends all probabilities are about equal, or about 0 and 1."""
FIRST_USERS = 512
"""Users whose own temperature is a good start for that of all."""
TOLERANCE = 1e-3
"""Relative last step of Newton's method, which squares it: 1/T is good to about 1e-6."""


@dataclass(frozen=True)
class Confidence:
    """What a model says about the next item of each user, and what came.

    Attributes
    ----------
    max_probability
        (U,) probability of the most probable item.
    entropy
        (U,) of the distribution over the catalogue, in nats.
    target_log_probability
        (U,) natural logarithm of the target's probability.
    is_hit
        (U,) whether the target is the first item, the lower id of equals.
    """

    max_probability: FloatArray
    entropy: FloatArray
    target_log_probability: FloatArray
    is_hit: BoolArray


@torch.inference_mode()
def confidences(
    scorer: Scorer,
    eval_set: EvalSet,
    temperatures: Sequence[float] = (1.0,),
    *,
    device: torch.device | None = None,
) -> tuple[Confidence, ...]:
    """Return the softmax of scores / T, summarised user by user, for every temperature T.

    Parameters
    ----------
    scorer
        Scores for these users.
    eval_set
        Histories and targets, in the scorer's order of users.
    temperatures
        T, each above zero.
    device
        Where the scorer's tensors live; the CPU by default.

    Raises
    ------
    InputError
        If a score is NaN, as after a diverged training.
    """
    device = device or torch.device("cpu")
    first = rank(scorer, eval_set, exclude_seen=False, k=1, device=device)
    targets = torch.as_tensor(eval_set.targets, device=device)
    found = torch.empty(len(temperatures), 3, len(targets), dtype=torch.float64, device=device)
    everybody = torch.arange(len(targets), device=device)
    for rows, gaps, own, held in _gap_blocks(scorer, everybody, targets):
        for values, temperature in zip(found, temperatures, strict=True):
            moments = _moments(gaps, 1 / temperature, held)
            values[0, rows] = torch.exp(-moments.log_sum)  # the largest score has gap 0
            values[1, rows] = moments.log_sum - moments.mean / temperature
            values[2, rows] = own / temperature - moments.log_sum
    is_hit = first.ranks == 1
    return tuple(Confidence(top, spread, own, is_hit) for top, spread, own in found.cpu().numpy())


def _gap_blocks(
    scorer: Scorer, rows: Tensor, targets: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield scores less the user's largest, some users at a time.

    Each time (b,) of the (R,) rows, (b, n_items) gaps, (b,) gaps of their targets in double
    precision, and room of the shape of the gaps to write to; the next block overwrites both.
    """
    n_items = scorer.n_items
    block = max(1, SCORES_HELD[rows.device.type] // n_items)
    room = torch.empty(2, min(block, len(rows)), n_items, device=rows.device)
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        scores, held = room[:, : len(part)]
        scorer.scores(part, 0, scores)
        gaps = scores.sub_(scores.amax(1, keepdim=True))
        own = gaps.gather(1, targets[part, None])[:, 0]
        yield part, gaps, own.double(), held


@dataclass(frozen=True)
class _Moments:
    """Of gaps g weighted by exp(g / T): (b,) log of the sum of weights, mean, mean of squares."""

    log_sum: Tensor
    mean: Tensor
    square: Tensor


def _moments(gaps: Tensor, inverse: float, held: Tensor) -> _Moments:
    """Return moments at the inverse temperature `inverse`; overwrites `held`."""
    weights = torch.mul(gaps, inverse, out=held).exp_()
    total = weights.sum(1).double()
    mean = weights.mul_(gaps).sum(1) / total
    square = weights.mul_(gaps).sum(1) / total
    return _Moments(total.log(), mean, square)


@torch.inference_mode()
def fit_temperature(
    scorer: Scorer, eval_set: EvalSet, *, device: torch.device | None = None
) -> float:
    """Return the temperature T at which the targets are most probable under softmax(scores / T).

    The mean negative log-likelihood is convex in 1/T: its slope there is the mean over users of
    the expected score less the target's, its curvature the mean variance of the score. Newton's
    method streams both over the catalogue; it starts with a few users, which is cheap.

    Parameters
    ----------
    scorer, eval_set, device
        See `confidences`; the validation set, so that the test set stays unseen.

    Returns
    -------
    float
        Between 0.001 and 1000; close to 1000 where the targets score no better than the average
        item, small where every target is the best item. NaN without users.

    Raises
    ------
    InputError
        If a score is no finite number, as after a diverged training.
    """
    device = device or torch.device("cpu")
    targets = torch.as_tensor(eval_set.targets, device=device)
    n = len(targets)
    if not n:
        return float("nan")
    inverse = 1.0
    for size in sorted({min(FIRST_USERS, n), n}):
        rows = torch.arange(size, device=device) * n // size  # spread evenly
        derivatives = partial(_slope_and_curvature, scorer, rows, targets)
        inverse = _convex_minimum(derivatives, inverse, *INVERSE_TEMPERATURES)
    return 1 / inverse


def _slope_and_curvature(
    scorer: Scorer, rows: Tensor, targets: Tensor, inverse: float
) -> tuple[float, float]:
    """Return both derivatives, by 1/T, of the (R,) users' summed negative log-likelihood."""
    sums = torch.zeros(2, dtype=torch.float64, device=rows.device)
    for _, gaps, own, held in _gap_blocks(scorer, rows, targets):
        moments = _moments(gaps, inverse, held)
        sums[0] += (moments.mean - own).sum()
        sums[1] += (moments.square - moments.mean**2).sum()
    slope, curvature = sums.tolist()
    if not math.isfinite(slope):
        raise InputError("a score is not a finite number: training diverged; lower lr or alpha")
    return slope, curvature


def _convex_minimum(
    derivatives: Callable[[float], tuple[float, float]], start: float, low: float, high: float
) -> float:
    """Return where in low..high, both above zero, a convex function is least.

    Newton's method inside a bracket: a step that would leave it goes to its geometric middle.

    Parameters
    ----------
    derivatives
        Returns the first and the second derivative.
    """
    at = start
    while True:
        slope, curvature = derivatives(at)
        if slope == 0:
            return at
        low, high = (low, at) if slope > 0 else (at, high)
        step = -slope / curvature if curvature > 0 else math.inf
        following = at + step if low < at + step < high else math.sqrt(low * high)
        if abs(following - at) <= TOLERANCE * at:
            return following
        at = following
