import math
from collections import Counter

import pytest
import torch
from handmade import assert_uniform, histories_of, lists_of
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.sequences.views import crop, mask, reorder, substitute, two_augmentations

N_ITEMS = 9
MASK = 9
WIDTH = 8
SHIFTED = (torch.arange(N_ITEMS) + 1) % N_ITEMS

seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0])
histories = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=WIDTH), min_size=1, max_size=8
).map(lambda lists: sorted(lists, key=len))


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def part(items, share):
    return math.floor(share * len(items)) if len(items) > 1 else 0


@given(histories, shares, seeds)
def test_crop_is_a_contiguous_part(lists, share, seed):
    for items, kept in zip(
        lists, lists_of(crop(histories_of(lists), share, stream(seed))), strict=True
    ):
        size = max(part(items, share), 1) if len(items) > 1 else 1
        assert len(kept) == size
        starts = range(len(items) - size + 1)
        assert kept in [items[start : start + size] for start in starts]


@given(histories, shares, seeds)
def test_mask_hides_its_share(lists, share, seed):
    found = lists_of(mask(histories_of(lists), share, MASK, stream(seed)))
    for items, shown in zip(lists, found, strict=True):
        assert shown.count(MASK) == part(items, share)
        assert all(new in (old, MASK) for old, new in zip(items, shown, strict=True))


@given(st.lists(st.integers(1, WIDTH), min_size=1, max_size=8), shares, seeds)
def test_reorder_shuffles_inside_one_part(lengths, share, seed):
    lists = [list(range(length)) for length in sorted(lengths)]  # distinct: what moved is visible
    found = lists_of(reorder(histories_of(lists), share, stream(seed)))
    for items, shown in zip(lists, found, strict=True):
        assert sorted(shown) == items
        moved = [place for place, item in enumerate(shown) if item != place]
        assert not moved or moved[-1] - moved[0] < part(items, share)


@given(histories, shares, seeds)
def test_substitute_replaces_its_share_by_the_table(lists, share, seed):
    found = lists_of(substitute(histories_of(lists), share, SHIFTED, stream(seed)))
    for items, shown in zip(lists, found, strict=True):
        changed = [(old, new) for old, new in zip(items, shown, strict=True) if old != new]
        assert len(changed) == part(items, share)
        assert all(new == (old + 1) % N_ITEMS for old, new in changed)


OPERATORS = {
    "crop": lambda h, s: [lists_of(crop(h, 0.6, s))],
    "mask": lambda h, s: [lists_of(mask(h, 0.3, MASK, s))],
    "reorder": lambda h, s: [lists_of(reorder(h, 0.6, s))],
    "substitute": lambda h, s: [lists_of(substitute(h, 0.3, SHIFTED, s))],
    "two": lambda h, s: [*map(lists_of, two_augmentations(h, MASK, (0.6, 0.3, 0.6), s))],
}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_views_are_new_tensors_of_their_stream_and_leave_single_items_alone(operator):
    histories = histories_of([[4], [7, 7, 3], [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8]])
    before = histories.item_ids.clone()
    found = operator(histories, stream(3))
    assert torch.equal(histories.item_ids, before)
    assert found == operator(histories, stream(3))
    assert any(found != operator(histories, stream(seed)) for seed in range(9))
    assert all(view[0] == [4] for view in found)


def test_rows_that_are_not_chosen_stay_as_they_are():
    lists = [[row] * 8 + [9 - row] for row in range(9)]
    chosen = torch.arange(9) % 2 == 0
    for operator in (
        lambda h, s: crop(h, 0.5, s, chosen),
        lambda h, s: mask(h, 0.5, MASK, s, chosen),
        lambda h, s: reorder(h, 1.0, s, chosen),
    ):
        found = lists_of(operator(histories_of(lists), stream()))
        assert all(found[row] == lists[row] for row in range(1, 9, 2))
        assert any(found[row] != lists[row] for row in range(0, 9, 2))


def test_every_part_is_as_likely():
    histories = histories_of([[0, 1, 2, 3, 4]] * 6000)
    kept = crop(histories, 0.6, stream())
    assert_uniform(Counter(map(tuple, lists_of(kept))), [(0, 1, 2), (1, 2, 3), (2, 3, 4)])
    hidden = mask(histories, 0.2, MASK, stream())
    assert_uniform(Counter(row.index(MASK) for row in lists_of(hidden)), range(5))
    shuffled = reorder(histories_of([[0, 1, 2]] * 6000), 0.7, stream())  # two of three
    counts = Counter(map(tuple, lists_of(shuffled)))
    assert abs(counts.pop((0, 1, 2)) - 3000) < 5 * math.sqrt(1500)
    assert_uniform(counts, [(1, 0, 2), (0, 2, 1)])


def operator_of(view):
    """Which operator made a view with all shares one half; reordering may move nothing."""
    if MASK in view:
        return "mask"
    return "crop" if len(view) < WIDTH else "reorder"


def test_two_operators_differ_row_by_row_and_are_uniform():
    histories = histories_of([list(range(WIDTH))] * 6000)
    one, other = two_augmentations(histories, MASK, (0.5, 0.5, 0.5), stream())
    pairs = Counter(
        (operator_of(a), operator_of(b))
        for a, b in zip(lists_of(one), lists_of(other), strict=True)
    )
    names = ["crop", "mask", "reorder"]
    assert_uniform(pairs, [(a, b) for a in names for b in names if a != b])


def test_each_operator_has_its_own_share():
    histories = histories_of([list(range(WIDTH))] * 300)
    for view in two_augmentations(histories, MASK, (0.75, 0.5, 0.25), stream()):
        for items in lists_of(view):
            moved = sum(place != item for place, item in enumerate(items))
            match operator_of(items):
                case "crop":
                    assert len(items) == 6
                case "mask":
                    assert items.count(MASK) == 4
                case _:
                    assert moved in (0, 2)
