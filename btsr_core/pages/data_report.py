"""What is known of a dataset before any model: its sizes, as the report on it begins."""

import pandas as pd

from btsr_core.study.measure import READINGS
from btsr_core.study.records import Targets

_SIZES = {
    "train_users": "training users",
    "train_interactions": "training interactions",
    "n_items": "catalogue (items)",
}


def size_table(targets: Targets) -> pd.DataFrame:
    """Return what is trained on, the same for all, and who is tested: a column a reading."""
    columns = {}
    for reading in READINGS:
        rows = targets.of(reading)
        columns[f"history {reading}"] = {
            **{label: f"{targets.sizes[name]:,}" for name, label in _SIZES.items()},
            "test users": f"{rows['user'].nunique():,}",
            "test targets": f"{len(rows):,}",
            "items in a history (median)": f"{rows['history'].median():.0f}" if len(rows) else "",
        }
    return pd.DataFrame(columns)


def users_tested(targets: Targets) -> dict[str, int]:
    """Return the number of test users by reading."""
    return {reading: int(targets.of(reading)["user"].nunique()) for reading in READINGS}
