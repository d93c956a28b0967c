"""Takeaways about accuracy against coverage, exposure, and who gains."""

import math
from collections.abc import Mapping

import pandas as pd

from btsr_core.analysis.significance import PairedTest
from btsr_core.pages.frontier_tables import ALPHA, span
from btsr_core.pages.words import bounds, joined, signed

LIKELY = 0.05
"""What alpha does is told from chance where fewer deals than this reach as far."""

_ASPECTS = {
    "gini": ("Gini of exposure", "more concentrated", "less concentrated"),
    "lift": ("popularity lift", "more popular", "less popular"),
    "novelty": ("novelty in bits", "more novel", "less novel"),
    "tail": ("share of the long tail", "richer in the long tail", "poorer in it"),
}


def on_the_front(means: pd.DataFrame, names: tuple[str, str], x: str, y: str) -> str:
    """Say which systems no other exceeds on both metrics, and where two of them stand.

    Parameters
    ----------
    means
        As `frontier_tables.mean_points` gives them.
    names
        The regularised system and the plain one.
    """
    if means.empty:
        return f"No run has both {y} and {x}: there is no front."
    best = list(means.index[means["front"]])
    said = (
        f"Of {len(means)} rankings {len(best)} {'is' if len(best) == 1 else 'are'} exceeded by no "
        f"other on both {y} and {x}, by their means: {joined(best)}."
    )
    for name in names:
        if name not in means.index:
            said += f" {name} is not recorded."
            continue
        own = means.loc[name]
        above = means[(means[x] >= own[x]) & (means[y] >= own[y])]
        better = [
            str(other) for other in above.index
            if (above.loc[other, [x, y]] > own[[x, y]]).any()
        ]  # fmt: skip
        if better:
            said += f" {name} is exceeded by {joined(better)}."
    return said


def along_alpha(table: pd.DataFrame) -> str:
    """Say whether turning alpha reaches further than as many runs without any effect would.

    Parameters
    ----------
    table
        As `frontier_tables.area_table` gives it.
    """
    turned = table[table["settings"] > 1]
    if turned.empty:
        return f"No run along {ALPHA} is recorded: there is no dial to judge."
    return " ".join(_dial(str(name), row) for name, row in turned.iterrows())


def _dial(name: str, row: "pd.Series[float]") -> str:
    settings, seeds = int(row["settings"]), int(row["seeds"])
    if math.isnan(row["p"]):
        return (
            f"{name}: the means of {settings} settings dominate {row['area']:.5f}; with {seeds} "
            "seed nobody can tell whether that is more than luck."
        )
    told = "further than luck would" if row["p"] < LIKELY else "no further than luck might"
    return (
        f"{name}: the means of {settings} settings, {seeds} seeds each, dominate an area of "
        f"{row['area']:.5f}, {told}: if {ALPHA} did nothing, {100 * row['p']:.1f} % of draws would "
        f"reach as far ({row['chance']:.5f} on average)."
    )


def exposure(changes: Mapping[str, PairedTest], names: tuple[str, str]) -> str:
    """Say how one system's lists differ from another's in who is shown.

    Parameters
    ----------
    changes
        As `frontier_tables.exposure_changes` gives them.
    names
        The systems, first less second.
    """
    first, second = names
    told, open_ = [], []
    for name, test in changes.items():
        label, more, less = _ASPECTS[name]
        interval = test.interval
        if interval.excludes_zero:
            how = more if interval.mean > 0 else less
            told.append(f"{how} ({label} {signed(interval.mean)}, {bounds(interval)})")
        else:
            size = "not known" if math.isnan(interval.mean) else signed(interval.mean)
            open_.append(f"{label} ({size})")
    said = [f"{first}'s lists are {joined(told)} than {second}'s, over seeds."] if told else []
    if open_:
        reasons = sorted({test.reason for test in changes.values() if test.reason})
        why = f" ({'; '.join(reasons)})" if reasons else ""
        said.append(f"Not to be told apart{why}: {joined(open_)}.")
    return " ".join(said)


def who_gains(found: Mapping[str, pd.DataFrame], metric: str, names: tuple[str, str]) -> str:
    """Say how many targets fare better or worse, and in which groups that is more than chance.

    Parameters
    ----------
    found
        As `frontier_tables.gains` gives it.
    names
        The systems, first less second.
    """
    first, second = names
    if not found:
        return f"{first} and {second} share no recorded seed with a test target."
    table = next(iter(found.values()))
    weights = table["n"] / table["n"].sum()
    gain, lose = (100 * float((weights * table[kind]).sum()) for kind in ("gain", "lose"))
    said = (
        f"On {metric}, {gain:.1f} % of {int(table['n'].sum()):,} targets gain and {lose:.1f} % "
        f"lose where {first} takes the place of {second}."
    )
    seen = [
        f"{_GROUPS[feature]} {span(row['from'], row['to'])} ({signed(row['difference'])})"
        for feature, groups in found.items()
        for row in groups.to_dict("records")
        if row["low"] > 0 or row["high"] < 0
    ]
    groups = sum(map(len, found.values()))
    if not seen:
        none = "no group" if groups == 1 else f"none of {groups} groups"
        return f"{said} In {none} can the mean difference be told from zero."
    return (
        f"{said} Of {groups} groups, uncorrected for their number, the mean difference is told "
        f"from zero in {joined(seen)}."
    )


_GROUPS = {"history": "histories of", "bucket": "targets of bucket"}


def verdict(
    means: pd.DataFrame, table: pd.DataFrame, names: tuple[str, str], x: str, y: str
) -> str:
    """Say in short whether the regularised system moves the frontier.

    Parameters
    ----------
    means, table
        As `frontier_tables.mean_points` and `frontier_tables.area_table` give them.
    names
        The regularised system and the plain one.
    """
    first, second = names
    if not {first, second} <= set(means.index):
        return f"Without records of {first} and {second} there is no verdict on the frontier."
    gain_x, gain_y = (means[name].loc[first] - means[name].loc[second] for name in (x, y))
    if min(gain_x, gain_y) > 0:
        moved = f"exceeds {second} on both {x} and {y}"
    elif max(gain_x, gain_y) < 0:
        moved = f"falls short of {second} on both {x} and {y}"
    elif gain_x == gain_y == 0:
        moved = f"equals {second} on {x} and {y}"
    else:
        more, less = (x, y) if gain_x > gain_y else (y, x)
        moved = f"has more {more} and no more {less} than {second}"
    place = "on" if means.loc[first, "front"] else "behind"
    turned = table[table["settings"] > 1]
    works = turned[turned["p"] < LIKELY]
    said = f"By its mean, {first} {moved} and stands {place} the front of all rankings."
    if turned.empty:
        return f"{said} Its dial is not recorded."
    if turned["p"].isna().all():
        return f"{said} One seed cannot tell what turning {ALPHA} adds."
    return (
        f"{said} Turning {ALPHA} reaches further than luck on {len(works)} of "
        f"{len(turned)} {'dial' if len(turned) == 1 else 'dials'}."
    )
