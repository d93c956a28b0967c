import math

import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.analysis import spectrum
from btsr_core.analysis.spectrum import (
    alignment,
    effective_rank,
    notebook_variant,
    singular_values,
    uniformity,
    user_spectrum,
)
from btsr_core.errors import InputError


def normal(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(("n_users", "dim"), [(30, 6), (4, 6), (1, 3)])
def test_squares_are_the_eigenvalues_of_the_gram_matrix(n_users, dim, centred):
    users = normal(0, n_users, dim) + 2
    rows = users.numpy() - (users.numpy().mean(0) if centred else 0)
    expected = np.linalg.eigvalsh(rows @ rows.T)[::-1][: min(n_users, dim)]
    found = singular_values(users, centred=centred)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found**2, expected, atol=1e-9)


def test_single_precision_embeddings_are_decomposed_in_double():
    users = normal(0, 200, 4)
    users[:, 3] = users[:, 0]  # a direction too few
    found = singular_values(users.float(), centred=False)
    assert found[3] < 1e-12 < found[2]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9).filter(any))
def test_effective_rank_is_eq_9(values):
    found = effective_rank(np.array(values))
    assert found == pytest.approx(oracles.effective_rank(values))
    assert 1 - 1e-9 <= found <= sum(value > 0 for value in values) + 1e-9


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9).filter(any))
def test_notebook_variant_is_its_formula(values):
    shares = [value / max(values) for value in values]
    expected = sum(-s * math.log(s) for s in shares if s > 0)
    assert notebook_variant(np.array(values)) == pytest.approx(expected, abs=1e-12)


def test_ranks_by_hand():
    assert effective_rank(np.array([3.0, 3, 3, 0])) == pytest.approx(3)
    assert effective_rank(np.array([5.0, 0])) == pytest.approx(1)
    # p = 1/2, 1/4, 1/4: an entropy of 1.5 log 2
    assert effective_rank(np.array([2.0, 1, 1])) == pytest.approx(2**1.5)
    assert notebook_variant(np.array([2.0, 1, 1])) == pytest.approx(math.log(2))
    assert notebook_variant(np.array([3.0, 3, 3])) == 0


@pytest.mark.parametrize("measure", [effective_rank, notebook_variant])
def test_nothing_to_measure(measure):
    assert measure(singular_values(torch.zeros(5, 3), centred=False)) == 0
    assert math.isnan(measure(singular_values(torch.empty(0, 3), centred=True)))


def test_one_user():
    user = torch.tensor([[3.0, 4.0]])
    assert singular_values(user, centred=False) == pytest.approx([5])
    assert effective_rank(singular_values(user, centred=False)) == pytest.approx(1)
    assert singular_values(user, centred=True) == pytest.approx([0])


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_rotation_and_scale_do_not_matter(seed, scale):
    users = normal(seed, 12, 5)
    rotation = torch.linalg.qr(normal(seed + 1, 5, 5)).Q
    for measure in (effective_rank, notebook_variant):
        found = measure(singular_values(users, centred=False))
        turned = measure(singular_values(scale * users @ rotation, centred=False))
        assert turned == pytest.approx(found)


@given(st.integers(0, 2**32 - 1))
def test_centred_values_forget_a_common_offset(seed):
    users, offset = normal(seed, 12, 5), normal(seed + 1, 5)
    found = singular_values(users + 3 * offset, centred=True)
    np.testing.assert_allclose(found, singular_values(users, centred=True), rtol=1e-9, atol=1e-12)


def test_spectra_of_all_users_and_of_some(monkeypatch):
    users = normal(0, 50, 4) + 1
    found = user_spectrum(users)
    np.testing.assert_array_equal(found.values, singular_values(users, centred=False))
    # fewer users than the notebook takes: all of them, whatever their order
    np.testing.assert_allclose(found.centred_values, singular_values(users, centred=True))
    monkeypatch.setattr(spectrum, "NOTEBOOK_USERS", 10)
    one, same, other = (user_spectrum(users, seed).centred_values for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert (one**2).sum() < (found.centred_values**2).sum() / 2  # of a fifth of the users


def test_diverged_embeddings_are_an_error():
    with pytest.raises(InputError, match="diverged"):
        singular_values(torch.tensor([[1.0, torch.nan]]), centred=False)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_alignment_and_uniformity_pair_by_pair(seed, n):
    a, b = normal(seed, n, 3), normal(seed + 1, n, 3)
    expected = oracles.alignment_uniformity(a.numpy(), b.numpy())
    assert (alignment(a, b), uniformity(a)) == pytest.approx(expected)


def test_chunks_change_nothing(monkeypatch):
    z = normal(0, 23, 4)
    whole = uniformity(z)
    monkeypatch.setattr(spectrum, "PAIRS_HELD", 5 * 23)  # five rows at a time, then three
    assert uniformity(z) == pytest.approx(whole, rel=1e-12)


def test_extremes_of_alignment_and_uniformity():
    z = normal(0, 6, 3)
    assert alignment(z, 7 * z) == pytest.approx(0)
    assert alignment(z, -z) == pytest.approx(4)
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0)
    assert uniformity(torch.tensor([[1.0, 0], [-2, 0]])) == pytest.approx(-8)


def test_rows_of_zeros_stay_zero():
    z = torch.tensor([[0.0, 0], [3, 0]])
    assert alignment(z[:1], z[1:]) == pytest.approx(1)
    assert uniformity(z) == pytest.approx(-2)


def test_no_pair_is_no_measurement():
    assert math.isnan(alignment(torch.empty(0, 3), torch.empty(0, 3)))
    assert math.isnan(uniformity(torch.ones(1, 3)))
    assert math.isnan(uniformity(torch.empty(0, 3)))
