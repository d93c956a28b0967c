"""Takeaways about costs: sentences from recorded figures, with verdicts that depend on them."""

from typing import Any

import pandas as pd

from btsr_core.pages.costs import DISTURBED, FLOOR, MEASURED, OURS, PEER, digits


def training_cost(systems: pd.DataFrame) -> str:
    """Say how long an epoch takes, beside the floor beneath all of them and beside the others."""
    ours, others = _ours_and_others(systems)
    base = ours["epoch_seconds"]
    if not base > 0:
        return _nothing(ours)
    said = f"An epoch of {ours['system']} takes {digits(base)} s"
    for _, floor in systems[systems["kind"] == FLOOR].iterrows():
        part = str(floor["system"]).lower()
        said += (
            f", {_times(_times_floor(ours, floor))} what the {part} takes"
            if floor["state"] == MEASURED
            else f" (the {part}, its floor: {floor['state']})"
        )
    sides = _sides(
        others, others["epoch_seconds"] / base, ("Slower", "Faster", "About as fast"), "long"
    )
    return f"{said}. {sides}{_caution(systems, 'train_load', systems['system'])}"


def _times_floor(ours: "pd.Series[Any]", floor: "pd.Series[Any]") -> float:
    """Return the ratio that was measured in turns, where it was, else that of the seconds."""
    in_turns = ours["times_head"]
    return float(ours["epoch_seconds"] / floor["epoch_seconds"] if pd.isna(in_turns) else in_turns)


def evaluation_cost(systems: pd.DataFrame) -> str:
    """Say how many users a second are ranked, beside the others."""
    ours, others = _ours_and_others(systems)
    base = ours["ranked_per_second"]
    if not base > 0:
        return _nothing(ours)
    words = ("Slower", "Faster", "About as fast")
    return (
        f"{ours['system']} ranks the whole catalogue for {digits(base)} users a second. "
        f"{_sides(others, base / others['ranked_per_second'], words, 'long')}"
        f"{_caution(systems, 'rank_load', systems['system'])}"
    )


def memory_cost(systems: pd.DataFrame) -> str:
    """Say how much memory training takes, beside the others."""
    ours, others = _ours_and_others(systems)
    base = ours["memory_mib"]
    if not base > 0:
        return _nothing(ours)
    words = ("More", "Less", "About as much")
    return (
        f"Training {ours['system']} takes at most {_memory(base)} beside imports and data. "
        f"{_sides(others, others['memory_mib'] / base, words, 'much')}"
    )


def model_cost(models: pd.DataFrame) -> str:
    """Say what an epoch of each model takes beside the first, in time and in memory."""
    base, others = _ours_and_others(models)
    if not base["epoch_seconds"] > 0:
        return _nothing(base)
    said = f"An epoch of {base['system']} takes {digits(base['epoch_seconds'])} s"
    if base["memory_mib"] > 0:
        said += f" and at most {_memory(base['memory_mib'])} beside imports and data"
    time = others["epoch_seconds"] / base["epoch_seconds"]
    size = others["memory_mib"] / base["memory_mib"]
    parts = [
        f"{name} {digits(slower)} and {digits(larger)}"
        for name, slower, larger in zip(others["system"], time, size, strict=True)
        if slower > 0
    ]
    told = f" Times that, in time and in memory: {'; '.join(parts)}." if parts else ""
    return f"{said}.{told}{_caution(models, 'train_load', models['system'])}"


def catalogue_cost(points: pd.DataFrame) -> str:
    """Say how systems compare over the smallest and the largest catalogue, in time and memory."""
    rows = points[points["curve"] == "catalogue"]
    names = list(dict.fromkeys(rows["system"]))
    tables = {name: rows[rows["system"] == name].set_index("items") for name in names}
    parts = []
    for name in names[1:]:
        plain, other = tables[names[0]], tables[name]
        is_known = (plain["step_seconds"] > 0) & (other["step_seconds"] > 0)
        both = sorted(is_known.index[is_known])
        for items in dict.fromkeys([*both[:1], *both[-1:]]):
            step = _step(name, other.loc[items], names[0], plain.loc[items])
            parts.append(f"With {items:,} items {step}.")
    said = " ".join(parts) or "There is no catalogue for which two systems have figures."
    return f"{said}{_remarks(rows, 'system', 'items')}"


def length_cost(points: pd.DataFrame) -> str:
    """Say whether a step grows in proportion to the length of the histories."""
    rows = points[points["curve"] == "length"]
    known = rows[rows["step_seconds"] > 0].sort_values("length")
    if len(known) < 2:
        said = "Fewer than two lengths of histories have figures."
    else:
        first, last = known.iloc[0], known.iloc[-1]
        longer = last["length"] / first["length"]
        slower = last["step_seconds"] / first["step_seconds"]
        ways = ("more than in proportion", "less than in proportion", "in proportion")
        said = (
            f"A training step on histories of {last['length']} items takes {_times(slower)} as "
            f"long as on {first['length']}, with {_times(longer)} the items: "
            f"{_side(slower / longer, ways)}."
        )
    return f"{said}{_remarks(rows, 'length')}"


def users_cost(points: pd.DataFrame) -> str:
    """Say whether evaluation keeps its speed as users grow in number, and what it occupies."""
    rows = points[points["curve"].isin(["users", "memory"])]
    known = rows[(rows["curve"] == "users") & (rows["ranked_per_second"] > 0)].sort_values("users")
    if len(known) < 2:
        said = "Fewer than two numbers of users have figures."
    else:
        first, last = known.iloc[0], known.iloc[-1]
        many, few = last["ranked_per_second"], first["ranked_per_second"]
        ways = ("faster than", "more slowly than", "about as fast as")
        said = (
            f"{last['users']:,} users are evaluated {_side(many / few, ways)} {first['users']:,}: "
            f"{digits(many)} a second against {digits(few)}"
        )
        if last["memory_mib"] > 0 and first["memory_mib"] > 0:
            said += f", in {_memory(last['memory_mib'])} against {_memory(first['memory_mib'])}"
        said += "."
    for _, row in rows[(rows["curve"] == "memory") & (rows["memory_mib"] > 0)].iterrows():
        seconds = digits(row["users"] / row["ranked_per_second"])
        said += (
            f" Over {row['items']:,} items, {row['users']:,} users take "
            f"{_memory(row['memory_mib'])} and {seconds} s."
        )
    return f"{said}{_remarks(rows, 'users', 'items')}"


def _ours_and_others(systems: pd.DataFrame) -> tuple["pd.Series[Any]", pd.DataFrame]:
    """Return the first of the project's own systems, and those that are compared with it."""
    rows = systems[systems["kind"].isin([OURS, PEER])]
    place = list(rows["kind"]).index(OURS)
    return rows.iloc[place], rows.drop(index=rows.index[place])


def _nothing(ours: "pd.Series[Any]") -> str:
    why = f" ({ours['state']}: {ours['reason']})" if ours["reason"] else ""
    return f"There is no figure of {ours['system']} to compare the others with{why}."


def _sides(
    rows: pd.DataFrame, ratios: "pd.Series[float]", words: tuple[str, str, str], what: str
) -> str:
    """Sort systems by whether their ratio lies above, below or at one, and say each ratio.

    Parameters
    ----------
    words
        For above, below and neither.
    what
        Ends "times as ..".
    """
    found: dict[str, list[str]] = {word: [] for word in words}
    lacking = []
    for (_, row), ratio in zip(rows.iterrows(), ratios, strict=True):
        if ratio > 0:
            told = f" ({_times(ratio)} as {what})" if _side(ratio, words) != words[2] else ""
            found[_side(ratio, words)].append(f"{row['system']}{told}")
        else:
            told = f" ({row['state']})" if row["state"] != MEASURED else ""
            lacking.append(f"{row['system']}{told}")
    listed = {**found, "Without a figure": lacking}
    return " ".join(f"{word}: {', '.join(names)}." for word, names in listed.items() if names)


def _side(ratio: float, words: tuple[str, str, str]) -> str:
    """Return which word holds of a ratio: above one, below, or as close to it as is printed."""
    return words[2] if round(ratio, 1) == 1 else words[0] if ratio > 1 else words[1]


def _step(name: str, row: "pd.Series[Any]", plain_name: str, plain: "pd.Series[Any]") -> str:
    """Return how a step of one system compares with that of another."""
    seconds, base = row["step_seconds"], plain["step_seconds"]
    ways = (f"{_times(base / seconds)} as fast as", "slower than", "about as fast as")
    said = (
        f"a step of {name} is {_side(base / seconds, ways)} one of {plain_name} "
        f"({digits(seconds)} s against {digits(base)} s)"
    )
    if not (row["memory_mib"] > 0 and plain["memory_mib"] > 0):
        return said
    mib, base = row["memory_mib"], plain["memory_mib"]
    size = _side(mib / base, ("more", "less", "about as much"))
    return f"{said} and takes {size} memory ({_memory(mib)} against {_memory(base)})"


def _remarks(rows: pd.DataFrame, *units: str) -> str:
    """Return which points have no figures, and which were disturbed.

    Parameters
    ----------
    *units
        The columns that tell points apart.
    """
    labels = {"system": "{}", "items": "{:,} items", "length": "length {:,}", "users": "{:,} users"}
    names = pd.Series(
        [", ".join(labels[unit].format(row[unit]) for unit in units) for _, row in rows.iterrows()],
        index=rows.index,
        dtype="str",
    )
    is_lacking = rows["state"] != MEASURED
    lacking = (names + " (" + rows["state"] + ")")[is_lacking]
    said = f" Without a figure: {'; '.join(lacking)}." if len(lacking) else ""
    return f"{said}{_caution(rows, 'load', names)}"


def _caution(rows: pd.DataFrame, load: str, names: "pd.Series[str]") -> str:
    """Return a warning of timings that other processes disturbed, if there are any."""
    busy = list(names[rows[load] > DISTURBED])
    return f" Other work disturbed these timings: {'; '.join(busy)}." if busy else ""


def _times(ratio: float) -> str:
    return f"{digits(ratio)} times"


def _memory(mib: float) -> str:
    return f"{mib:,.0f} MiB" if mib < 1023.5 else f"{mib / 2**10:.1f} GiB"
