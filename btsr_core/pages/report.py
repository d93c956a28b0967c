"""The book's tables: numbers from runs and splits, laid out for reading."""

import html
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler
from pandas.io.formats.style_render import CSSDict
from torch import Tensor

from btsr_core.book.sphinx_ext import VERBATIM
from btsr_core.data.datasets import Interactions
from btsr_core.data.protocol import HISTORIES, History, Split
from btsr_core.data.timeline import to_dates
from btsr_core.evaluation.evaluate import Ranking, top_items_of
from btsr_core.losses.barlow_twins import barlow_twins
from btsr_core.losses.vicreg import vicreg
from btsr_core.runs import Run
from btsr_core.settings import CHOICES, VICReg, own_settings

Systems = Mapping[str, Sequence[Run]]
"""Runs of each system, a run a seed."""


def describe_interactions(interactions: Interactions) -> pd.DataFrame:
    """Return the size, span and origin of a log, a row each."""
    frame = interactions.frame
    dates = to_dates(frame["timestamp"])
    times = frame["timestamp"] if dates is None else dates.dt.date
    rows = {
        "interactions": f"{len(frame):,}",
        "users": f"{frame['user_id'].nunique():,}",
        "items": f"{frame['item_id'].nunique():,}",
        "first": str(times.min()),
        "last": str(times.max()),
        "read from": interactions.source,
    }
    return pd.DataFrame({interactions.name: rows})


def as_text(
    table: pd.DataFrame,
    marked_up: Mapping[str, Callable[[object], str]] = MappingProxyType({}),
    caption: str = "",
) -> Styler:
    """Return a table of words for display: left-aligned, nothing shortened, all of it escaped.

    Nothing else makes HTML of cells, headers and indices; raw frames are left to pandas, which
    escapes them too.

    Parameters
    ----------
    table
        Any text, shown as it is.
    marked_up
        By column, what makes HTML of a cell's text, which it is given escaped.
    caption
        Above the table, likewise shown as it is.
    """
    left: list[CSSDict] = [
        {"selector": "th, td", "props": [("text-align", "left"), ("white-space", "normal")]}
    ]
    # A fixed id: by default every build would draw another.
    words = table.map(str)
    words.index = words.index.set_names(_escaped(table.index.names))
    words.columns = words.columns.set_names(_escaped(table.columns.names))
    styler = Styler(words, uuid="text", cell_ids=False).format(_unbroken, escape="html")
    for column, mark in marked_up.items():
        styler.format(mark, subset=[column], escape="html")
    for axis in ("index", "columns"):
        styler.format_index(escape="html", axis=axis)
    if caption:
        styler.set_caption(html.escape(caption))
    if isinstance(table.index, pd.RangeIndex):
        styler.hide(axis="index")  # numbers that say nothing
    return styler.set_table_styles(left).set_table_attributes(f'class="dataframe {VERBATIM}"')


def _escaped(names: Sequence[Any]) -> list[str | None]:
    """Return the names of an index, which pandas shows as they are."""
    return [None if name is None else html.escape(str(name)) for name in names]


def _unbroken(cell: object) -> str:
    """Keep a sign with its number, and a range's end with its `to`, where a narrow cell breaks."""
    text = str(cell)  # pandas hands over a kind of text that escapes what is put into it
    for mark in ("\N{PLUS-MINUS SIGN} ", "&lt; ", " to "):
        text = text.replace(mark, f"{mark[:-1]}\N{NO-BREAK SPACE}")
    return text


def split_table(split: Split) -> pd.DataFrame:
    """Return the sizes of a split, a column for each reading of the history."""
    names = {
        "train_users": "training users",
        "train_items": "catalogue (items)",
        "train_interactions": "training interactions",
        "usable_pool": "test users",
    }
    sizes = {f"history {reading}": split.sizes(reading) for reading in HISTORIES}
    table = pd.DataFrame(sizes).loc[list(names)].rename(index=names)
    return table.map("{:,}".format)


def loss_table(anchors: Tensor, partners: Mapping[str, Tensor], lam: float) -> pd.DataFrame:
    """Return L_BT (Eq. 7) for some views, its two parts, and both scalings."""
    rows = {}
    for name, view in partners.items():
        invariance = barlow_twins(anchors, view, 0.0, "sum").item()
        total = barlow_twins(anchors, view, lam, "sum").item()
        rows[name] = {
            "first sum": invariance,
            "second sum": barlow_twins(anchors, view, 1.0, "sum").item() - invariance,
            f"Eq. 7, \N{GREEK SMALL LETTER LAMDA} = {lam:g}": total,
            "per dimension": barlow_twins(anchors, view, lam, "per-dimension").item(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").map("{:.3f}".format)


def vicreg_table(views: Mapping[str, tuple[Tensor, Tensor]], settings: VICReg) -> pd.DataFrame:
    """Return the three terms of VICReg for some pairs of views, unweighted, and their sum."""
    given = {name: getattr(settings, name) for name in ("invariance", "variance", "covariance")}
    nothing = dict.fromkeys(given, 0.0)
    columns = {term: {**nothing, term: 1.0} for term in given} | {"weighted sum": given}
    rows = {
        name: {column: vicreg(a, b, **weights).item() for column, weights in columns.items()}
        for name, (a, b) in views.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").map("{:.3f}".format)


def choices_table(kind: str) -> pd.DataFrame:
    """Return the objectives or the regularisers: what each is, and its settings with defaults.

    Parameters
    ----------
    kind
        `objective` or `regulariser`.
    """
    rows = {}
    for name, choice in CHOICES[kind].items():
        defaults = {own: choice.model_fields[own].default for own in own_settings(kind, name)}
        rows[name] = {
            "what it is": " ".join((choice.__doc__ or "").replace("`", "").split()),
            "settings": " ".join(
                own if value is None else f"{own}={_as_setting(value)}"
                for own, value in defaults.items()
            ),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _as_setting(value: object) -> str:
    """Return a value as chapters take it in `settings`."""
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run_table(systems: Systems) -> pd.DataFrame:
    """Return the runs behind a chapter: seed, id, epochs and time."""
    rows = [
        {
            "system": name,
            "regulariser": run.experiment.loss.regulariser_name,
            "seed": run.experiment.train.seed,
            "run": run.id,
            "epoch kept": run.summary["best_epoch"],
            "epochs": run.summary["epochs"],
            "training time (s)": f"{run.summary['train_seconds']:.0f}",
        }
        for name, runs in systems.items()
        for run in runs
    ]
    return pd.DataFrame(rows).set_index(["system", "seed"])


def metric_points(
    baselines: Mapping[str, Ranking], systems: Systems, history: History
) -> pd.DataFrame:
    """Return test metrics, a row a baseline and a row a run, with the column `system`."""
    rows = [{"system": name, **ranking.metrics()} for name, ranking in baselines.items()]
    rows += [
        {"system": name, **run.metrics("test", history)}
        for name, runs in systems.items()
        for run in runs
    ]
    return pd.DataFrame(rows)


def metric_table(points: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return mean and deviation over seeds, a row a system.

    Parameters
    ----------
    points
        As `metric_points` gives them.
    metrics
        Which, such as `ndcg@10`.

    Returns
    -------
    DataFrame
        Columns (metric, "mean") and (metric, "std"); the deviation (n - 1) of one run is NaN.
    """
    table: pd.DataFrame = points.groupby("system", sort=False)[list(metrics)].agg(["mean", "std"])
    return table


def formatted(table: pd.DataFrame) -> pd.DataFrame:
    """Return a metric table as text, mean \N{PLUS-MINUS SIGN} deviation where there is one."""

    def cell(mean: float, deviation: float) -> str:
        spread = "" if np.isnan(deviation) else f" \N{PLUS-MINUS SIGN} {deviation:.4f}"
        return f"{mean:.4f}{spread}"

    metrics = table.columns.get_level_values(0).unique()
    cells = {
        metric: [cell(*pair) for pair in table[metric].itertuples(index=False, name=None)]
        for metric in metrics
    }
    return pd.DataFrame(cells, index=table.index.rename(None))


def side_by_side(
    systems: Systems, split: Split, history: History, user: int, k: int
) -> pd.DataFrame:
    """Return one test user's newest items and target, and the k best items of each system.

    Parameters
    ----------
    user
        Place of the user among the test users of this reading.
    k
        Length of the lists, taken from each system's first run; the target is ticked.

    Returns
    -------
    DataFrame
        Columns `history` (newest first), `took next` (the target) and one a system; empty where
        there is no such user.
    """
    test = split.held_out[history].test
    if user >= len(test):
        return pd.DataFrame(columns=["history", "took next", *systems])
    start, length = test.inputs.starts[user], test.inputs.lengths[user]
    seen, target = test.inputs.item_ids[start : start + length], test.targets[user]
    items = next(iter(systems.values()))[0].items
    labels = items["title"].where(items["title"] != "", items["item_id"])
    columns = {
        "history": pd.Series([labels[item] for item in seen[::-1][:k]]),
        "took next": pd.Series([labels[target]]),
    }
    for name, runs in systems.items():
        run = runs[0]
        options = run.experiment.evaluation
        best, _ = top_items_of(
            run.model(), seen, run.experiment.model.max_len, k, exclude_seen=options.exclude_seen
        )
        ticks = np.where(best == target, " \N{CHECK MARK}", "")
        columns[name] = pd.Series([labels[i] + t for i, t in zip(best, ticks, strict=True)])
    table = pd.DataFrame(columns).fillna("")
    return table.set_axis(range(1, len(table) + 1))
