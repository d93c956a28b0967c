"""What the slider shows, in sentences: how far alpha can be told to do anything, and to whom."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from btsr_core.explorer.curves import COVERAGE, Sweep
from btsr_core.explorer.payload import Payload
from btsr_core.explorer.people import changed_items
from btsr_core.pages.results import common_seeds
from btsr_core.pages.words import count, joined, signed, unsigned
from btsr_core.study.records import ALL_ITEMS

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def what_alpha_does(payload: Payload) -> str:
    """Say how a metric and coverage change from alpha = 0, and where that can be told from zero.

    The metric and the length of the lists are those in sight at first.

    Parameters
    ----------
    payload
        As `explorer_payload` gives it; its intervals are Student's, over seeds.
    """
    source, first = payload["sources"][0], payload["default"]
    kinds = dict.fromkeys((first["metric"], COVERAGE))
    names = [name for kind in kinds if (name := f"{kind}@{first['k']}") in source["values"]]
    told = [_change(source, name) for name in names]
    n = len(payload["seeds"])
    basis = f"Student's 95 % intervals over {n} seeds, each for itself; " if n > 1 else ""
    return (
        f"{payload['title']}, {source['label']}: {'; '.join(told) or 'no metric is recorded'} "
        f"({basis}history {payload['reading']})."
    )


def _change(source: Mapping[str, Any], name: str) -> str:
    own = source["values"][name][str(ALL_ITEMS)]
    alphas = source["alphas"]
    turned = [place for place, alpha in enumerate(alphas) if alpha != 0]
    if own["change"][turned[-1]] is None:
        return f"{name} at {ALPHA} = 0 is not recorded, so no change can be told"
    last = turned[-1]
    said = (
        f"{name} changes by {_bounded(own, last)} as {ALPHA} goes from 0 to {alphas[last]:g}, "
        f"from {unsigned(own['mean'][alphas.index(0)])}"
    )
    bounded = [place for place in turned if own["change_low"][place] is not None]
    if not bounded:
        return f"{said}, and one seed has no interval"
    apart = [
        f"{alphas[place]:g}"
        for place in bounded
        if own["change_low"][place] > 0 or own["change_high"][place] < 0
    ]
    if not apart:
        return f"{said}, and at no {ALPHA} can it be told from no change"
    return (
        f"{said}, and can be told from no change at {len(apart)} of {len(bounded)} values of "
        f"{ALPHA} ({joined(apart)})"
    )


def _bounded(own: Mapping[str, Sequence[float | None]], place: int) -> str:
    change, low, high = (own[field][place] for field in ("change", "change_low", "change_high"))
    assert change is not None  # asked before
    said = signed(change)
    return said if low is None or high is None else f"{said} ({signed(low)} to {signed(high)})"


def whose_lists_change(payload: Payload, sweep: Sweep) -> str:
    """Say how many items of a list are others at the last alpha, beside what another seed does.

    Two models of one alpha differ by chance alone; what alpha does to a list shows only in what
    goes beyond that.

    Parameters
    ----------
    payload
        As `explorer_payload` gives it.
    sweep
        The runs that it shows.
    """
    first, last = min(sweep), max(sweep)
    pairs = common_seeds(sweep[last], sweep[first])
    turned = [changed_items(b.lists, a.lists) for a, b in pairs if len(a.lists) == len(b.lists)]
    plain = [one for one in sweep[first] if len(one.lists)]
    noun = f"{payload['noun']}s"
    if not turned or not turned[0].size:
        return f"No list is recorded at both {ALPHA} = {first:g} and {last:g}."
    users, k = turned[0].size, sweep[first][0].lists.shape[1]
    by_alpha = float(np.mean(turned))
    said = (
        f"Of the {k} {noun} in a list {by_alpha:.1f} are others at {ALPHA} = {last:g} than at "
        f"{first:g}, on average over {count(users, 'user')} and {count(len(turned), 'seed')}"
    )
    if len(plain) < 2:
        return f"{said}; with one seed nobody can tell how many chance alone would exchange."
    by_chance = float(
        np.mean([changed_items(a.lists, b.lists) for a in plain for b in plain if a is not b])
    )
    more = by_alpha - by_chance
    how = "more" if more > 0 else "fewer"
    return (
        f"{said}. Another seed at {ALPHA} = {first:g} exchanges {by_chance:.1f}: turning {ALPHA} "
        f"exchanges {abs(more):.1f} {how} than training again does."
    )
