"""The frontier between two aims, such as accuracy and coverage: more of both is better."""

import numpy as np
import numpy.typing as npt

from btsr_core.analysis.intervals import LEVEL, RESAMPLES, Interval
from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import FloatArray

BoolArray = npt.NDArray[np.bool_]


def pareto_front(points: FloatArray) -> BoolArray:
    """Tell which points no other dominates.

    A point dominates another if it is at least as good in both respects and better in one: equal
    points do not dominate each other, and are on the front or off it together.

    Parameters
    ----------
    points
        (n, 2), larger is better.

    Returns
    -------
    BoolArray
        (n,).

    Raises
    ------
    InputError
        If `points` is of another shape, or one is not finite.
    """
    _check(points, 2)
    unique, which = np.unique(points, axis=0, return_inverse=True)  # by x, then y, both ascending
    y = unique[::-1, 1]  # from right to left: who is not higher than all before is dominated
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(y)])[:-1]
    on_front: BoolArray = (y > best_before)[::-1][which.reshape(-1)]
    return on_front


def hypervolume(points: FloatArray, reference: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the area that some points dominate: everything worse than one, better than a bound.

    Parameters
    ----------
    points
        (n, 2), larger is better; one that is not better than `reference` in both adds nothing.
    reference
        The worst that counts.

    Returns
    -------
    float
        In the product of the two units; 0 without a point.

    Raises
    ------
    InputError
        If `points` is of another shape, or one is not finite.
    """
    _check(points, 2)
    return float(_areas(points, reference))


def hypervolume_share(
    points: FloatArray, others: FloatArray, reference: tuple[float, float] = (0.0, 0.0)
) -> float:
    """Return which share of the area that all points dominate some of them dominate alone.

    Unlike the area itself this has no unit, and stays when an axis is stretched from `reference`.

    Parameters
    ----------
    points, others
        (n, 2) and (m, 2), larger is better.
    reference
        The worst that counts.

    Returns
    -------
    float
        Between 0 and 1: where `others` adds nothing. NaN if nobody dominates anything.

    Raises
    ------
    InputError
        If the points are of another shape, or one is not finite.
    """
    everything = hypervolume(np.concatenate([points, others]), reference)
    return hypervolume(points, reference) / everything if everything else float("nan")


def hypervolume_interval(
    points: FloatArray, reference: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> Interval:
    """Return the hypervolume of the settings' mean points, and its interval over seeds.

    Seeds are drawn with replacement, each with all of its settings, so that what a seed does to
    every setting alike stays together. Two cautions: the front picks the best of noisy means, so
    estimate and interval lie too high, the more so the more settings there are: compare systems
    with as many settings each. And a percentile interval of few seeds is too narrow: of five there
    are only 126 different draws.

    Parameters
    ----------
    points
        (n_seeds, n_settings, 2) runs, larger is better.
    reference
        The worst that counts.
    seed
        Of the resampling.

    Returns
    -------
    Interval
        Its `mean` is the hypervolume of the mean points; NaN throughout without a seed.

    Raises
    ------
    InputError
        If `points` is of another shape, or one is not finite.
    """
    _check(points, 3)
    n_seeds, n_settings, _ = points.shape
    if not n_seeds:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=RESAMPLES) / n_seeds
    means = (drawn @ points.reshape(n_seeds, -1)).reshape(RESAMPLES, n_settings, 2)
    low, high = np.quantile(_areas(means, reference), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(hypervolume(points.mean(axis=0), reference), float(low), float(high))


def hypervolume_ratios(
    points: FloatArray, others: FloatArray, reference: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """Return, seed by seed, what the area of some runs is of the area of others.

    Parameters
    ----------
    points, others
        (n_seeds, n_settings, 2) runs of the same seeds, larger is better. A front of more settings
        reaches further by luck alone, so both should have as many.
    reference
        The worst that counts.

    Returns
    -------
    FloatArray
        (n_seeds,), 1 where the areas are equal; NaN where the others have none.

    Raises
    ------
    InputError
        If the points are of another shape or of other numbers of seeds, or one is not finite.
    """
    _check(points, 3)
    _check(others, 3)
    if len(points) != len(others):
        raise InputError(f"points are of {len(points)} seeds, others of {len(others)}")
    areas = _areas(others, reference)
    return _areas(points, reference) / np.where(areas > 0, areas, np.nan)


def hypervolumes_by_chance(
    points: FloatArray, reference: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> FloatArray:
    """Return the hypervolumes of the mean points if the setting made no difference.

    Many settings reach further than one by luck alone. To see how far, the runs of each seed are
    dealt to the settings at random, as if a setting were but a name; runs of a seed stay together.

    Parameters
    ----------
    points
        (n_seeds, n_settings, 2) runs, larger is better.
    reference
        The worst that counts.
    seed
        Of the dealing.

    Returns
    -------
    FloatArray
        (R,) areas; none without a seed.

    Raises
    ------
    InputError
        If `points` is of another shape, or one is not finite.
    """
    _check(points, 3)
    n_seeds, n_settings, _ = points.shape
    if not n_seeds:
        return np.empty(0)
    rng = np.random.default_rng(seed)
    orders = np.broadcast_to(np.arange(n_settings), (RESAMPLES, n_seeds, n_settings))
    dealt = points[np.arange(n_seeds)[:, None], rng.permuted(orders, axis=2)]  # (R, S, J, 2)
    return _areas(dealt.mean(axis=1), reference)


def _areas(points: FloatArray, reference: tuple[float, float]) -> FloatArray:
    """Return the areas (...) that the points (..., n, 2) dominate."""
    above = np.maximum(points - np.asarray(reference), 0)
    order = np.argsort(-above[..., 0], axis=-1)
    x, y = np.moveaxis(np.take_along_axis(above, order[..., None], axis=-2), -1, 0)
    # From right to left: where x has come down to a point, the area is as high as the best so far.
    heights = np.maximum.accumulate(y, axis=-1)
    widths = -np.diff(x, axis=-1, append=0)
    areas: FloatArray = (widths * heights).sum(axis=-1)
    return areas


def _check(points: FloatArray, n_axes: int) -> None:
    """Refuse what is not (..., 2) finite points."""
    if points.ndim != n_axes or points.shape[-1] != 2:
        expected = "(n_seeds, n_settings, 2)" if n_axes == 3 else "(n, 2)"
        raise InputError(f"points must have the shape {expected}; got {points.shape}")
    if not np.isfinite(points).all():
        raise InputError("points hold NaN or infinity: leave out runs that measured nothing")
