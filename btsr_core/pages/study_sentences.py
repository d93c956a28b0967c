"""Verdicts on how the study was run: its budget, its epochs, its gaps."""

from collections.abc import Sequence

import pandas as pd

from btsr_core.analysis.significance import PairedTest
from btsr_core.pages.epochs import EqualEpochs
from btsr_core.pages.results import Systems
from btsr_core.pages.study_tables import VALID, count_table, epoch_seconds
from btsr_core.pages.words import bounds, count, joined, signed
from btsr_core.study.run import Standing


def budget_sentence(trials: pd.DataFrame) -> str:
    """Say how many trials each search had, and how often it left the defaults.

    Parameters
    ----------
    trials
        As `study_tables.trial_table` gives them.
    """
    if trials.empty:
        return "No search is planned."
    planned = trials.groupby("system", sort=False).size()
    done = trials[trials[VALID].notna()].groupby("system", sort=False).size()
    equal = planned.min() == planned.max()
    budget = (
        f"Each of {count(len(planned), 'model')} has {count(int(planned.iloc[0]), 'trial')}"
        if equal
        else f"The models have {planned.min()} to {planned.max()} trials"
    )
    waiting = [name for name in planned.index if done.get(name, 0) < planned[name]]
    chosen = trials[trials["is chosen"]]
    moved = int((chosen["trial"] > 0).sum())
    ended = f"{moved} of {count(len(chosen), 'search', 'searches')} left the defaults"
    note = f"; trials are missing of {joined(waiting)}" if waiting else ""
    return f"{budget}; {ended if len(chosen) else 'no search has ended'}{note}."


def epochs_sentence(found: Sequence[EqualEpochs]) -> str:
    """Say whether equal epochs and the epochs kept tell the same of two systems.

    Parameters
    ----------
    found
        Of the same two systems, a metric each.
    """
    first, second = found[0].first, found[0].second
    if not found[0].epoch:
        return f"{first} and {second} have no run of the same seed to compare at equal epochs."
    parts = []
    for one in found:
        last, kept = _test(one.last), _test(one.kept)
        same = one.last.difference * one.kept.difference > 0
        parts.append(
            f"in {one.metric} {first} differs from {second} by {last} there and by {kept} at the "
            f"epochs kept, {'the same' if same else 'not the same'} sign"
        )
    seeds = found[0].by_epoch.shape[1]
    return (
        f"All {count(2 * seeds, 'run')} of the two reached epoch {found[0].epoch}. On the "
        f"validation users, {'; '.join(parts)} ({count(seeds, 'seed')}, paired)."
    )


def stopping_sentence(found: Systems) -> str:
    """Say how far apart early stopping left the runs of one system."""
    spans = {
        name: (min(r.best_epoch for r in own), max(r.best_epoch for r in own))
        for name, own in found.items()
        if len(own) > 1
    }
    if not spans:
        return "No system has two seeds, so nothing shows how much early stopping leaves to chance."
    widest = max(spans, key=lambda name: spans[name][1] - spans[name][0])
    ended = [r for own in found.values() for r in own]
    full = sum(r.epochs >= r.experiment.train.max_epochs for r in ended)
    return (
        f"Runs that differ in nothing but the seed keep other epochs: those of {widest} lie "
        f"farthest apart, from epoch {spans[widest][0]} to {spans[widest][1]}. {full} of "
        f"{count(len(ended), 'run')} had all the epochs that are allowed."
    )


def cost_sentence(found: Systems) -> str:
    """Say what an epoch of each system costs beside the first."""
    seconds = epoch_seconds(found)
    if len(seconds) < 2:
        return "Fewer than two systems are recorded, so no cost can be compared."
    first, *others = seconds
    low, high = (pick(others, key=seconds.__getitem__) for pick in (min, max))
    return (
        f"An epoch of {first} took {seconds[first]:.1f} s (median). Of the others, {low} took "
        f"least, {seconds[low] / seconds[first]:.2f} times as long, and {high} most, "
        f"{seconds[high] / seconds[first]:.2f} times."
    )


def gaps_sentence(places: Sequence[Standing]) -> str:
    """Say how much of the plan is recorded, and of which datasets nothing or not all is."""
    table = count_table(places)
    total, done = int(table["planned"].sum()), int(table["recorded"].sum())
    by_dataset = table.groupby("dataset", sort=False)[["planned", "recorded"]].sum()
    nothing = by_dataset.index[by_dataset["recorded"] == 0].tolist()
    partly = by_dataset.index[
        (by_dataset["recorded"] > 0) & (by_dataset["recorded"] < by_dataset["planned"])
    ].tolist()
    said = f"{done:,} of {count(total, 'planned run')} are recorded"
    if done == total:
        return f"{said}: nothing is missing."
    notes = [
        f"{what} of {joined(names)}"
        for what, names in (("nothing", nothing), ("a part", partly))
        if names
    ]
    return f"{said}: {', and '.join(notes)}. What is missing is left out everywhere, not filled in."


def _test(test: PairedTest) -> str:
    interval = test.interval
    said = signed(interval.mean)
    if pd.isna(interval.low):
        return said
    return f"{said} (95 % {bounds(interval)})"
