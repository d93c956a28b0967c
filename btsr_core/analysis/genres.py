"""Calibration of lists to a user's tastes, over genres, where the dataset has any."""

from collections.abc import Sequence as Texts

import numpy as np
import numpy.typing as npt

from btsr_core.data.protocol import Sequences
from btsr_core.evaluation.metrics import IntArray

FloatArray = npt.NDArray[np.float64]

SMOOTHING = 0.01
"""Share of the profile in the list's distribution, so that a missing genre costs no infinity."""


def genre_shares(genres: Texts[str]) -> FloatArray:
    """Return (n_items, G) p(g|i): an item's genres in equal parts, none known a row of zeros.

    Parameters
    ----------
    genres
        (n_items,) texts such as `Comedy|Drama`, empty where unknown.
    """
    lists = [[name for name in text.split("|") if name] for text in genres]
    known = {name: place for place, name in enumerate(sorted({g for own in lists for g in own}))}
    shares = np.zeros((len(lists), len(known)))
    for item, own in enumerate(lists):
        for name in own:
            shares[item, known[name]] = 1 / len(own)
    return shares


def genre_divergence(
    top_items: IntArray, histories: Sequences, shares: FloatArray, k: int
) -> FloatArray:
    """Return each user's KL(p || q~) between the genres of the history and those of the list.

    q~ = (1 - a) q + a p with a = `SMOOTHING`: C_KL of Steck (*Calibrated Recommendations*, RecSys
    2018), all items of a history weighing the same; 0 is a list with the mix of the history.

    Parameters
    ----------
    top_items
        (U, >= k) recommended items, best first; -1 beyond the last candidate.
    histories
        U sequences, those that the lists were made from.
    shares
        (n_items, G), see `genre_shares`.
    k
        Length of the lists.

    Returns
    -------
    FloatArray
        (U,) in nats; NaN for a user whose history or list has no item of a known genre.
    """
    lists = top_items[:, :k]
    owners = np.arange(len(histories)).repeat(histories.lengths)
    offsets = np.arange(len(owners)) - (histories.lengths.cumsum() - histories.lengths)[owners]
    items = histories.item_ids[histories.starts[owners] + offsets]
    p, q = np.zeros((2, len(histories), shares.shape[1]))
    np.add.at(p, owners, shares[items])
    shown = lists >= 0
    np.add.at(q, np.nonzero(shown)[0], shares[lists[shown]])
    with np.errstate(invalid="ignore"):
        p, q = (mix / mix.sum(1, keepdims=True) for mix in (p, q))
    smooth = (1 - SMOOTHING) * q + SMOOTHING * p
    ratio = np.divide(p, smooth, out=np.ones_like(p), where=p > 0)
    missing = np.isnan(p).any(1) | np.isnan(q).any(1) if p.shape[1] else np.ones(len(p), bool)
    return np.where(missing, np.nan, (np.where(p > 0, p, 0) * np.log(ratio)).sum(1))
