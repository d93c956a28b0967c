"""Whose lists the slider shows: test users with their histories, and the items that occur."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from btsr_core.data.films import ML_1M, ML_100K, MOVIETWEETINGS_100K
from btsr_core.evaluation.metrics import IntArray
from btsr_core.explorer.dials import Shown
from btsr_core.study.examples import Examples
from btsr_core.study.measure import WIDEST
from btsr_core.study.records import BEYOND, Targets

LEAST_HISTORY = 8
"""Items that a user must have seen to be shown where few are."""
SHOWN_HISTORY = 15
FIXED_USERS = 6
"""Users on a page without a kernel."""
FILMS = {spec.name for spec in (ML_100K, ML_1M, MOVIETWEETINGS_100K)}


def changed_items(first: IntArray, last: IntArray) -> IntArray:
    """Return (n,) how many items of each of (n, k) lists are not in the list beside it.

    -1 stands for no item.
    """
    kept = (last[:, :, None] == first[:, None, :]).any(axis=2)
    return np.asarray((~kept & (last >= 0)).sum(axis=1))


def telling_users(changed: IntArray, lengths: IntArray, n: int = FIXED_USERS) -> list[int]:
    """Return the users whose list changes most, least, and evenly between.

    Those with a history of fewer than `LEAST_HISTORY` items stand back, unless all are such.

    Parameters
    ----------
    changed
        (U,) items of a user's list that change, as from `changed_items`.
    lengths
        (U,) items of a user's history.
    n
        How many users at most.

    Returns
    -------
    list of int
        Rows of users; that with the most change first, the lower row of equals.
    """
    rows = np.flatnonzero(lengths >= LEAST_HISTORY)
    rows = rows if len(rows) else np.arange(len(lengths))
    rows = rows[np.argsort(-changed[rows], kind="stable")]
    places = np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int)
    return [int(row) for row in rows[places]]


def typical_user(users: Sequence[dict[str, Any]]) -> int:
    """Return the position of the user whose list changes as much as the median; 0 of nobody."""
    order = sorted(range(len(users)), key=lambda place: int(users[place]["changed"]))
    return order[len(order) // 2] if order else 0


def people(
    examples: Examples,
    targets: Targets,
    shown: Sequence[Shown | None],
    *,
    fixed: bool,
    whole_catalogue: bool = False,
) -> dict[str, Any]:
    """Return the users of the payload, and the items that they speak of.

    Parameters
    ----------
    examples
        Of the data that the records' models were trained on.
    targets
        Who was tested.
    shown
        The lists at each position of the slider; None where there are none.
    fixed
        Whether to choose `FIXED_USERS` (`telling_users`); else all whose lists are recorded.
    whole_catalogue
        Whether to return all items, in the catalogue's order, and not only those that occur.

    Returns
    -------
    dict
        `users` and `items` as the payload has them; `noun`, what an item is.
    """
    noun = "film" if targets.sizes["dataset"] in FILMS else "item"
    known = [one for one in shown if one is not None and len(one.lists)]
    tested = targets.of(WIDEST)["item"].to_numpy()
    n = min([len(examples.lengths), *(len(one.lists) for one in known)]) if known else 0
    lengths = examples.lengths[:n]
    changed = changed_items(known[0].lists[:n], known[-1].lists[:n]) if known else np.empty(0, int)
    rows = telling_users(changed, lengths) if fixed and n else list(range(n))
    users = []
    for row in rows:
        length = int(lengths[row])
        history = examples.histories[row][-SHOWN_HISTORY:].tolist() if examples.is_whole else []
        users.append(
            {
                "label": f"User {row + 1}: {length} {noun}s seen, {changed[row]} of "
                f"{known[0].lists.shape[1]} change",
                "number": row,
                "history": history,
                "history_length": length,
                "changed": int(changed[row]),
                "target": int(tested[row]),
                "lists": [_list(one, row) for one in shown],
                "target_rank": [_rank(one, row) for one in shown],
            }
        )
    every: Iterable[int] = range(len(examples.items))
    items = list(every) if whole_catalogue else _occurring(users)
    _renumber(users, {item: place for place, item in enumerate(items)})
    return {"users": users, "items": _described(examples, targets, items), "noun": noun}


def _list(shown: Shown | None, row: int) -> list[int] | None:
    if shown is None:
        return None
    return [int(item) for item in shown.lists[row] if item >= 0]


def _rank(shown: Shown | None, row: int) -> int | None:
    """Return the rank of the user's target; None beyond what is recorded."""
    if shown is None or row >= len(shown.ranks):
        return None
    rank = int(shown.ranks[row])
    return rank if rank < BEYOND else None


def _occurring(users: Sequence[dict[str, Any]]) -> list[int]:
    found: set[int] = set()
    for user in users:
        found |= {*user["history"], user["target"]}
        found.update(*(own for own in user["lists"] if own is not None))
    return sorted(found)


def _renumber(users: Sequence[dict[str, Any]], place: dict[int, int]) -> None:
    """Say items by their places in the payload."""
    for user in users:
        user["history"] = [place[item] for item in user["history"]]
        user["target"] = place[user["target"]]
        user["lists"] = [own and [place[item] for item in own] for own in user["lists"]]


def _described(examples: Examples, targets: Targets, items: Sequence[int]) -> list[dict[str, Any]]:
    """Return title, genres, popularity bucket and number of training users of some items."""
    table = examples.items
    titles, genres = table["title"].to_numpy(), table["genres"].to_numpy()
    ids, users = table["item_id"].to_numpy(), table["users"].to_numpy()
    return [
        {
            "title": str(titles[item] or ids[item]),
            "genres": [genre for genre in str(genres[item]).split("|") if genre],
            "bucket": int(targets.buckets[item]),
            "users": int(users[item]),
        }
        for item in items
    ]
