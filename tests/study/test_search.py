from hypothesis import given, settings
from hypothesis import strategies as st

from btsr_core.study.search import Choice, trials

SPACE = {
    "dropout": Choice(low=0.1, high=0.6, step=0.1),
    "weight_decay": Choice(low=1e-6, high=1e-4, log=True),
    "n_negatives": Choice(choices=(1, 16, 64, 256)),
}
DEFAULTS = {"objective": "bce", "dropout": 0.35, "n_negatives": 4}


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(0, 1000))
def test_trials_lie_in_the_space_and_the_first_is_the_defaults(n, seed):
    first, *others = trials(SPACE, DEFAULTS, n, seed)
    assert first == DEFAULTS
    assert len(others) == n - 1
    for trial in others:
        assert trial["objective"] == "bce"
        assert trial["dropout"] in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # to the last bit
        assert 1e-6 <= trial["weight_decay"] <= 1e-4
        assert trial["n_negatives"] in (1, 16, 64, 256)


@settings(max_examples=10)
@given(st.integers(1, 12), st.integers(0, 100))
def test_more_trials_only_add_to_fewer(n, seed):
    assert trials(SPACE, DEFAULTS, n + 3, seed)[:n] == trials(SPACE, DEFAULTS, n, seed)


def test_trials_spread_over_the_space():
    found = trials(SPACE, DEFAULTS, 33, 0)[1:]
    assert {trial["dropout"] for trial in found} == {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    assert {trial["n_negatives"] for trial in found} == {1, 16, 64, 256}
    below = sum(trial["weight_decay"] < 1e-5 for trial in found)
    assert 8 < below < 24  # evenly by magnitude


def test_other_seeds_propose_others():
    assert trials(SPACE, DEFAULTS, 4, 0) != trials(SPACE, DEFAULTS, 4, 1)


def test_nothing_to_choose_leaves_one_trial():
    assert trials({}, DEFAULTS, 5, 0) == [DEFAULTS]
