from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from handmade import eval_set, pack
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.data.protocol import Split
from btsr_core.evaluation.baselines import popularity_scorer, transition_scorer
from btsr_core.evaluation.evaluate import rank

N_ITEMS = 7
item_lists = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=6)


def split_of(lists):
    return Split(pack(lists), np.arange(len(lists)), np.arange(N_ITEMS), 0, {}, eval_set([], []))


@given(
    st.lists(item_lists, min_size=1, max_size=8),
    st.lists(st.tuples(item_lists, st.integers(0, N_ITEMS - 1)), min_size=1, max_size=5),
)
def test_scores_are_counts(train, held_out):
    split = split_of(train)
    histories, targets = map(list, zip(*held_out, strict=True))
    users = eval_set(histories, targets)
    popularity = Counter(item for items in train for item in items)
    follows = Counter(pair for items in train for pair in pairwise(items))
    rows = torch.arange(len(users))
    popular, transition = popularity_scorer(split), transition_scorer(split, users)
    most = max(popularity.values())
    followed, common = (
        scorer.scores(rows, 0, torch.empty(len(users), N_ITEMS)) for scorer in (transition, popular)
    )
    for row, history in enumerate(histories):
        for item in range(N_ITEMS):
            share = popularity[item] / (most + 1)
            expected = follows[history[-1], item] + share
            assert followed[row, item].item() == pytest.approx(expected)
            assert common[row, item].item() == popularity[item]
    pairs = torch.as_tensor(users.targets)[:, None].repeat(1, 2)
    pairs[:, 1] = (pairs[:, 1] + 1) % N_ITEMS
    for scorer, scores in ((popular, common), (transition, followed)):
        torch.testing.assert_close(scorer.pair_scores(rows, pairs), scores.gather(1, pairs))
        cut = rank(scorer, users, user_block=2, item_block=3)
        np.testing.assert_array_equal(rank(scorer, users).ranks, cut.ranks)
