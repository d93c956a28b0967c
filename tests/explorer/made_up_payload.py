"""A payload of the explorer that nobody measured: every number follows from its place."""

import copy
from typing import Any

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
POSITIONS = [round(0.02 * step, 2) for step in range(26)]
TRAINED = [0, 0.1, 0.2, 0.3, 0.4, 0.5]
SERIES = ("mean", "low", "high", "change", "change_low", "change_high")
METRICS = {"ndcg": 0.09, "hr": 0.17, "mrr": 0.07, "cov": 0.31}
CUTOFFS = [1, 5, 10, 20]
GENRES = ("Drama", "Comedy", "Thriller", "Crime", "Documentary", "Romance", "Science fiction")
WORDS = ("Quiet", "Second", "River", "Glass", "Northern", "Paper", "Last", "Winter", "Open", "Blue")
THINGS = ("Harbour", "Letters", "Sky", "Engine", "Garden", "Hours", "Border", "Orchard", "Signal")
N_ITEMS = 60


def _series(alphas, level, slope, half_width, sign=1.0):
    """Values that rise and then fall, with intervals that hold zero near alpha = 0."""
    change = [sign * slope * level * alpha * (1 - alpha) for alpha in alphas]
    half = [half_width * level * (0.2 + alpha) if alpha else 0.0 for alpha in alphas]
    mean = [level + one for one in change]
    margin = 0.03 * level
    return {
        "mean": mean,
        "low": [one - margin for one in mean],
        "high": [one + margin for one in mean],
        "change": change,
        "change_low": [one - wide for one, wide in zip(change, half, strict=True)],
        "change_high": [one + wide for one, wide in zip(change, half, strict=True)],
    }


def _source(key, label, alphas, bent):
    values: dict[str, Any] = {}
    for order, (metric, level) in enumerate(METRICS.items()):
        for k in CUTOFFS:
            height = level * (k / 10) ** 0.35 * bent
            slope = 0.9 if metric == "cov" else 0.12 + 0.03 * order
            values[f"{metric}@{k}"] = {
                "0": _series(alphas, height, slope, 0.08),
                "1": _series(alphas, 1.3 * height, 0.3, 0.09, sign=-1.0),
                "2": _series(alphas, 0.8 * height, 0.4, 0.10),
                "3": _series(alphas, 0.3 * height, 0.5, 0.20),
            }
    empty = values["mrr@1"]["3"]  # a bucket without a target at all
    values["mrr@1"]["3"] = {name: [None] * len(alphas) for name in empty}
    gap = values["hr@5"]["3"]  # and one without an interval here and there
    for name in SERIES:
        gap[name][1] = None
    return {"key": key, "label": label, "alphas": alphas, "values": values}


def _items():
    return [
        {
            "title": f"{WORDS[item % 10]} {THINGS[(3 * item) % 9]} {1950 + item}",
            "genres": [GENRES[item % 7], GENRES[(item + 3) % 7]][: item % 3],
            "bucket": 1 if item < 12 else 2 if item < 30 else 3,
            "users": round(900 / (1 + item)),
        }
        for item in range(N_ITEMS)
    ]


def _list(user, step):
    """Ten different items: the later a place, the sooner its item gives way to a rarer one."""
    chosen = []
    for place in range(10):
        shift = (step * (place + 2 + user) // 60) * 7
        item = (2 * place + user + shift) % N_ITEMS
        while item in chosen:
            item = (item + 1) % N_ITEMS
        chosen.append(item)
    if step > 8:  # neighbours change places
        chosen[3], chosen[4] = chosen[4], chosen[3]
        chosen[0], chosen[2] = chosen[2], chosen[0]
    return chosen


def _user(user):
    lists = [_list(user, step) for step in range(len(POSITIONS))]
    target = lists[10][6]
    ranks = [one.index(target) + 1 if target in one else 12 + user for one in lists]
    if user == 2:
        ranks = [None] * len(ranks)
    return {
        "label": f"User {user + 1}, {15 + 8 * user} films",
        "history": [(5 * place + 2 * user) % N_ITEMS for place in range(15)],
        "history_length": 15 + 8 * user,
        "target": target,
        "lists": lists,
        "target_rank": ranks,
    }


def _densities():
    edges = [-4 + 0.25 * edge for edge in range(41)]
    middles = [edge + 0.125 for edge in edges[:-1]]

    def bell(centre, width):
        return [
            2.718281828 ** (-(((x - centre) / width) ** 2) / 2) / (2.5066 * width) for x in middles
        ]

    return {
        "edges": edges,
        "alphas": TRAINED,
        "positive": [bell(2.0 + alpha, 1.1 - 0.5 * alpha) for alpha in TRAINED],
        "negative": [bell(-0.4, 1.0 - 0.6 * alpha) for alpha in TRAINED],
        "overlap": [0.24 - 0.2 * alpha for alpha in TRAINED],
    }


def _spectrum():
    values = [
        [40 * (1 + place) ** -(1.4 - 1.6 * alpha) for place in range(48)] for alpha in TRAINED
    ]
    return {
        "alphas": TRAINED,
        "values": values,
        "effective_rank": [12 + 50 * alpha * (1.2 - alpha) for alpha in TRAINED],
    }


def made_up_payload(*, dial: bool = True, **changes: Any) -> dict[str, Any]:
    """Return a payload of two sources, or of the trained runs alone; `changes` replace its keys."""
    trained = _source("trained", f"a model for each {ALPHA}", TRAINED, 1.01)
    both = [trained, _source("dial", "one model with a dial", POSITIONS, 1.0)]
    users = [_user(user) for user in range(3)]
    positions = POSITIONS
    if not dial:
        positions = [float(alpha) for alpha in TRAINED]
        for user in users:
            for key in ("lists", "target_rank"):
                user[key] = user[key][::5]
    payload = {
        "version": 1,
        "title": "made-up films, SASRec-CE + Barlow Twins",
        "choices": [{"key": "ce-per-dimension", "label": f"CE, {ALPHA} / D"}],
        "chosen": "ce-per-dimension",
        "datasets": ["made-up"],
        "dataset": "made-up",
        "positions": positions,
        "trained": TRAINED,
        "metrics": [
            {"key": "ndcg", "label": "ndcg", "unit": ""},
            {"key": "hr", "label": "hr", "unit": ""},
            {"key": "mrr", "label": "mrr", "unit": ""},
            {"key": "cov", "label": "coverage", "unit": "share of the catalogue"},
        ],
        "cutoffs": CUTOFFS,
        "default": {"metric": "ndcg", "k": 10, "alpha": 0.2, "user": 0},
        "reading": "events",
        "n_users": 1434,
        "n_targets": 2618,
        "seeds": [0, 1, 2, 3, 4],
        "sources": both if dial else [trained],
        "densities": _densities(),
        "spectrum": _spectrum(),
        "items": _items(),
        "users": users,
        "lists_from": "dial" if dial else "trained, seed 0",
        "live": False,
    }
    return copy.deepcopy(payload | changes)
