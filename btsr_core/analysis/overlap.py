"""How far the scores of held-out items stand apart from those of random ones (§6, Fig 2 left).

Densities pool the users, whose scores may differ in level and spread: a user's own ranking can be
better, or worse, than the picture. `user_auc` looks within users, and needs no bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import gaussian_kde
from torch import Tensor

from btsr_core.analysis.intervals import LEVEL, Interval
from btsr_core.data.protocol import EvalSet
from btsr_core.errors import InputError
from btsr_core.evaluation.scorers import Scorer
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import generator

FloatArray = npt.NDArray[np.float64]
ScoreArray = npt.NDArray[np.float32]

N_NEGATIVES = 100
PAIRS_HELD = 2**16
"""Scores of pairs at a time: with D = 64 in double precision, 32 MB of gathered embeddings."""
MOST_BINS = 200
RESAMPLES = 1000
KDE_POINTS = 200
FEW_USERS = 30
"""Users whose densities the public notebook draws."""
FEW_DRAWS = 100
KDE_REACH = 3
"""Bandwidths that a kernel density is followed beyond the outermost scores."""


@dataclass(frozen=True)
class ScoreSamples:
    """Scores of held-out items and of random ones.

    Attributes
    ----------
    rows
        (V,) which users of the evaluation set these are.
    positives
        (V,) r(i, u) of each user's target.
    negatives
        (V, n) r(i, u) of items drawn for the user.
    """

    rows: npt.NDArray[np.int64]
    positives: ScoreArray
    negatives: ScoreArray

    def some_users(self, n_users: int, seed: int) -> "ScoreSamples":
        """Return a random choice of at most `n_users`."""
        n = min(n_users, len(self.rows))
        chosen = np.random.default_rng(seed).choice(len(self.rows), n, replace=False)
        return ScoreSamples(self.rows[chosen], self.positives[chosen], self.negatives[chosen])


@torch.inference_mode()
def score_samples(
    scorer: Scorer,
    eval_set: EvalSet,
    n_negatives: int = N_NEGATIVES,
    seed: int = 0,
    *,
    device: torch.device | None = None,
) -> ScoreSamples:
    """Score every user's target and random items.

    Negatives are drawn with replacement, uniformly over the catalogue without the user's history
    and target. They depend on the users and the seed alone: every model gets the same. A user who
    has had the whole catalogue has no negative, and is left out.

    Parameters
    ----------
    scorer
        Scores for these users.
    eval_set
        Histories and targets, in the scorer's order of users.
    n_negatives
        n, for each user.
    seed
        Names the stream of the draw.
    device
        Where the scorer's tensors live; the CPU by default.

    Raises
    ------
    InputError
        If n is below one, or a score is no finite number, as after a diverged training.
    """
    if n_negatives < 1:
        raise InputError(f"n_negatives is {n_negatives}; an overlap needs at least 1 negative")
    device = device or torch.device("cpu")
    targets = torch.as_tensor(eval_set.targets, device=device)
    inputs = PackedSequences.pack(eval_set.inputs, scorer.n_items, device)
    stream = generator(device, seed, "overlap")
    rows, drawn = _draw_unseen(inputs, targets, n_negatives, stream)
    pairs = torch.cat([targets[rows, None], drawn], 1)  # (V, 1 + n)
    block = max(1, PAIRS_HELD // pairs.shape[1])
    scores = torch.empty(pairs.shape, device=device)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        scores[part] = scorer.pair_scores(rows[part], pairs[part])
    if not torch.isfinite(scores).all():
        raise InputError("a score is not a finite number: training diverged; lower lr or alpha")
    found = scores.cpu().numpy()
    return ScoreSamples(rows.cpu().numpy(), found[:, 0], found[:, 1:])


def _draw_unseen(
    inputs: PackedSequences, targets: Tensor, n: int, stream: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (V,) users with a negative and (V, n) items that are in no history and no target.

    The k-th item that a user has not had lies beyond the had items e_0 < e_1 < .. of which e_j - j,
    the number of others below it, is at most k. So the k drawn need one search in e_j - j.
    """
    device, n_items, n_users = targets.device, inputs.n_items, len(targets)
    owner = torch.arange(n_users, device=device).repeat_interleave(inputs.lengths)
    place = torch.arange(len(owner), device=device)
    shift = inputs.ends - inputs.lengths.cumsum(0)  # from places in line to those in the store
    history = inputs.item_ids[place + shift[owner]]
    everybody = torch.arange(n_users, device=device)
    had = torch.unique(torch.cat([owner * n_items + history, everybody * n_items + targets]))
    user, item = had // n_items, had % n_items
    n_had = torch.bincount(user, minlength=n_users)
    first = n_had.cumsum(0) - n_had
    others_below = item - (torch.arange(len(had), device=device) - first[user])

    draw = torch.rand(n_users, n, generator=stream, device=device, dtype=torch.float64)
    k = (draw * (n_items - n_had)[:, None]).long()
    line = user * (n_items + 1) + others_below  # ascending: all users' searches in one
    wanted = everybody[:, None] * (n_items + 1) + k
    passed = torch.searchsorted(line, wanted, right=True) - first[:, None]
    rows = (n_had < n_items).nonzero().squeeze(1)
    return rows, (k + passed)[rows]


@dataclass(frozen=True)
class ScoreDensities:
    """Densities of positives and negatives over common bins; NaN where there is no score.

    Attributes
    ----------
    edges
        (bins + 1,) in units of the score.
    positive, negative
        (bins,) each integrates to one.
    """

    edges: FloatArray
    positive: FloatArray
    negative: FloatArray


def bin_edges(samples: ScoreSamples, most: int = MOST_BINS) -> FloatArray:
    """Return (bins + 1,) equal steps from the least to the largest score.

    The width is that of Freedman and Diaconis, 2 IQR m^(-1/3), for the positives or the negatives,
    whichever is wider, so that neither sample is cut finer than its size m can fill; but there are
    no more than `most` bins. That many if the rule has no width, because most scores are equal; one
    bin if all are.
    """
    positives, negatives = _as_float(samples)
    if not len(positives):
        return np.array([0.0, 1.0])
    low = float(min(positives.min(), negatives.min()))
    high = float(max(positives.max(), negatives.max()))
    width = max(_freedman_diaconis(positives), _freedman_diaconis(negatives))
    needed = np.ceil((high - low) / width) if width else most
    bins = 1 if low == high else int(min(most, needed))
    return np.histogram_bin_edges(positives, bins, (low, high))


def _freedman_diaconis(scores: FloatArray) -> float:
    lower, upper = np.quantile(scores, [0.25, 0.75])
    return float(2 * (upper - lower) / len(scores) ** (1 / 3))


def _as_float(samples: ScoreSamples) -> tuple[FloatArray, FloatArray]:
    """Return all scores in double precision: (V,) positives and (V n,) negatives."""
    return samples.positives.astype(np.float64), samples.negatives.astype(np.float64).ravel()


def densities(samples: ScoreSamples, edges: FloatArray) -> ScoreDensities:
    """Return normalised histograms over bins that hold every score, such as `bin_edges`."""
    positives, negatives = _as_float(samples)
    if not len(positives):
        nothing = np.full(len(edges) - 1, np.nan)
        return ScoreDensities(edges, nothing, nothing)
    counts = [np.histogram(scores, edges)[0] for scores in (positives, negatives)]
    return ScoreDensities(edges, *(count / (count.sum() * np.diff(edges)) for count in counts))


def kde_densities(samples: ScoreSamples, points: int = KDE_POINTS) -> ScoreDensities:
    """Return Gaussian kernel densities with Scott's bandwidth, as in the public notebook.

    Each is taken at the middle of `points` equal bins that reach three bandwidths beyond the
    scores, and scaled to integrate to one there. NaN if all positives or all negatives are equal,
    as a single positive is: then there is no bandwidth.
    """
    samples_of = _as_float(samples)
    if any(len(scores) == 0 or np.ptp(scores) == 0 for scores in samples_of):
        nothing = np.full(points, np.nan)
        return ScoreDensities(np.linspace(0, 1, points + 1), nothing, nothing)
    kernels = [gaussian_kde(scores) for scores in samples_of]
    reach = KDE_REACH * max(float(np.sqrt(kernel.covariance[0, 0])) for kernel in kernels)
    low = min(scores.min() for scores in samples_of) - reach
    high = max(scores.max() for scores in samples_of) + reach
    edges = np.linspace(low, high, points + 1)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    heights = [kernel(middles) for kernel in kernels]
    return ScoreDensities(edges, *(height / (height.sum() * width) for height in heights))


def overlap_factor(found: ScoreDensities) -> float:
    """Return the integral of min(p, q) (§6): 0 where the two are apart, 1 where they are one.

    Noise of the bins, of which p and q have their own, can only lower it where p and q are equal:
    two samples of one distribution come out below 1, and the more so the fewer users there are.
    """
    smaller = np.minimum(found.positive, found.negative)
    return float(smaller @ np.diff(found.edges))


def overlaps_of_few(
    samples: ScoreSamples, n_users: int = FEW_USERS, draws: int = FEW_DRAWS
) -> FloatArray:
    """Return (draws,) overlap factors of kernel densities, each of a few users drawn at random.

    What a figure of so few users, such as the public notebook's, could have shown instead. NaN
    where there are no more users than that.
    """
    if len(samples.rows) <= n_users:
        return np.full(draws, np.nan)
    some = (samples.some_users(n_users, seed) for seed in range(draws))
    return np.array([overlap_factor(kde_densities(one)) for one in some])


def resampled_overlaps(
    samples: ScoreSamples, edges: FloatArray, seed: int = 0, resamples: int = RESAMPLES
) -> FloatArray:
    """Return (resamples,) overlap factors of users drawn with replacement.

    A user comes with the positive and all the negatives. Equal numbers of users and equal seeds
    mean equal draws, so that two models' resamples can be subtracted one by one.
    """
    n, bins = len(samples.rows), len(edges) - 1
    if not n:
        return np.full(resamples, np.nan)
    m = samples.negatives.shape[1]
    counts = [_user_counts(x, edges) for x in (samples.positives[:, None], samples.negatives)]
    both = np.concatenate(counts, 1)  # (V, 2 bins)
    rng = np.random.default_rng(seed)
    share = np.full(n, 1 / n)
    block = max(1, 10**7 // n)  # resamples held at a time
    parts = []
    for start in range(0, resamples, block):
        times = rng.multinomial(n, share, size=min(block, resamples - start))
        total = times.astype(np.float32) @ both  # whole numbers: exact in single precision
        ours, theirs = total[:, :bins], total[:, bins:] / m
        parts.append(np.minimum(ours, theirs).sum(1, dtype=np.float64) / n)
    return np.concatenate(parts)


def _user_counts(scores: ScoreArray, edges: FloatArray) -> ScoreArray:
    """Return (V, bins) how many of each user's (V, m) scores lie in which bin."""
    n, bins = len(scores), len(edges) - 1
    # As in `np.histogram`: a bin holds its lower edge, and the last its upper edge too.
    place = np.searchsorted(edges, scores.astype(np.float64), side="right") - 1
    place = np.minimum(place, bins - 1) + bins * np.arange(n)[:, None]
    return np.bincount(place.ravel(), minlength=n * bins).reshape(n, bins).astype(np.float32)


def overlap_interval(factor: float, resampled: FloatArray) -> Interval:
    """Return the basic 95 % bootstrap interval of an overlap factor, within 0 and 1.

    A resample lies below the factor as the factor lies below the truth, because noise lowers an
    overlap; so the quantiles are reflected at the factor, and do not carry that bias twice. With
    some hundred users it holds the truth about nine times in ten, less often close to 1.
    """
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    lowest, highest = np.clip([2 * factor - high, 2 * factor - low], 0, 1)
    return Interval(factor, float(lowest), float(highest))


def user_auc(samples: ScoreSamples) -> FloatArray:
    """Return (V,) each user's share of negatives below the positive; equals count half."""
    own = samples.positives[:, None]
    below, equal = samples.negatives < own, samples.negatives == own
    return np.asarray(below.mean(1) + equal.mean(1) / 2)
