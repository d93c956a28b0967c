"""The package reads from the top: a module imports only from those listed before it."""

import ast
from pathlib import Path

import pytest

import btsr_core

PACKAGE = Path(btsr_core.__file__).parent
ORDER = [
    "__init__", "errors", "files", "allocator", "threads", "processes",
    "tables", "fetch", "lines", "formats", "films", "catalogue", "datasets",  # data
    "k_core", "protocol",
    "settings", "names", "config", "histories", "sampler", "precision", "dropout", "model",
    "cross_entropy", "binary", "sce", "barlow_twins", "vicreg", "info_nce", "views",
    "guided_views", "regularisers", "objectives", "metrics", "top_k", "scorers",
    "score_blocks", "true_lists", "rank_block", "evaluate",
    "importance", "checkpoint", "train",
    "runs", "experiment", "sweep", "intervals", "significance", "power", "who_gains",
    "baselines", "exposure", "buckets", "analysis", "pareto",
    "confidence", "calibration", "overlap", "spectrum", "genres",
    "records", "measure", "study_spec", "search", "study_plan", "study",
    "printing", "study_cli", "cli", "__main__",
    "report", "provenance", "costs", "styles", "template", "figures", "cost_figures",
    "sentences", "cost_sentences",
    "chapters", "papermill_io", "parameters", "chapter_settings", "results",
    "words", "pairs", "frontier_tables", "frontier_figures", "frontier_sentences",
    "paper", "comparisons", "accuracy_tables", "accuracy_sentences",
    "epochs", "study_tables", "study_figures", "study_sentences",
    "power_tables", "power_figures", "power_sentences", "data_report",
    "score_tables", "seed_figures", "score_figures", "score_sentences", "claims", "score_claims",
    "dials", "dial_tables", "dial_figures", "bucket_figures", "dial_sentences", "dial_claims",
    "ledger",
    "listings", "bookext",
    "bookrun", "bookbuild",
]  # fmt: skip
MOST_LINES = 300


def imported(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("btsr_core."):
            yield node.module.split(".")[1]


def test_every_module_has_its_place():
    assert sorted(ORDER) == sorted(path.stem for path in PACKAGE.glob("*.py"))


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_one_way(module):
    before = ORDER[: ORDER.index(module)]
    assert set(imported(module)) <= set(before)


@pytest.mark.parametrize("module", ORDER)
def test_modules_stay_readable(module):
    assert len((PACKAGE / f"{module}.py").read_text(encoding="utf-8").splitlines()) <= MOST_LINES
