from collections import Counter
from itertools import chain

import pytest
import torch
from handmade import pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.errors import InputError
from btsr_core.sequences.histories import PackedSequences
from btsr_core.sequences.sampler import (
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


def usable(lists):
    return [row for row, items in enumerate(lists) if len(items) >= 2]


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


@given(sequences.filter(usable), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_an_epoch_is_every_usable_sequence_once(lists, batch_size, max_len, seed):
    store = packed(lists)
    batches = list(epoch_batches(index_by_target(store), batch_size, max_len, seed, 0))
    anchors = [batch.anchors.rows.tolist() for batch in batches]
    assert sorted(chain.from_iterable(anchors)) == usable(lists)
    assert all(len(rows) == batch_size for rows in anchors[:-1])
    for batch in batches:
        partners = batch.partners.rows[batch.partner_order].tolist()
        for row, partner in zip(batch.anchors.rows.tolist(), partners, strict=True):
            assert lists[row][-1] == lists[partner][-1]
        for pick in (batch.anchors, batch.partners):
            lengths = [min(len(lists[row]) - 1, max_len) for row in pick.rows.tolist()]
            assert pick.lengths.tolist() == lengths == sorted(lengths)


def drawn(seed, epoch, lists=None):
    lists = lists or [[i % 3, i % 5, i % 2] for i in range(20)]
    batches = epoch_batches(index_by_target(packed(lists)), 6, 5, seed, epoch)
    return [
        [t.tolist() for t in (b.anchors.rows, b.partners.rows, b.partner_order)] for b in batches
    ]


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
