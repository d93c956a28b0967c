import numpy as np
import oracles
import pytest
import torch
from conftest import eval_set
from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.config import ModelConfig
from btsr_core.errors import InputError
from btsr_core.evaluate import evaluate_model, rank, top_items_of
from btsr_core.metrics import UNRANKED
from btsr_core.model import SASRec
from btsr_core.scorers import EmbeddingScorer


@st.composite
def problems(draw):
    """Users, items and histories; few distinct values, so that ties are everywhere."""
    n_users, n_items = draw(st.integers(1, 7)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scorer = EmbeddingScorer(
        torch.tensor(rng.integers(-1, 2, (n_users, 3)).astype(np.float32)),
        torch.tensor(rng.integers(-1, 2, (n_items, 3)).astype(np.float32)),
    )
    histories = [rng.integers(n_items, size=rng.integers(1, 6)).tolist() for _ in range(n_users)]
    return scorer, eval_set(histories, rng.integers(n_items, size=n_users).tolist())


@settings(deadline=None)
@given(problems(), st.booleans(), st.integers(1, 50))
def test_ranks_and_lists_are_those_of_sorting_everything(problem, exclude_seen, k):
    scorer, users = problem
    found = rank(scorer, users, exclude_seen=exclude_seen, k=k)
    scores = (scorer.users @ scorer.items.T).tolist()
    for row, history in enumerate(users.inputs.to_lists()):
        target = int(users.targets[row])
        seen = set(history) if exclude_seen else set()
        expected, best = oracles.ranking(scores[row], target, seen, k)
        assert found.ranks[row] == (UNRANKED if expected is None else expected)
        assert [item for item in found.top_items[row].tolist() if item >= 0] == best


@settings(deadline=None)
@given(problems(), st.integers(1, 9), st.integers(1, 45))
def test_blocks_change_no_rank_and_no_list(problem, user_block, item_block):
    whole = rank(*problem)
    cut = rank(*problem, user_block=user_block, item_block=item_block)
    np.testing.assert_array_equal(whole.ranks, cut.ranks)
    np.testing.assert_array_equal(whole.top_items, cut.top_items)


@pytest.fixture(scope="module")
def real_valued():
    """Scores as a trained model gives them, where every matrix product rounds in its own way."""
    rng = np.random.default_rng(0)
    users = rng.normal(size=(300, 64)).astype(np.float32)
    items = rng.normal(size=(1000, 64)).astype(np.float32)
    items[500:] = items[:500]  # every item has a twin: exact ties at any rounding
    histories = [rng.integers(1000, size=20).tolist() for _ in range(300)]
    scorer = EmbeddingScorer(torch.tensor(users), torch.tensor(items))
    return scorer, eval_set(histories, rng.integers(1000, size=300).tolist())


@pytest.mark.parametrize("user_block", [1, 7, 64, 300])
@pytest.mark.parametrize("item_block", [13, 256, 999, 1000, 5000])
def test_blocks_change_nothing_for_real_valued_scores(real_valued, user_block, item_block):
    whole = rank(*real_valued)
    cut = rank(*real_valued, user_block=user_block, item_block=item_block)
    np.testing.assert_array_equal(whole.ranks, cut.ranks)
    np.testing.assert_array_equal(whole.top_items, cut.top_items)


def test_true_scores_decide_where_products_in_single_precision_cannot():
    rng = np.random.default_rng(0)
    users = rng.normal(size=(40, 64)).astype(np.float32)
    items = np.repeat(rng.normal(size=(20, 64)), 30, axis=0)
    items = (items + 1e-7 * rng.normal(size=items.shape)).astype(np.float32)  # 30 near twins each
    true = (users.astype(np.float64) @ items.astype(np.float64).T).astype(np.float32)
    scorer = EmbeddingScorer(torch.tensor(users), torch.tensor(items))
    everybody = torch.arange(40)
    fast = scorer.scores(everybody, 0, torch.empty(40, 600))
    assert (fast.numpy() != true).mean() > 0.2  # which is why this test is here
    assert (np.abs(fast.numpy() - true) <= scorer.margin(everybody)[:, None].numpy()).all()
    targets = rng.integers(600, size=40)
    found = rank(scorer, eval_set([[0]] * 40, targets.tolist()), exclude_seen=False, k=25)
    for row in range(40):
        expected, best = oracles.ranking(true[row].tolist(), targets[row], set(), 25)
        assert found.ranks[row] == expected
        assert found.top_items[row].tolist() == best


def test_more_equals_than_are_spared():
    items = torch.ones(300, 4)
    items[250:] = 2.0
    scorer = EmbeddingScorer(torch.ones(2, 4) / 3, items)
    found = rank(scorer, eval_set([[251], [3]], [7, 280]), k=60)
    for row, seen in enumerate((251, 3)):
        order = [i for i in [*range(250, 300), *range(250)] if i != seen]
        assert found.top_items[row].tolist() == order[:60]
        assert found.ranks[row] == order.index([7, 280][row]) + 1


def test_a_target_seen_before_is_never_a_hit_unless_seen_items_may_be_recommended():
    scorer = EmbeddingScorer(torch.eye(1), torch.tensor([[3.0], [2], [1]]))
    users = eval_set([[0, 1]], [0])
    assert rank(scorer, users).ranks.tolist() == [UNRANKED]
    assert rank(scorer, users).top_items.tolist() == [[2, -1, -1]]
    assert rank(scorer, users).metrics()["hr@50"] == 0  # though there are only three items
    assert rank(scorer, users, exclude_seen=False).ranks.tolist() == [1]


def test_no_users():
    scorer = EmbeddingScorer(torch.empty(0, 2), torch.ones(3, 2))
    found = rank(scorer, eval_set([], []))
    assert found.ranks.shape == (0,)
    assert np.isnan(found.metrics()["ndcg@10"])


def test_no_users_for_a_model(model):
    found = evaluate_model(model, eval_set([], []), max_len=5)
    assert found.ranks.shape == (0,)


def test_scores_that_are_no_numbers_are_an_error():
    scorer = EmbeddingScorer(torch.full((1, 2), torch.nan), torch.ones(3, 2))
    with pytest.raises(InputError, match="diverged"):
        rank(scorer, eval_set([[0]], [1]))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return SASRec(40, ModelConfig(dim=8, max_len=5, dropout=0.5))


def test_a_model_ranks_as_it_recommends(model):
    histories = [[3], [1, 2, 3, 4, 5, 6, 7, 8], [9, 9]]
    users = eval_set(histories, [0, 10, 20])
    found = evaluate_model(model, users, max_len=5)
    for row, history in enumerate(histories):
        best, scores = top_items_of(model, np.array(history), max_len=5, k=40)
        assert found.top_items[row, : len(best)].tolist() == best.tolist()
        assert not set(best) & set(history)
        assert best.tolist().index(users.targets[row]) + 1 == found.ranks[row]
        assert (np.diff(scores) <= 0).all()


def test_evaluation_leaves_the_model_in_training_mode(model):
    model.train()
    evaluate_model(model, eval_set([[1, 2]], [3]), max_len=5)
    assert model.training
