import math
from collections import Counter
from fractions import Fraction
from itertools import chain

import pytest
import torch
from handmade import assert_uniform, histories_of, lists_of
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.sequences.guided_views import (
    KEEP,
    MASK,
    SHUFFLE,
    guided_view,
    guided_views,
    rank_within,
)

N_ITEMS = 9
HIDDEN = 9
OPERATORS = (KEEP, MASK, SHUFFLE)

seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from(["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"])
histories = st.lists(
    st.lists(
        st.tuples(st.integers(0, N_ITEMS - 1), st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.7])),
        min_size=1,
        max_size=12,
    ),
    min_size=1,
    max_size=7,
).map(lambda rows: sorted(rows, key=len))


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def split(rows):
    """Histories, the importance of all their items, and both as lists."""
    items = [[item for item, _ in row] for row in rows]
    values = [[value for _, value in row] for row in rows]
    return histories_of(items), torch.tensor(list(chain(*values))), items, values


def ranks(values):
    """Places by ascending importance; sorted() keeps equals in order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    return [order.index(place) for place in range(len(values))]


def count(share, n):
    """At least one, and exact: no binary fractions."""
    return max(math.floor(share * n), 1)


def check(items, rank, share, operator, view):
    """Compare one view with the definition, item by item."""
    n, share = len(items), Fraction(share)
    if n == 1:
        assert view == items
        return
    first = [place for place in range(n) if rank[place] < count(share, n)]
    last = [place for place in range(n) if rank[place] >= n - count(1 - share, n)]
    if operator == KEEP:
        assert view == [items[place] for place in first]
    elif operator == MASK:
        assert view == [HIDDEN if place in last else items[place] for place in range(n)]
    else:
        assert all(view[place] == items[place] for place in range(n) if place not in last)
        assert sorted(view[place] for place in last) == sorted(items[place] for place in last)


@given(histories)
def test_ranks_are_those_of_sorting_each_history(rows):
    packed, importance, _, values = split(rows)
    assert rank_within(packed, importance).tolist() == list(chain(*map(ranks, values)))


@given(histories, shares, st.data(), seeds)
def test_each_operator_is_its_definition(rows, share, data, seed):
    packed, importance, items, values = split(rows)
    drawn = data.draw(st.lists(st.sampled_from(OPERATORS), min_size=len(rows), max_size=len(rows)))
    rank = rank_within(packed, importance)
    found = guided_view(packed, rank, float(share), torch.tensor(drawn), HIDDEN, stream(seed))
    for row, operator, view in zip(range(len(rows)), drawn, lists_of(found), strict=True):
        check(items[row], ranks(values[row]), share, operator, view)


def test_the_shares_of_its_authors_are_exact_up_to_the_longest_history():
    lists = [list(range(n)) for n in range(2, 51)]
    packed = histories_of(lists)
    for share, operator in [("0.3", KEEP), ("0.3", MASK), ("0.7", KEEP), ("0.7", MASK)]:
        chosen = torch.full((len(lists),), operator)
        view = guided_view(packed, packed.place, float(share), chosen, 1000, stream())
        for items, seen in zip(lists, lists_of(view), strict=True):
            kept = count(Fraction(share), len(items))
            masked = count(1 - Fraction(share), len(items))
            if operator == KEEP:
                assert seen == items[:kept]
            else:
                assert seen == [*items[: len(items) - masked], *[1000] * masked]


IMPORTANT = [0.3, 0.0, 0.2, 0.1, 0.05, 0.15, 0.12, 0.04, 0.01, 0.03]  # of ten different items


def operator_of(view):
    """Of a history of ten items, 0 to 9, whose mask is 10."""
    if 10 in view:
        return MASK
    return KEEP if len(view) < 10 else SHUFFLE


def test_positive_views_spare_what_matters_and_negative_views_what_does_not():
    n = 3000
    packed = histories_of([list(range(10))] * n)
    importance = torch.tensor(IMPORTANT).repeat(n)
    views = guided_views(packed, importance, (0.3, 0.7), 10, stream())
    one, other, negative = map(lists_of, views)
    pairs = [(operator_of(a), operator_of(b)) for a, b in zip(one, other, strict=True)]
    assert_uniform(Counter(pairs), [(a, b) for a in OPERATORS for b in OPERATORS if a != b])
    assert_uniform(Counter(map(operator_of, negative)), OPERATORS)
    for view in (*one, *other):
        if operator_of(view) == KEEP:
            assert view == [0, 2, 5]
        elif operator_of(view) == MASK:
            assert view == [0, 10, 2, 10, 10, 5, 10, 10, 10, 10]
        else:
            assert [view[place] for place in (0, 2, 5)] == [0, 2, 5]
    for view in negative:
        if operator_of(view) == KEEP:
            assert view == [1, 3, 4, 6, 7, 8, 9]
        elif operator_of(view) == MASK:
            assert [place for place, item in enumerate(view) if item == 10] == [0, 2, 5]
        else:
            assert [view[place] for place in (1, 3, 4, 6, 7, 8, 9)] == [1, 3, 4, 6, 7, 8, 9]


def test_every_order_of_the_shuffled_items_is_as_likely():
    packed = histories_of([[0, 1, 2, 3]] * 6000)
    rank = torch.tensor([3, 1, 0, 2]).repeat(6000)  # 1 - r of four are three: all but place 2
    view = guided_view(packed, rank, 0.25, torch.full((6000,), SHUFFLE), HIDDEN, stream())
    orders = [(0, 1, 3), (0, 3, 1), (1, 0, 3), (1, 3, 0), (3, 0, 1), (3, 1, 0)]
    assert_uniform(Counter(map(tuple, lists_of(view))), [(a, b, 2, c) for a, b, c in orders])


def test_views_are_new_tensors_of_their_stream():
    packed, importance, items, _ = split(
        [[(4, 0.1)], [(7, 0.2), (3, 0.3)], [(place, 0.1 * place) for place in range(8)]]
    )
    before = packed.item_ids.clone()

    def views(seed):
        found = guided_views(packed, importance, (0.3, 0.7), HIDDEN, stream(seed))
        return [lists_of(view) for view in found]

    assert views(3) == views(3)
    assert any(views(3) != views(seed) for seed in range(9))
    assert all(view[0] == items[0] for view in views(3))
    assert torch.equal(packed.item_ids, before)


@pytest.mark.parametrize("operator", OPERATORS)
def test_two_items_change_by_one(operator):
    packed = histories_of([[5, 6]])
    for share in (0.3, 0.7):  # both counts of both shares are one
        view = guided_view(
            packed, torch.tensor([1, 0]), share, torch.tensor([operator]), HIDDEN, stream()
        )
        expected = {KEEP: [6], MASK: [HIDDEN, 6], SHUFFLE: [5, 6]}[operator]
        assert lists_of(view) == [expected]
