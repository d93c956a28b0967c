import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.evaluation.top_k import BLOCKS, STRIDED_BLOCK, largest_values, top_k

BLOCK = BLOCKS[0]
FEW = np.float32([-np.inf, -1.5, -0.0, 0.0, 2.0, 3.5])


def check(scores, k):
    values, columns = top_k(torch.tensor(scores), k)
    for row in range(len(scores)):
        expected = sorted(range(scores.shape[1]), key=lambda j, row=row: (-scores[row, j], j))[:k]
        assert columns[row].tolist() == expected
        assert values[row].tolist() == scores[row, expected].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20))
def test_lower_columns_come_first_among_equals(seed, n, k):
    scores = np.random.default_rng(seed).choice(FEW, size=(3, n))
    check(scores, min(k, n))


@given(st.integers(0, 2**32 - 1), st.integers(2, 8 * BLOCK), st.integers(1, 5), st.booleans())
def test_long_rows_are_thinned_out_without_loss(seed, n, k, rare):
    rng = np.random.default_rng(seed)
    share = [0.3, 0.3, 0.2, 0.19, 0.005, 0.005] if rare else None
    check(rng.choice(FEW, size=(3, n), p=share), min(k, n))


def test_real_values():
    check(np.random.default_rng(0).normal(size=(5, 50 * BLOCK + 7)).astype(np.float32), 20)


@pytest.mark.parametrize("column", [0, 40, 8 * BLOCK])
def test_a_nan_comes_first(column):
    scores = torch.arange(8.0 * BLOCK + 1)[None].clone()
    scores[0, column] = torch.nan
    values, columns = top_k(scores, 2)
    assert torch.isnan(values[0, 0])
    assert columns[0, 0] == column


def check_values(scores, k):
    values, columns = largest_values(torch.tensor(scores), k)
    np.testing.assert_array_equal(values, -np.sort(-scores, axis=1)[:, :k])
    np.testing.assert_array_equal(values, np.take_along_axis(scores, columns.numpy(), 1))
    assert all(len(set(row)) == k for row in columns.tolist())


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 5), st.booleans())
def test_largest_values_are_those_of_sorting(seed, blocks, k, few):
    rng = np.random.default_rng(seed)
    for n in (blocks * STRIDED_BLOCK, blocks * STRIDED_BLOCK**2, blocks * STRIDED_BLOCK + 1):
        shape = (3, n)
        check_values(rng.choice(FEW, shape) if few else rng.normal(size=shape).astype("f4"), k)


@pytest.mark.parametrize("column", [0, 40, 64 * STRIDED_BLOCK - 1])
def test_a_nan_is_among_the_largest_values(column):
    scores = torch.arange(64.0 * STRIDED_BLOCK)[None].clone()
    scores[0, column] = torch.nan
    values, columns = largest_values(scores, 2)
    assert torch.isnan(values[0, 0])
    assert columns[0, 0] == column
