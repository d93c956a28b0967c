"""Takeaways: whether equal epochs and the epochs that were kept lead to one conclusion."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from btsr_core.analysis.power import FALSE_ALARM
from btsr_core.analysis.significance import PairedTest
from btsr_core.pages.dial_epochs import Dial
from btsr_core.pages.epochs import FEWEST, METRICS, EqualEpochs
from btsr_core.pages.words import MINUS, count

Conclusion = Literal["higher", "lower", "not told apart"]
_OPEN: Conclusion = "not told apart"
_ORDER: tuple[Conclusion, ...] = ("higher", "lower", _OPEN)
"""As they are listed."""
_UNTESTED = "so equal epochs and the epochs kept cannot be told to agree or not"
Named = Mapping[Any, EqualEpochs]
"""Comparisons on one metric, by what a sentence calls them."""


def conclusion(test: PairedTest) -> Conclusion:
    """Return what a test says of the first of two: by its p, whatever that is corrected for."""
    if np.isnan(test.p) or test.p >= FALSE_ALARM:
        return _OPEN
    return "higher" if test.difference > 0 else "lower"


def pairs_sentence(compared: Sequence[EqualEpochs]) -> str:
    """Say in how many pairs of systems equal epochs lead to another conclusion than those kept.

    Parameters
    ----------
    compared
        As `epochs.equal_pairs` gives them.
    """
    if not compared:
        return "No two systems that the book compares share a seed, so no epochs can be equal."
    found = {
        metric: {
            f"{one.first} {MINUS} {one.second}": one for one in compared if one.metric == metric
        }
        for metric in METRICS
    }
    if not any(one.seeds >= FEWEST for one in compared):
        return f"No pair shares {FEWEST} seeds, {_UNTESTED}."
    return (
        f"Between equal epochs and the epochs kept, {_told(found, 'pair')} (validation users; "
        f"t-tests paired by seed, with Holm's correction for all {2 * len(compared)})."
    )


def dial_sentence(dial: Dial) -> str:
    """Say at how many values of a setting equal epochs lead to another conclusion than those kept.

    It is that of the 95 % intervals, which are not corrected for the number of values.
    """
    if not dial.epoch:
        return (
            f"{dial.name}: no two values are recorded with the same seed, so none can be compared "
            "at equal epochs."
        )
    seeds = [one.seeds for one in dial.compared[METRICS[0]].values()]
    low, high = min(seeds), max(seeds)
    if high < FEWEST:
        return f"{dial.name}: no value shares {FEWEST} seeds with {dial.base}, {_UNTESTED}."
    paired = count(high, "seed") if low == high else f"{low} to {high} seeds"
    return (
        f"{dial.name}, beside {dial.base}: between epoch {dial.epoch} and the epochs kept, "
        f"{_told(dial.compared, 'value')} (validation users; 95 % intervals over {paired}, paired)."
    )


def _told(found: Mapping[str, Named], noun: str) -> str:
    """Say how often the conclusion changes, on all metrics and then on each, without an end.

    Some comparison must have `FEWEST` seeds.
    """
    tested = [one for own in found.values() for one in own.values() if one.seeds >= FEWEST]
    both = [(conclusion(one.last), conclusion(one.kept)) for one in tested]
    changed = sum(equal != kept for equal, kept in both)
    reverse = sum(equal != kept and _OPEN not in (equal, kept) for equal, kept in both)
    if not changed:
        head = f"no conclusion changes in {count(len(tested), 'comparison')}"
    else:
        head = (
            f"the conclusion changes in {changed} of {count(len(tested), 'comparison')} and is "
            f"reversed in {reverse or 'none'}"
        )
    return ". ".join([head, *(_on(metric, own, noun) for metric, own in found.items())])


def _on(metric: str, compared: Named, noun: str) -> str:
    """Say in how many comparisons on one metric the readings agree, and where they do not."""
    changed: dict[str, list[str]] = {}
    same: list[Conclusion] = []
    few = 0
    for name, one in compared.items():
        equal, kept = conclusion(one.last), conclusion(one.kept)
        if one.seeds < FEWEST:
            few += 1
        elif equal == kept:
            same.append(equal)
        else:
            changed.setdefault(_change(equal, kept), []).append(str(name))
    tally = ", ".join(f"{same.count(one)} {one}" for one in _ORDER if one in same)
    if (n := len(compared) - few) == 1:
        said = f"On {metric} it is {'' if same else 'not '}the same for the one {noun}"
    else:
        said = f"On {metric} it is the same for {len(same) or 'none'} of {count(n, noun)}"
    parts = [f"{said} ({tally})" if tally else said]
    parts += [f"{how}: {', '.join(names)}" for how, names in changed.items()]
    parts += [f"{count(few, noun)} with fewer than {FEWEST} seeds"] if few else []
    return "; ".join(parts)


def _change(equal: Conclusion, kept: Conclusion) -> str:
    if _OPEN not in (equal, kept):
        return f"{equal} at equal epochs but {kept} as kept"
    return f"{equal} at equal epochs alone" if kept == _OPEN else f"{kept} as kept alone"
