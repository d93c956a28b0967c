import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.dial.interpolation import between, ends, interpolate


def states():
    torch.manual_seed(0)
    return [{"a.weight": torch.randn(3, 4), "b/bias": torch.randn(5)} for _ in range(2)]


def test_the_ends_are_the_ends_exactly():
    low, high = states()
    for share, end in ((0.0, low), (1.0, high)):
        for found in (interpolate(low, high, share), between(ends(low, high), share)):
            assert found.keys() == end.keys()
            assert all(torch.equal(tensor, end[name]) for name, tensor in found.items())


@given(st.floats(0, 1))
def test_between_them_every_weight_lies_on_the_line(share):
    low, high = states()
    for name, tensor in interpolate(low, high, share).items():
        expected = (1 - share) * low[name].double() + share * high[name].double()
        torch.testing.assert_close(tensor.double(), expected, rtol=1e-5, atol=1e-6)


def test_equal_ends_stay_where_they_are():
    low, _ = states()
    found = interpolate(low, low, 0.3)
    assert all(torch.equal(tensor, low[name]) for name, tensor in found.items())


def test_ends_of_different_models_are_refused():
    low, high = states()
    del high["b/bias"]
    with pytest.raises(ValueError, match="b/bias"):
        interpolate(low, high, 0.5)
