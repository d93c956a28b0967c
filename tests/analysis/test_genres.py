import math

import numpy as np
import pytest
from handmade import pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis.genres import SMOOTHING, genre_divergence, genre_shares

GENRES = ["Comedy|Drama", "Drama", "", "Horror", "Comedy"]
ITEMS = st.integers(0, len(GENRES) - 1)


def oracle(history, shown):
    def mix(items):
        weights = {}
        for item in items:
            own = [g for g in GENRES[item].split("|") if g]
            for genre in own:
                weights[genre] = weights.get(genre, 0) + 1 / len(own)
        total = sum(weights.values())
        return {genre: weight / total for genre, weight in weights.items()}

    p, q = mix(history), mix(shown)
    if not p or not q:
        return math.nan
    smoothed = {g: (1 - SMOOTHING) * q.get(g, 0) + SMOOTHING * p[g] for g in p}
    return sum(p[g] * math.log(p[g] / smoothed[g]) for g in p)


@given(
    st.lists(
        st.tuples(st.lists(ITEMS, max_size=6), st.lists(ITEMS, min_size=3, max_size=3)),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 3),
)
def test_divergence_is_the_oracles(users, k):
    histories, lists = zip(*users, strict=True)
    found = genre_divergence(np.array(lists), pack(list(histories)), genre_shares(GENRES), k)
    expected = [oracle(h, shown[:k]) for h, shown in users]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_list_with_the_historys_mix_diverges_by_nothing():
    found = genre_divergence(np.array([[1, 4]]), pack([[4, 1]]), genre_shares(GENRES), 2)
    assert found == pytest.approx(0)


def test_places_beyond_the_last_candidate_hold_no_genre():
    shares = genre_shares(GENRES)
    short, one = np.array([[3, -1, -1]]), np.array([[3]])
    history = pack([[0, 3]])
    assert genre_divergence(short, history, shares, 3) == genre_divergence(one, history, shares, 1)
    assert np.isnan(genre_divergence(np.array([[-1]]), history, shares, 1))


def test_without_genres_nothing_is_known():
    shares = genre_shares(["", ""])
    assert shares.shape == (2, 0)
    assert np.isnan(genre_divergence(np.array([[0]]), pack([[1]]), shares, 1)).all()
