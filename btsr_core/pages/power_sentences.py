"""Takeaways about what it takes to see a difference."""

import math
from collections.abc import Sequence
from pathlib import Path

from btsr_core.pages.pairs import OURS, PLAIN
from btsr_core.pages.power_tables import Needs, count
from btsr_core.pages.words import joined


def visible_today(found: Sequence[Needs]) -> str:
    """Say for one dataset what today's users and seeds would see, and what the wanted one takes.

    Parameters
    ----------
    found
        Of one dataset and metric, one a reading.
    """
    if not found:
        return f"No seed of {OURS} and {PLAIN} is recorded: it is not known how they differ."
    said = []
    for one in found:
        c = one.components
        seeds = f"{c.n_seeds} seed{'s' * (c.n_seeds > 1)}"
        head = f"History {one.reading}, {c.n_users:,} users and {seeds}"
        if math.isnan(one.visible):
            said.append(f"{head}: the differences do not vary, which tells nothing.")
            continue
        said.append(
            f"{head}: a difference of {one.metric} of {one.visible:.4f} would be seen four times "
            f"in five{_scope(one)}; {_target(one)}."
        )
    return " ".join(said)


def wanted_sentence(found: Sequence[Needs]) -> str:
    """Say whose gain is looked for on each dataset."""
    sources = {one.dataset: one.wanted.source for one in found}
    told = joined([f"{source} on {Path(dataset).name}" for dataset, source in sources.items()])
    return f"The gain that is looked for is {told}." if told else "No gain is looked for."


def _scope(one: Needs) -> str:
    return " (other users, this seed)" if one.components.n_seeds == 1 else ""


def _target(one: Needs) -> str:
    """Say what it takes to see the wanted difference."""
    wanted = f"{one.wanted.source}, {one.wanted.size:.4f}"
    if not one.wanted.size > 0:
        return f"a gain to look for ({one.wanted.source}) is not above zero or not known"
    if one.visible <= one.wanted.size:
        return f"that is enough for the one wanted ({wanted})"
    users = _way(one.users, "users", "these seeds")
    seeds = _way(one.seeds, "seeds", "these users")
    return f"for the one wanted ({wanted}), {users}; {seeds}"


def _way(n: float, kind: str, others: str) -> str:
    """Say how many of one kind it takes with as many of the other as there are."""
    if math.isnan(n):
        return f"it is not known how many {kind} it takes with {others}"
    if math.isinf(n):
        return f"no number of {kind} suffices with {others}"
    return f"it takes {count(n)} {kind} with {others}"


def verdict(found: Sequence[Needs]) -> str:
    """Say on which datasets and readings the wanted difference could be seen today.

    Parameters
    ----------
    found
        As `power_tables.all_needs` gives them.
    """
    if not found:
        return f"Nothing can be said before a seed of {OURS} and {PLAIN} is recorded."
    known = [one for one in found if one.wanted.size > 0 and not math.isnan(one.visible)]
    enough = [one for one in known if one.visible <= one.wanted.size]
    datasets = len({one.dataset for one in found})
    said = (
        f"Over {datasets} dataset{'s' * (datasets != 1)}, {len(found)} combinations of dataset, "
        f"reading and metric: today's users and seeds would see the wanted gain with 80 % power in "
        f"{len(enough)} of {len(known)} whose variance is known"
    )
    if enough:
        names = [f"{one.dataset} {one.reading} {one.metric}" for one in enough]
        return f"{said}: {', '.join(names)}."
    reachable = [one for one in known if math.isfinite(one.users)]
    if not reachable:
        return f"{said}; with these seeds no number of users would do."
    least = min(reachable, key=lambda one: one.users / one.components.n_users)
    return (
        f"{said}. Nearest is {least.dataset}, {least.reading}, {least.metric}: "
        f"{count(least.users)} users where there are {least.components.n_users:,}."
    )
