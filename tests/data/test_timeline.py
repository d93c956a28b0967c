import pandas as pd
import pytest

from btsr_core.data.timeline import timeline, to_dates
from btsr_core.experiment import load_data, prepare


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_dates_are_told_from_the_size_of_the_numbers(unit, factor):
    seconds = pd.Series([874_724_710, 893_286_638])  # ml-100k's first and last
    found = to_dates(seconds * factor)
    assert [str(date)[:10] for date in found] == ["1997-09-20", "1998-04-22"]


def test_small_numbers_are_no_dates():
    assert to_dates(pd.Series([1, 2, 3])) is None


def test_timeline_marks_the_users_that_are_held_out(tiny):
    interactions = load_data(tiny.data, progress=False)
    split = prepare(tiny.data).split
    times, cutoff, is_pool = timeline(interactions, tiny.data.k_core, split.cutoff)
    assert len(times) == len(is_pool)
    assert times[~is_pool].max() < cutoff <= times[is_pool].max()
    assert (~is_pool).sum() == len(split.train.item_ids)
