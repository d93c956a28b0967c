from collections import Counter
from itertools import chain, pairwise

import pytest
import torch
from conftest import pack
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.errors import InputError
from btsr_core.sampler import (
    PackedSequences,
    draw_negatives,
    draw_partners,
    epoch_batches,
    generator,
    index_by_target,
    seed_of,
)

N_ITEMS = 8
CPU = torch.device("cpu")

sequences = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=9), min_size=1, max_size=30)


def packed(lists):
    return PackedSequences.pack(pack(lists), N_ITEMS, CPU)


@given(sequences.filter(any), st.integers(1, 12), st.integers(0, 2))
def test_windows_are_the_newest_items_padded_on_the_left(lists, width, skip):
    windows = packed(lists).windows(torch.arange(len(lists)), width, skip).tolist()
    for items, window in zip(lists, windows, strict=True):
        kept = items[: len(items) - skip][-width:] if len(items) > skip else []
        assert window == [N_ITEMS] * (width - len(kept)) + kept


def usable(lists):
    return [row for row, items in enumerate(lists) if len(items) >= 2]


@settings(deadline=None)
@given(sequences.filter(usable), st.integers(0, 2**32))
def test_partners_share_the_target_and_differ_where_they_can(lists, seed):
    train_set = index_by_target(packed(lists))
    rows = train_set.rows
    assert sorted(rows.tolist()) == usable(lists)
    partners = draw_partners(train_set, rows, generator(CPU, seed))
    targets = Counter(lists[row][-1] for row in usable(lists))
    for row, partner in zip(rows.tolist(), partners.tolist(), strict=True):
        assert lists[partner][-1] == lists[row][-1]
        assert len(lists[partner]) >= 2
        assert (partner == row) == (targets[lists[row][-1]] == 1)


def test_partners_are_uniform():
    lists = [[1, 0], [2, 0], [3, 0], [4, 0], [5, 1]]
    train_set = index_by_target(packed(lists))
    anchors = torch.zeros(30_000, dtype=torch.int64)
    drawn = Counter(draw_partners(train_set, anchors, generator(CPU, 0)).tolist())
    assert set(drawn) == {1, 2, 3}
    for count in drawn.values():
        assert abs(count - 10_000) < 5 * (30_000 * 2 / 9) ** 0.5  # five deviations


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_negatives_are_all_items_but_the_target(n_items, seed):
    targets = torch.arange(n_items).repeat(200)
    negatives = draw_negatives(targets, n_items, 3, generator(CPU, seed))
    assert negatives.shape == (len(targets), 3)
    for target in range(n_items):
        drawn = set(negatives[targets == target].flatten().tolist())
        assert drawn == set(range(n_items)) - {target}


def test_one_item_has_no_negatives():
    with pytest.raises(InputError, match="one item"):
        draw_negatives(torch.zeros(1, dtype=torch.int64), 1, 1, generator(CPU, 0))


def rows_of(groups):
    return [row for group in groups for row in group.rows.tolist()]


@settings(deadline=None)
@given(sequences.filter(usable), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_an_epoch_is_every_usable_sequence_once(lists, batch_size, max_len, seed):
    store = packed(lists)
    batches = list(epoch_batches(index_by_target(store), batch_size, max_len, seed, 0))
    anchors = [rows_of(batch.anchors) for batch in batches]
    assert sorted(chain.from_iterable(anchors)) == usable(lists)
    assert all(len(rows) == batch_size for rows in anchors[:-1])
    for batch in batches:
        partners = torch.tensor(rows_of(batch.partners))[batch.partner_order].tolist()
        for row, partner in zip(rows_of(batch.anchors), partners, strict=True):
            assert lists[row][-1] == lists[partner][-1]
        for group in (*batch.anchors, *batch.partners):
            lengths = [min(len(lists[row]) - 1, max_len) for row in group.rows.tolist()]
            assert group.width == max(lengths)  # trimmed to its longest input


def drawn(seed, epoch, lists=None):
    lists = lists or [[i % 3, i % 5, i % 2] for i in range(20)]
    batches = epoch_batches(index_by_target(packed(lists)), 6, 5, seed, epoch)
    return [(rows_of(b.anchors), rows_of(b.partners), b.partner_order.tolist()) for b in batches]


def test_batches_are_the_seeds_and_the_epochs():
    assert drawn(0, 3) == drawn(0, 3)
    assert drawn(0, 3) != drawn(0, 4)
    assert drawn(0, 3) != drawn(1, 3)


def test_streams_do_not_touch_the_global_generator():
    state = torch.get_rng_state()
    drawn(0, 0)
    assert torch.equal(torch.get_rng_state(), state)


def test_seeds_of_different_streams_differ():
    keys = [(seed, name, epoch) for seed in range(3) for name in "ab" for epoch in range(3)]
    assert len({seed_of(*key) for key in keys}) == len(keys)


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(InputError, match="two items"):
        index_by_target(packed([[1], [], [2]]))


def test_the_stored_sequences_stay_as_they_are():
    lists = [[1, 2, 3], [4, 5, 3]]
    store = packed(lists)
    before = store.item_ids.clone()
    windows = store.windows(torch.tensor([0, 1]), 3)
    windows.fill_(7)
    assert torch.equal(store.item_ids, before)


@given(sequences.filter(any))
def test_successors_are_the_most_frequent_other_next_items(lists):
    counts = Counter()
    for items in lists:
        counts.update(pair for pair in pairwise(items) if pair[0] != pair[1])
    for item, found in enumerate(packed(lists).successors.tolist()):
        after = [(-n, second) for (first, second), n in counts.items() if first == item]
        assert found == (min(after)[1] if after else item)
