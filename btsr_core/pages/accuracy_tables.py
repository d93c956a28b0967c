"""Tables 1 to 3 of the paper, measured anew: accuracy, coverage, and comparisons of systems."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from btsr_core.pages.comparisons import Comparison
from btsr_core.pages.paper import LABEL, paper_regimes, paper_values
from btsr_core.pages.report import as_text, formatted, metric_table
from btsr_core.pages.words import MINUS, NOTHING, bounds, count, signed, unsigned, with_bounds

HERE = "here"
SEEN_BY_SEEDS = "could see, seeds"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def accuracy_table(points: pd.DataFrame, metrics: Sequence[str], dataset: str) -> Styler:
    """Return mean and deviation over seeds of each system, and the paper's below its own.

    Parameters
    ----------
    points
        As `results.metric_points` gives them.
    metrics
        The columns; of each the best mean measured here is bold, ties included.
    dataset
        Whose values of the paper are shown, if it has it.

    Returns
    -------
    Styler
        A row a system, named with its number of seeds, and one for what the paper says of it.
    """
    means = metric_table(points, metrics)
    seeds = points[points["seed"] >= 0].groupby("system")["seed"].nunique()
    cells = formatted(means)
    reported = {(row["system"], row["metric"]): row for _, row in paper_values(dataset).iterrows()}
    rows, bold = {}, {}
    best = means.xs("mean", axis=1, level=1)
    is_best = best.round(4) == best.round(4).max()
    for name in means.index:
        label = f"{name} ({count(int(seeds[name]), 'seed')})" if name in seeds else str(name)
        rows[label, HERE] = cells.loc[name].to_dict()
        bold[label, HERE] = is_best.loc[name].to_dict()
        theirs = {metric: _reported(reported.get((name, metric))) for metric in metrics}
        if any(cell != NOTHING for cell in theirs.values()):
            rows[label, LABEL] = theirs
            bold[label, LABEL] = dict.fromkeys(metrics, False)
    table, mask = (pd.DataFrame.from_dict(found, orient="index") for found in (rows, bold))
    if not reported:
        table, mask = (found.droplevel(1) for found in (table, mask))
    weights = mask.map(lambda yes: "font-weight: bold" if yes else "")
    return as_text(table[list(metrics)]).apply(lambda _: weights[list(metrics)], axis=None)


def comparison_table(comparisons: Sequence[Comparison], dataset: str) -> pd.DataFrame:
    """Return a row a comparison: difference, intervals, tests, and what they could have seen.

    Differences of the paper are between means that it prints with four digits. The interval beside
    a difference speaks of users and seeds; that of a coverage, which no user has, of seeds.
    """
    reported = paper_values(dataset).set_index(["system", "metric"])["value"]
    rows = {
        f"{one.first} {MINUS} {one.second}": {
            "seeds": str(one.seeds),
            "difference": with_bounds(one.interval),
            "over users": NOTHING if one.over_users is None else bounds(one.over_users.interval),
            "p": p_value(one.over_seeds.p),
            "p (Holm)": p_value(one.holm),
            "could see, users and seeds": unsigned(one.visible),
            SEEN_BY_SEEDS: unsigned(one.visible_over_seeds),
            LABEL: signed(paper_difference(reported, one)),
        }
        for one in comparisons
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.drop(columns=[name for name in table if (table[name] == NOTHING).all()])


def dataset_table(found: Mapping[str, Comparison]) -> pd.DataFrame:
    """Return a row a dataset: how one pair of systems differs there, and what could be seen.

    Parameters
    ----------
    found
        As `comparisons.on_datasets` gives it.
    """
    rows = {}
    for dataset, one in found.items():
        told = comparison_table([one], dataset).drop(
            columns=["over users", SEEN_BY_SEEDS], errors="ignore"
        )
        means = {one.first: f"{one.means[0]:.4f}", one.second: f"{one.means[1]:.4f}"}
        rows[Path(dataset).name] = {"users": f"{one.users:,}", **means, **told.iloc[0]}
    return pd.DataFrame.from_dict(rows, orient="index").fillna(NOTHING)


def regime_table(found: Mapping[float, Comparison], dataset: str) -> pd.DataFrame:
    """Return Table 3: ndcg@20 of BT-SR at two weights beside SASRec-BCE, and the paper's.

    Parameters
    ----------
    found
        As `comparisons.regimes` gives it; without any the table is empty.
    """
    theirs = paper_regimes(dataset)
    rows = {}
    for alpha, one in found.items():
        rows[one.second] = {one.metric: f"{one.means[1]:.4f}", LABEL: unsigned(theirs.get(None))}
        rows[f"{one.first}, \N{GREEK SMALL LETTER ALPHA} = {alpha:g}"] = {
            one.metric: f"{one.means[0]:.4f}",
            "seeds": str(one.seeds),
            "difference": with_bounds(one.interval),
            "p (Holm)": p_value(one.holm),
            LABEL: unsigned(theirs.get(alpha)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").fillna("")
    return table if theirs else table.drop(columns=LABEL, errors="ignore")


def paper_difference(reported: "pd.Series[float]", one: Comparison) -> float:
    """Return by how much the first system exceeds the second in the paper; NaN if it has not both.

    Parameters
    ----------
    reported
        Its values by system and metric.
    """
    pair = [reported.get((name, one.metric), math.nan) for name in (one.first, one.second)]
    return float(pair[0] - pair[1])


def _reported(row: "pd.Series[float] | None") -> str:
    if row is None:
        return NOTHING
    spread = "" if math.isnan(row["deviation"]) else f" {PLUS_MINUS} {row['deviation']:.4f}"
    return f"{row['value']:.4f}{spread}"


def p_value(value: float) -> str:
    """Return a p-value as text; NaN is no test."""
    return NOTHING if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
