"""k-core and split against slow loops written from the rules, their invariants, and known sizes."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from btsr_core.data.datasets import load_interactions
from btsr_core.data.k_core import k_core
from btsr_core.data.protocol import HeldOut, Sequences, Split, split_interactions
from btsr_core.errors import InputError

QUANTILES = st.sampled_from([0.3, 0.5, 0.8, 0.95])


def logs(min_size):
    """Few users, items and times: ties, repeats and users with one interaction are the rule.

    Users start at different times, so that a cutoff finds some that have stopped.
    """
    rows = st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 7))
    return st.lists(rows, min_size=min_size, max_size=80).map(
        lambda rows: pd.DataFrame(
            [(user, item, 2 * user + delay) for user, item, delay in rows],
            columns=["user_id", "item_id", "timestamp"],
        )
    )


LOGS = logs(1) | logs(20)  # the first often fail to split, the second seldom


def oracle_k_core(rows, k):
    while True:
        kept = []
        for user, item, time in rows:
            items_of_user = {i for u, i, _ in rows if u == user}
            users_of_item = {u for u, i, _ in rows if i == item}
            if len(items_of_user) >= k and len(users_of_item) >= k:
                kept.append((user, item, time))
        if kept == rows:
            return rows
        rows = kept


def oracle_split(rows, k, quantile):
    """Return (cutoff, train, {history: {user: (valid input, valid target, test target)}})."""
    rows = oracle_k_core(rows, k)
    cutoff = pd.Series([time for _, _, time in rows]).quantile(quantile, interpolation="nearest")
    sequences = {}
    for user in {u for u, _, _ in rows}:
        own = [(time, item) for u, item, time in rows if u == user]
        sequences[user] = sorted(own, key=lambda pair: pair[0])  # sorted() is stable
    pool = {user for user, own in sequences.items() if any(time >= cutoff for time, _ in own)}
    train = {user: [i for _, i in own] for user, own in sequences.items() if user not in pool}
    seen = {item for items in train.values() for item in items}
    held_out = {"after-cutoff": {}, "full": {}}
    for history, users in held_out.items():
        for user in pool:
            left = [
                item
                for time, item in sequences[user]
                if item in seen and (history == "full" or time >= cutoff)
            ]
            if len(left) >= 3:
                users[user] = (left[:-2], left[-2], left[-1])
    return cutoff, train, held_out


def oracle_events(rows, k, quantile):
    """Return [(user, input, target)] in the order of users and times."""
    rows = oracle_k_core(rows, k)
    cutoff = pd.Series([time for _, _, time in rows]).quantile(quantile, interpolation="nearest")
    pool = {user for user, _, time in rows if time >= cutoff}
    seen = {item for user, item, _ in rows if user not in pool}
    events = []
    for user in sorted(pool):
        own = [(time, item) for u, item, time in rows if u == user and item in seen]
        own.sort(key=lambda pair: pair[0])
        for place, (time, item) in enumerate(own):
            validates = len(own) >= 3 and place == len(own) - 2
            if time >= cutoff and place > 0 and not validates:
                events.append((user, [i for _, i in own[:place]], item))
    return events


def raw_train(split: Split):
    lists = split.train.to_lists()
    return {
        user: [split.items[i] for i in items]
        for user, items in zip(split.train_users, lists, strict=True)
    }


def raw_held_out(split: Split, held_out: HeldOut):
    valid, test = held_out.valid, held_out.test
    assert valid.users.tolist() == test.users.tolist()
    for before, target, after in zip(
        valid.inputs.to_lists(), valid.targets, test.inputs.to_lists(), strict=True
    ):
        assert after == [*before, target]
    return {
        user: ([split.items[i] for i in items], split.items[a], split.items[b])
        for user, items, a, b in zip(
            valid.users, valid.inputs.to_lists(), valid.targets, test.targets, strict=True
        )
    }


def described(split: Split):
    """All that a split says, in raw ids and whatever the order of users."""
    parts = {history: raw_held_out(split, part) for history, part in split.held_out.items()}
    return raw_train(split), parts


def split_or_none(frame, **options):
    try:
        return split_interactions(frame, **options)
    except InputError:
        return None


@given(LOGS, st.integers(0, 5))
def test_k_core_is_the_oracles(frame, k):
    core = k_core(frame, k)
    assert list(core.itertuples(index=False, name=None)) == oracle_k_core(
        list(frame.itertuples(index=False, name=None)), k
    )


@given(LOGS, st.integers(0, 3), QUANTILES)
def test_split_is_the_oracles(frame, k, quantile):
    rows = list(frame.itertuples(index=False, name=None))
    if not oracle_k_core(rows, k):
        with pytest.raises(InputError, match=f"k_core={k} leaves none"):
            split_interactions(frame, k_core=k, cutoff_quantile=quantile)
        return
    cutoff, train, held_out = oracle_split(rows, k, quantile)
    if not train:
        with pytest.raises(InputError, match="left for training"):
            split_interactions(frame, k_core=k, cutoff_quantile=quantile)
    elif not any(held_out.values()):
        with pytest.raises(InputError, match="left for evaluation"):
            split_interactions(frame, k_core=k, cutoff_quantile=quantile)
    else:
        split = split_interactions(frame, k_core=k, cutoff_quantile=quantile)
        assert split.cutoff == cutoff
        assert described(split) == (train, held_out)
        assert split.items.tolist() == sorted({i for items in train.values() for i in items})
        assert split.train_users.tolist() == sorted(train)
        for history, users in held_out.items():
            assert split.sizes(history) == {
                "train_users": len(train),
                "train_items": split.n_items,
                "train_interactions": sum(map(len, train.values())),
                "usable_pool": len(users),
            }


@given(logs(20), QUANTILES)
def test_no_held_out_user_trains_and_all_ids_are_in_the_catalogue(frame, quantile):
    split = split_or_none(frame, k_core=0, cutoff_quantile=quantile)
    assume(split is not None)
    assert set(split.train.item_ids) == set(range(split.n_items))
    for part in split.held_out.values():
        assert not set(part.test.users) & set(split.train_users)
        assert set(part.test.inputs.item_ids) <= set(range(split.n_items))
        assert (part.valid.inputs.lengths >= 1).all()


@given(LOGS, QUANTILES, st.integers(-(10**18), 10**18))
def test_shifting_all_times_changes_nothing_but_the_cutoff(frame, quantile, shift):
    split = split_or_none(frame, k_core=2, cutoff_quantile=quantile)
    shifted = frame.assign(timestamp=frame["timestamp"] + shift)
    moved = split_or_none(shifted, k_core=2, cutoff_quantile=quantile)
    assert (split is None) == (moved is None)
    if split is not None:
        assert described(split) == described(moved)
        assert moved.cutoff == split.cutoff + shift  # exact, although floats could not hold it


@given(LOGS, QUANTILES, st.permutations(range(8)))
def test_relabelling_users_relabels_the_split(frame, quantile, labels):
    split = split_or_none(frame, k_core=2, cutoff_quantile=quantile)
    renamed = frame.assign(user_id=[f"user {labels[user]}" for user in frame["user_id"]])
    other = split_or_none(renamed, k_core=2, cutoff_quantile=quantile)
    assert (split is None) == (other is None)
    if split is not None:
        train, held_out = described(split)
        name = {user: f"user {label}" for user, label in enumerate(labels)}
        assert described(other) == (
            {name[user]: items for user, items in train.items()},
            {
                history: {name[user]: triple for user, triple in users.items()}
                for history, users in held_out.items()
            },
        )


def test_ties_keep_the_order_of_the_file_and_repeats_stay():
    frame = pd.DataFrame(
        [("a", "z", 1), ("a", "x", 1), ("a", "y", 1), ("a", "x", 0)]
        + [("b", item, 9) for item in "zxyzx"],
        columns=["user_id", "item_id", "timestamp"],
    )
    split = split_interactions(frame, k_core=0, cutoff_quantile=0.9)
    train, held_out = described(split)
    assert train == {"a": ["x", "z", "x", "y"]}
    assert held_out["full"] == held_out["after-cutoff"] == {"b": (["z", "x", "y"], "z", "x")}


def test_a_reading_may_be_empty_as_long_as_the_other_is_not():
    rows = [("a", item, 0) for item in "xyz"] + [("b", item, 1) for item in "xy"] + [("b", "z", 9)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    split = split_interactions(frame, k_core=0, cutoff_quantile=0.95)
    assert split.sizes("after-cutoff")["usable_pool"] == 0
    assert split.sizes("full")["usable_pool"] == 1
    assert split.held_out["after-cutoff"].valid.targets.shape == (0,)


def test_sequences_are_views_and_dropping_copies_nothing():
    sequences = Sequences(np.array([3, 1, 2, 7]), np.array([0, 3]), np.array([3, 1]))
    shorter = sequences.drop_last(2)
    assert shorter.item_ids is sequences.item_ids
    assert len(shorter) == 2
    assert shorter.to_lists() == [[3], []]
    assert sequences.last_items().tolist() == [2, 7]


def test_an_empty_core_names_the_largest_that_is_not():
    frame = pd.DataFrame(
        [(user, item, user) for user in range(3) for item in range(4)],
        columns=["user_id", "item_id", "timestamp"],
    )
    with pytest.raises(InputError, match=r"k_core=9 .* 12 .* is 3, with 12 interactions"):
        split_interactions(frame, k_core=9)


@pytest.mark.parametrize("quantile", [0, 1, -0.5, 1.5, float("nan")])
def test_a_quantile_out_of_range_is_refused(quantile):
    frame = pd.DataFrame({"user_id": [1], "item_id": [1], "timestamp": [1]})
    with pytest.raises(InputError, match="cutoff_quantile must lie between 0 and 1"):
        split_interactions(frame, cutoff_quantile=quantile)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user": [1], "item_id": [1], "timestamp": [1]}, "lack the column 'user_id'.*'user'"),
        ({"user_id": [], "item_id": [], "timestamp": []}, "no interactions"),
        ({"user_id": [1, 2], "item_id": [1, None], "timestamp": [1, 2]}, "position 1 "),
        ({"user_id": [1], "item_id": [1], "timestamp": [pd.Timestamp(0)]}, "not numbers"),
    ],
)
def test_a_frame_that_would_be_misread_is_refused(columns, message):
    with pytest.raises(InputError, match=message):
        split_interactions(pd.DataFrame(columns), k_core=0)


@pytest.mark.parametrize(
    ("name", "cutoff", "train", "usable"),
    [
        ("ml-100k", 891_711_495, (829, 1_342, 79_754), (94, 114)),
        ("movietweetings-100k", 1_377_381_879, (2_895, 2_402, 37_307), (376, 1_438)),
    ],
)
def test_split_sizes_of_the_named_datasets(name, cutoff, train, usable):
    beside = Path(__file__).parents[3] / "shared" / "data"
    mirror = beside if (beside / name).is_dir() and not os.environ.get("BTSR_MIRROR") else None
    try:
        interactions = load_interactions(name, mirror=mirror, progress=False)
    except InputError as error:
        if "could not be fetched" not in str(error):
            raise
        pytest.skip(str(error))
    split = split_interactions(interactions)
    assert split.cutoff == cutoff
    assert tuple(split.sizes("full").values()) == (*train, usable[1])
    assert tuple(split.sizes("after-cutoff").values()) == (*train, usable[0])


@given(LOGS, st.integers(0, 3), QUANTILES)
def test_every_late_interaction_of_the_pool_is_an_event(frame, k, quantile):
    split = split_or_none(frame, k_core=k, cutoff_quantile=quantile)
    assume(split is not None)
    events = split.events
    found = [
        (user, [split.items[i] for i in items], split.items[target])
        for user, items, target in zip(
            events.users, events.inputs.to_lists(), events.targets, strict=True
        )
    ]
    assert found == oracle_events(list(frame.itertuples(index=False, name=None)), k, quantile)
