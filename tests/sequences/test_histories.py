from collections import Counter
from itertools import chain, pairwise

import pytest
import torch
from handmade import histories_of, lists_of, pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.sequences.histories import PackedSequences, even_picks, picks

N_ITEMS = 8
CPU = torch.device("cpu")

sequences = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=9), min_size=1, max_size=30
)


def packed(lists):
    return PackedSequences.pack(pack(lists), N_ITEMS, CPU)


@given(sequences, st.integers(1, 12), st.integers(0, 1), st.integers(1, 9), st.randoms())
def test_what_is_taken_are_the_newest_items(lists, max_len, skip_last, batch_size, random):
    store = packed(lists)
    lengths = (store.lengths - skip_last).clamp(max=max_len)
    rows = [row for row in range(len(lists)) if lengths[row] > 0]
    random.shuffle(rows)
    rows = [
        row
        for start in range(0, len(rows), batch_size)
        for row in sorted(rows[start : start + batch_size], key=lambda row: int(lengths[row]))
    ]
    order = torch.tensor(rows, dtype=torch.int64)
    found = []
    for pick in picks(order, lengths[order], batch_size):
        histories = store.take(pick, skip_last)
        assert len(histories.item_ids) == pick.n_items
        assert sum(group.size for group in pick.groups) == len(pick.rows)
        widths = [group.width for group in pick.groups for _ in range(group.size)]
        assert all(n <= width for n, width in zip(pick.lengths.tolist(), widths, strict=True))
        found += lists_of(histories)
    assert found == [lists[row][: len(lists[row]) - skip_last][-max_len:] for row in rows]


@given(sequences)
def test_places_count_from_either_end(lists):
    lists.sort(key=len)
    histories = histories_of(lists)
    assert histories.item_ids.tolist() == list(chain.from_iterable(lists))
    assert histories.owner.tolist() == [row for row, items in enumerate(lists) for _ in items]
    assert histories.place.tolist() == [place for items in lists for place in range(len(items))]
    assert histories.age.tolist() == [
        len(items) - 1 - place for items in lists for place in range(len(items))
    ]
    assert histories.item_ids[histories.last].tolist() == [items[-1] for items in lists]
    assert histories.item_ids[histories.first].tolist() == [items[0] for items in lists]


@given(sequences)
def test_rectangles_hold_every_item_once_in_its_row(lists):
    lists.sort(key=len)
    histories = histories_of(lists)
    assert torch.equal(
        histories.place_to_packed[histories.packed_to_place], torch.arange(len(histories.item_ids))
    )
    laid_out = torch.split(
        histories.item_ids[histories.place_to_packed],
        [group.size * group.width for group in histories.groups],
    )
    rows = [
        row
        for part, group in zip(laid_out, histories.groups, strict=True)
        for row in part.view(group.size, group.width).tolist()
    ]
    assert [row[: len(items)] for row, items in zip(rows, lists, strict=True)] == lists


def test_a_few_long_histories_do_not_widen_the_others():
    histories = histories_of([[1]] * 14 + [[1, 2, 3]] + [list(range(8))])
    assert [(group.size, group.width) for group in histories.groups] == [
        (8, 1), (4, 1), (2, 1), (2, 8),
    ]  # fmt: skip


def test_what_is_taken_is_a_copy():
    store = packed([[1, 2, 3], [4, 5, 3]])
    before = store.item_ids.clone()
    pick = picks(torch.tensor([0, 1]), torch.tensor([3, 3]), 2)[0]
    store.take(pick).item_ids.fill_(7)
    assert torch.equal(store.item_ids, before)


@given(sequences, st.integers(1, 12), st.integers(1, 9))
def test_even_picks_fill_their_rectangles(lists, max_len, batch_size):
    store = packed(lists)
    lengths = store.lengths.clamp(max=max_len)
    order = lengths.argsort(stable=True)
    batches = even_picks(order, lengths[order], batch_size)
    sizes = [len(pick.rows) for pick in batches]
    assert sum(sizes) == len(lists)
    assert all(size == batch_size for size in sizes[:-1])
    found = []
    for pick in batches:
        histories = store.take(pick)
        assert len(histories.item_ids) == pick.n_items
        assert histories.is_rectangular
        everything = torch.arange(pick.n_items)
        assert torch.equal(histories.place_to_packed, everything)
        assert torch.equal(histories.packed_to_place, everything)
        widths = [group.width for group in pick.groups for _ in range(group.size)]
        assert widths == pick.lengths.tolist()
        found += lists_of(histories)
    assert found == [lists[row][-max_len:] for row in order.tolist()]


def test_a_group_of_several_lengths_is_not_rectangular():
    histories = histories_of([[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]])
    assert [(group.size, group.width) for group in histories.groups] == [(2, 2), (1, 3), (1, 4)]
    assert not histories.is_rectangular


@pytest.mark.parametrize("rows", [[], [0]])
def test_no_batches_of_nothing(rows):
    for cut in (picks, even_picks):
        batches = cut(torch.tensor(rows, dtype=torch.int64), torch.tensor([1] * len(rows)), 4)
        assert len(batches) == len(rows)


@given(sequences)
def test_successors_are_the_most_frequent_other_next_items(lists):
    counts = Counter()
    for items in lists:
        counts.update(pair for pair in pairwise(items) if pair[0] != pair[1])
    for item, found in enumerate(packed(lists).successors.tolist()):
        after = [(-n, second) for (first, second), n in counts.items() if first == item]
        assert found == (min(after)[1] if after else item)
