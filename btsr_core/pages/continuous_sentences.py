"""Takeaways about dials that serve every alpha beside models that are trained for each."""

import math
from collections.abc import Sequence

import pandas as pd

from btsr_core.dial.choice import PLANE, READING, TARGET, Rival, chosen_kind
from btsr_core.pages.continuous_tables import (
    SINGLE,
    TRAINED,
    EqualEpochs,
    Rivals,
    Turn,
    turns,
)
from btsr_core.pages.frontier_tables import ALPHA
from btsr_core.pages.score_tables import seed_interval
from btsr_core.pages.words import bounds, count, joined, signed, unsigned

NOTHING_RECORDED = (
    "No dial is recorded of this dataset; for one of the study `btsr dial` trains them."
)


def made_of(found: Rivals) -> str:
    """Say how each dial was trained, from its own description."""
    if not found:
        return NOTHING_RECORDED
    said = []
    for one in found.values():
        config = one.dials[0].config
        own = config.settings.model_dump(exclude={"kind"})
        settings = joined([f"{name} {value:g}" for name, value in own.items()])
        span = f"{config.low:g} to {config.high:g}"
        said.append(
            f"{_capital(one.label)}: {count(len(one.seeds), 'seed')}, {ALPHA} from {span}, "
            f"{settings}."
        )
    return " ".join(said)


def reach(table: pd.DataFrame) -> str:
    """Say which share of the trained models' area each dial reaches, at what cost.

    Parameters
    ----------
    table
        As `continuous_tables.area_table` gives it.
    """
    if table.empty:
        return NOTHING_RECORDED
    rows = {str(name): row for name, row in table.iterrows()}
    trained = rows.pop(TRAINED)
    single = {name: rows.pop(name) for name in list(rows) if name.startswith(SINGLE)}
    said = [
        f"{_capital(name)} reaches {_share(row)} of the area of {TRAINED}, with "
        f"{row['epochs']:.0f} epochs a seed instead of {trained['epochs']:.0f} and "
        f"{100 * row['seconds'] / trained['seconds']:.0f} % of the core time."
        for name, row in rows.items()
    ]
    said += [
        f"For comparison, {name}, alone reaches {_share(row)}: most of such an area belongs to any "
        "good model, dialled or not."
        for name, row in single.items()
    ]
    return " ".join(said)


def _share(row: "pd.Series[float]") -> str:
    ends = "" if math.isnan(row["low"]) else (
        f" (95 % over seeds: {100 * row['low']:.1f} to {100 * row['high']:.1f})"
    )  # fmt: skip
    return f"{100 * row['share']:.1f} %{ends}"


def turning(told: Sequence[Turn]) -> str:
    """Say how far each way turns the metrics from one end of alpha to the other.

    Parameters
    ----------
    told
        As `continuous_tables.turns` gives them.
    """
    if not told:
        return NOTHING_RECORDED
    said = []
    for metric in dict.fromkeys(one.metric for one in told):
        own = [one for one in told if one.metric == metric]
        parts = [f"{one.label} {one.low:.4f} to {one.high:.4f} ({_change(one)})" for one in own]
        seen = [one.label for one in own if one.change.excludes_zero]
        told_apart = f"from zero for {joined(seen)} alone" if seen else "from zero for none of them"
        said.append(
            f"From the least {ALPHA} to the greatest, {metric} goes: {'; '.join(parts)}. "
            f"The change is told {told_apart}."
        )
    return " ".join(said)


def _change(one: Turn) -> str:
    ends = "" if math.isnan(one.change.low) else f", {bounds(one.change)}"
    return f"{signed(one.change.mean)}{ends}"


def lottery(told: Sequence[Turn], metric: str) -> str:
    """Say how much a metric varies over seeds, for which the epoch kept is mostly to blame."""
    spreads = [
        f"{one.label} {unsigned(one.spread, 3)}" for one in told
        if one.metric == metric and not math.isnan(one.spread)
    ]  # fmt: skip
    if not spreads:
        return f"From one seed nobody can tell how much {metric} varies."
    return (
        f"Over seeds {metric} deviates by, at one {ALPHA} on average: {joined(spreads)}. Early "
        "stopping keeps the epoch of the best validation accuracy, and coverage grows with the "
        "epochs: which epoch is kept is a lottery that every share of an area has a part in."
    )


def at_equal_epochs(found: Sequence[EqualEpochs | None]) -> str:
    """Say how dials stand beside trained models that have had as many epochs each."""
    known = [one for one in found if one is not None]
    if not known:
        return (
            "No dial has validation curves at several alphas: nothing is compared at equal epochs."
        )
    said = []
    for one in known:
        interval = seed_interval(one.shares)
        row = pd.Series({"share": interval.mean, "low": interval.low, "high": interval.high})
        epochs = sorted(one.epochs)
        span = f"{epochs[0]}" if epochs[0] == epochs[-1] else f"{epochs[0]} to {epochs[-1]}"
        where = joined([f"{alpha:g}" for alpha in one.alphas])
        said.append(
            f"After equally many epochs, {span} by seed, and on validation targets, {one.label} "
            f"reaches {_share(row)} of the area, at {ALPHA} = {where}."
        )
    return " ".join(said)


def verdict(found: Rivals) -> str:
    """Say which dial drives the slider, or by how much each missed the target and why.

    Whatever a chapter shows, the slider goes by `choice.PLANE` and `choice.READING`.

    Parameters
    ----------
    found
        As `continuous_tables.recorded_rivals` gives them.
    """
    snaps = f"The slider snaps to values of {ALPHA} that models are trained for."
    if not found:
        return f"{NOTHING_RECORDED} {snaps}"
    shares = {kind: float(one.ratios(*PLANE, READING).mean()) for kind, one in found.items()}
    reached = [kind for kind, share in shares.items() if share >= TARGET]
    told = [
        f"{found[kind].label} reaches {100 * share:.1f} %{_doubt(found[kind])}"
        if kind in reached
        else f"{found[kind].label} misses it by {100 * (TARGET - share):.1f} points"
        f"{_why(found[kind])}"
        for kind, share in shares.items()
    ]
    x, y = PLANE
    said = (
        f"Of the area of {TRAINED}, in {y} and {x} of the reading {READING}, a dial should reach "
        f"{100 * TARGET:g} %: {joined(told)}."
    )
    chosen = chosen_kind(found)
    if chosen is None:
        return f"{said} {snaps}"
    better = ", the better of both on validation targets" if len(reached) > 1 else ""
    return f"{said} The slider is driven by {found[chosen].label}{better}. {_turned(found, chosen)}"


def _turned(found: Rivals, chosen: str) -> str:
    """Say which metrics the chosen dial moves from one end of alpha to the other."""
    label = found[chosen].label
    own = [one for one in turns(found, PLANE, READING) if one.label == label]
    seen = [one for one in own if one.change.excludes_zero]
    open_ = [f"{one.metric} ({_change(one)})" for one in own if one not in seen]
    if not seen:
        return (
            f"Turned from end to end it moves neither {' nor '.join(open_)} by more than seeds do: "
            f"it serves every {ALPHA} well, and much alike."
        )
    moved = joined([f"{one.metric} ({_change(one)})" for one in seen])
    rest = f", and {joined(open_)} by no more than seeds do" if open_ else ""
    return f"Turned from end to end it moves {moved}{rest}."


def _doubt(one: Rival) -> str:
    """Say what a mean that reaches the target leaves open: the interval, and seeds that miss it."""
    ratios = one.ratios(*PLANE, READING)
    interval, below = seed_interval(ratios), int((ratios < TARGET).sum())
    doubts = []
    if interval.low < TARGET:
        doubts.append(f"the interval over seeds begins at {100 * interval.low:.1f} %")
    if below:
        doubts.append(f"{below} of {count(len(ratios), 'seed')} alone would miss it")
    return f" on average ({joined(doubts)})" if doubts else ""


def _why(one: Rival) -> str:
    """Say which metric the dial falls short in, by its best mean beside that of trained models."""
    ours, theirs = (
        points(*PLANE, READING).mean(axis=0).max(axis=0)
        for points in (one.dial_points, one.trained_points)
    )
    short = [
        f"{name} comes to {mine:.4f} at most where trained models have {other:.4f}"
        for name, mine, other in zip(PLANE, ours, theirs, strict=True)
        if mine < other
    ]
    return f" ({joined(short)})" if short else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
