"""What the paper reports, for display beside what was measured here: never for a computation.

The tables in `book/paper/` are copied from the paper. Its datasets are cut differently from those
here, and its models trained by other code, so that a value of its is a landmark and no target.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from btsr_core.errors import InputError
from btsr_core.files import project_root
from btsr_core.names import system_name
from btsr_core.settings import LossConfig

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        "ml-1m": "ml-1m",
        "yelp": "yelp",
        "yelp-2020-5core": "yelp",
        "gowalla": "gowalla",
        "amazon-beauty": "beauty",
        "beauty-5core": "beauty",
        "amazon-kindle-store": "kindle-store",
    }
)
"""The paper's name of the datasets that share one with it, or the origin of their data."""

LABEL = "the paper, another split"
"""What its values are called wherever they are shown."""

COLUMNS = ["system", "metric", "value", "deviation"]

_TABLE_1 = {"bce": ("bce", "none"), "ce": ("ce", "none"), "sce": ("sce", "none"),
            "bce_bt": ("bce", "barlow-twins"), "ce_bt": ("ce", "barlow-twins"),
            "sce_bt": ("sce", "barlow-twins")}  # fmt: skip
_TABLE_2 = {"sasrec_bce": ("bce", "none"), "sasrec_ce": ("ce", "none"),
            "sasrec_sce": ("sce", "none"), "cl4srec": ("ce", "cl4srec"),
            "duorec": ("ce", "duorec"), "ec4srec": ("ce", "ec4srec"),
            "bt_sr": ("ce", "barlow-twins")}  # fmt: skip


def paper_values(dataset: str) -> pd.DataFrame:
    """Return Tables 1 and 2 of the paper for a dataset, with our names of its systems.

    Where both tables have a value, it is Table 2's: for BT-SR the two differ.

    Returns
    -------
    DataFrame
        Columns `system`, `metric`, `value` and `deviation` (NaN where none is given); no row for a
        dataset that the paper does not have.

    Raises
    ------
    InputError
        If the project's `book/paper/` lacks a table.
    """
    theirs = DATASETS.get(dataset)
    if theirs is None:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    second = _table("table2.csv")
    for _, row in second[second["dataset"] == theirs].iterrows():
        for column, loss in _TABLE_2.items():
            deviation = row.get(f"{column}_std", float("nan"))
            rows.append((_system(*loss), row["metric"], row[column], deviation))
    first = _table("table1.csv")
    for _, row in first[first["dataset"] == theirs].iterrows():
        for column, loss in _TABLE_1.items():
            rows.append((_system(*loss), "ndcg@10", row[column], float("nan")))
    return pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(["system", "metric"])


def paper_regimes(dataset: str) -> dict[float | None, float]:
    """Return Table 3, ndcg@20 of BT-SR by alpha; under None that of SASRec-BCE.

    Empty for a dataset that is no Yelp.

    Raises
    ------
    InputError
        If the project's `book/paper/` lacks the table.
    """
    if DATASETS.get(dataset) != "yelp":
        return {}
    table = _table("table3.csv")
    alphas = table["model"].str.extract(r"alpha=([\d.]+)", expand=False).astype(float)
    keys = [None if pd.isna(alpha) else float(alpha) for alpha in alphas]
    return dict(zip(keys, table["ndcg@20"].tolist(), strict=True))


def _table(name: str) -> pd.DataFrame:
    path: Path = project_root() / "book" / "paper" / name
    if not path.is_file():
        raise InputError(f"no {path}; run this in the project's folder")
    return pd.read_csv(path, comment="#")


def _system(objective: str, regulariser: str) -> str:
    return system_name(
        LossConfig.model_validate({"objective": objective, "regulariser": regulariser})
    )
