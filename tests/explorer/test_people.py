"""Whose lists are shown: chosen by a rule, with histories, items and ranks by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btsr_core.config import DataConfig
from btsr_core.experiment import prepare
from btsr_core.explorer.dials import Shown
from btsr_core.explorer.people import (
    changed_items,
    people,
    telling_users,
    typical_user,
)
from btsr_core.study.examples import examples_of
from btsr_core.study.measure import measure_targets


def test_changed_items_by_hand():
    first = np.array([[1, 2, 3], [1, 2, 3], [1, 2, -1]])
    last = np.array([[3, 2, 1], [1, 5, 6], [1, 4, -1]])
    assert changed_items(first, last).tolist() == [0, 2, 1]


class TestTellingUsers:
    def test_most_least_and_between(self):
        changed = np.array([0, 9, 4, 7, 2, 5, 1])
        lengths = np.array([9, 8, 9, 7, 9, 9, 9])  # the fourth has seen too little
        assert telling_users(changed, lengths, 3) == [1, 2, 0]

    def test_all_short(self):
        assert telling_users(np.array([1, 3]), np.array([2, 1]), 6) == [1, 0]

    def test_nobody(self):
        assert telling_users(np.empty(0, int), np.empty(0, int)) == []

    @given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 30)), max_size=24),
           st.integers(1, 8))  # fmt: skip
    def test_rule(self, users, n):
        changed, lengths = (np.array([one[i] for one in users], int) for i in (0, 1))
        found = telling_users(changed, lengths, n)
        eligible = [row for row in range(len(users)) if lengths[row] >= 8] or range(len(users))
        assert len(found) == len(set(found)) == min(n, len(eligible))
        assert set(found) <= set(eligible)
        if found:
            assert changed[found[0]] == max(changed[list(eligible)])
            assert list(changed[found]) == sorted(changed[found], reverse=True)
        if len(found) > 1:
            assert changed[found[-1]] == min(changed[list(eligible)])


def test_typical_user_is_the_median():
    assert typical_user([{"changed": n} for n in (9, 0, 4, 5, 1)]) == 2
    assert typical_user([]) == 0


@pytest.fixture(scope="module")
def data(tiny_csv):
    return prepare(DataConfig(source=str(tiny_csv), k_core=1))


@pytest.fixture(scope="module")
def examples(data):
    return examples_of(data)


@pytest.fixture(scope="module")
def targets(data):
    return measure_targets(data)


class TestPeople:
    @pytest.fixture
    def shown(self, data):
        """Two users with lists of three, of which the second loses the last one."""
        lists = np.array([[0, 1, 2], [3, 4, -1]])
        later = np.array([[2, 1, 5], [3, 4, -1]])
        return [Shown(lists, np.array([1, 101])), None, Shown(later, np.array([7, 100]))]

    def test_by_hand(self, data, examples, targets, shown):
        found = people(examples, targets, shown, fixed=False)
        assert found["noun"] == "item"
        tested, items = data.split.held_out["full"].test, found["items"]
        history = tested.inputs.to_lists()[0]
        own = found["users"][0]
        assert own["history_length"] == len(history)
        ids = [str(data.split.items[item]) for item in history[-15:]]
        assert [items[item]["title"] for item in own["history"]] == ids
        assert items[own["target"]]["title"] == str(data.split.items[tested.targets[0]])
        titles = [own and [items[item]["title"] for item in own] for own in own["lists"]]
        assert titles == [
            [str(data.split.items[item]) for item in (0, 1, 2)],
            None,
            [str(data.split.items[item]) for item in (2, 1, 5)],
        ]
        assert own["target_rank"] == [1, None, 7]
        assert found["users"][1]["target_rank"] == [None, None, 100]
        assert [len(one) for one in found["users"][1]["lists"] if one is not None] == [2, 2]
        assert [one["changed"] for one in found["users"]] == [1, 0]

    def test_only_items_that_occur(self, examples, targets, shown):
        found = people(examples, targets, shown, fixed=False)
        used = set()
        for user in found["users"]:
            used |= {*user["history"], user["target"]}
            used.update(*(own for own in user["lists"] if own))
        assert used == set(range(len(found["items"])))

    def test_items_as_they_are(self, data, examples, targets, shown):
        found = people(examples, targets, shown, fixed=False, whole_catalogue=True)
        assert len(found["items"]) == data.split.n_items
        train = data.split.train.to_lists()
        for item, one in enumerate(found["items"]):
            assert one["title"] == str(data.split.items[item])
            assert one["genres"] == []
            assert one["users"] == sum(item in seen for seen in train)
            assert one["bucket"] == targets.buckets[item]

    def test_histories_that_may_not_be_shown(self, examples, targets, shown):
        found = people(dataclasses.replace(examples, histories=()), targets, shown, fixed=False)
        assert [user["history"] for user in found["users"]] == [[], []]
        assert [user["history_length"] for user in found["users"]] == examples.lengths[:2].tolist()

    def test_nobody(self, examples, targets):
        found = people(examples, targets, [None, None], fixed=True)
        assert found["users"] == found["items"] == []

    def test_titles_and_genres(self, data, targets, shown):
        table = data.interactions.items.reindex(data.split.items).assign(title="", genres="")
        table.loc[data.split.items[0], ["title", "genres"]] = "Some film (1999)", "Drama|War"
        known = examples_of(
            dataclasses.replace(
                data, interactions=dataclasses.replace(data.interactions, items=table)
            )
        )
        one = people(known, targets, shown, fixed=False, whole_catalogue=True)["items"][0]
        assert (one["title"], one["genres"]) == ("Some film (1999)", ["Drama", "War"])
