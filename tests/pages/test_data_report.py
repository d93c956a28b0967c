import pandas as pd
from made_up_records import made_up_targets

from btsr_core.pages.data_report import size_table, users_tested
from btsr_core.study.records import Targets


def test_sizes_by_reading():
    targets = made_up_targets(40)
    table = size_table(targets)
    assert list(table.columns) == ["history after-cutoff", "history full", "history events"]
    assert table.loc["training interactions"].tolist() == ["3,000"] * 3
    assert table.loc["test users"].tolist() == ["40"] * 3
    assert table.loc["test targets"].tolist() == ["40", "40", "120"]
    expected = targets.of("full")["history"].median()
    assert table.loc["items in a history (median)", "history full"] == f"{expected:.0f}"
    assert users_tested(targets) == {"after-cutoff": 40, "full": 40, "events": 40}


def test_a_reading_may_have_no_user():
    made = made_up_targets(5)
    rows = made.rows[made.rows["reading"] != "after-cutoff"]
    targets = Targets(made.sizes, rows, pd.DataFrame(), made.buckets)
    table = size_table(targets)["history after-cutoff"]
    assert table["test users"] == table["test targets"] == "0"
    assert table["items in a history (median)"] == ""
