import numpy as np
import oracles
import pytest
import torch
from handmade import eval_set
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.config import ModelConfig
from btsr_core.errors import InputError
from btsr_core.evaluation.baselines import PopularityScorer
from btsr_core.evaluation.evaluate import ITEMS_HELD, evaluate_model, rank, top_items_of
from btsr_core.evaluation.metrics import UNRANKED
from btsr_core.evaluation.scorers import EmbeddingScorer
from btsr_core.model.sasrec import SASRec


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
    users = rng.normal(size=(100, 64)).astype(np.float32)
    items = rng.normal(size=(1000, 64)).astype(np.float32)
    items[500:] = items[:500]  # every item has a twin: exact ties at any rounding
    histories = [rng.integers(1000, size=20).tolist() for _ in range(100)]
    scorer = EmbeddingScorer(torch.tensor(users), torch.tensor(items))
    return scorer, eval_set(histories, rng.integers(1000, size=100).tolist())


@pytest.mark.parametrize("user_block", [1, 7, 64, 100])
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


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12))
def test_scores_that_are_the_true_ones_are_ranked_with_their_ties(seed, item_block, k):
    rng = np.random.default_rng(seed)
    counts = rng.integers(4, size=30).astype(np.float32)
    histories = rng.integers(30, size=(5, 3)).tolist()
    users = eval_set(histories, rng.integers(30, size=5).tolist())
    scorer = PopularityScorer(torch.tensor(counts))
    found = rank(scorer, users, k=k, user_block=2, item_block=item_block)
    for row, history in enumerate(histories):
        expected, best = oracles.ranking(counts.tolist(), users.targets[row], set(history), k)
        assert found.ranks[row] == (UNRANKED if expected is None else expected)
        assert found.top_items[row].tolist() == best


@pytest.fixture(scope="module")
def large():
    """More items than are held at a time, in steps so coarse that many are equal; the oracle's."""
    rng = np.random.default_rng(0)
    n_items = ITEMS_HELD["cpu"] + 1000
    users, items = (rng.integers(-9, 10, (n, 8)).astype(np.float32) / 7 for n in (12, n_items))
    histories = rng.integers(n_items, size=(12, 5)).tolist()
    scorer = EmbeddingScorer(torch.tensor(users), torch.tensor(items))
    problem = scorer, eval_set(histories, rng.integers(n_items, size=12).tolist())
    true = (users.astype(np.float64) @ items.astype(np.float64).T).astype(np.float32)
    expected = [
        oracles.ranking(scores.tolist(), target, set(history), 10)
        for scores, target, history in zip(true, problem[1].targets, histories, strict=True)
    ]
    return problem, expected


@pytest.mark.parametrize("threads", [1, 2])
def test_large_catalogues_are_ranked_as_by_sorting(large, threads):
    problem, expected = large
    torch.set_num_threads(threads)
    found = rank(*problem, k=10, user_block=5)
    torch.set_num_threads(1)
    assert found.ranks.tolist() == [rank for rank, _ in expected]
    assert found.top_items.tolist() == [best for _, best in expected]


def test_users_without_an_opinion_get_the_catalogue_in_its_order():
    scorer = EmbeddingScorer(torch.zeros(2, 4), torch.randn(300, 4))
    found = rank(scorer, eval_set([[2], [250]], [7, 280]), k=5)
    assert found.top_items.tolist() == [[0, 1, 3, 4, 5], [0, 1, 2, 3, 4]]
    assert found.ranks.tolist() == [7, 280]


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


def test_threads_change_no_rank_and_no_list(model):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 8, size=1500)
    users = eval_set(
        [rng.integers(40, size=n).tolist() for n in lengths], rng.integers(40, size=1500).tolist()
    )
    one = evaluate_model(model, users, max_len=5)
    torch.set_num_threads(2)
    two = evaluate_model(model, users, max_len=5)
    torch.set_num_threads(1)
    np.testing.assert_array_equal(one.ranks, two.ranks)
    np.testing.assert_array_equal(one.top_items, two.top_items)


def test_evaluation_leaves_the_model_in_training_mode(model):
    model.train()
    evaluate_model(model, eval_set([[1, 2]], [3]), max_len=5)
    assert model.training
