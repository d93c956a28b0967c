"""The package reads from the top: a module imports only from those listed before it."""

import ast
from pathlib import Path

import pytest

import btsr_core

PACKAGE = Path(btsr_core.__file__).parent
LAYERS = [  # a package, or "" for the top level, and its modules
    ("", "errors files sealed settings names"),
    ("machine", "allocator threads processes precision"),
    ("data", "tables fetch lines formats films catalogue datasets k_core timeline protocol"),
    ("", "config"),
    ("sequences", "histories sampler views guided_views"),
    ("model", "dropout sasrec"),
    ("losses", "cross_entropy binary sce barlow_twins vicreg info_nce regularisers objectives"),
    ("evaluation", "metrics top_k scorers score_blocks true_lists rank_block evaluate baselines"),
    ("training", "importance checkpoint train"),
    ("", "run_files runs experiment sweep printing"),
    ("analysis", "intervals significance power seed_power who_gains pareto gains correlation"),
    ("analysis", "exposure buckets confidence calibration overlap spectrum genres"),
    ("study", "rows records measure examples search spec plan run cli"),
    ("dial", "settings film interpolation records artefact training measure plan choice run cli"),
    ("", "cli __main__"),
    (
        "book",
        "chapters papermill_io parameters settings listings vendored sphinx_ext execute build",
    ),
    ("pages", "words results pairs paper report styles template figures sentences"),
    ("pages", "provenance costs cost_figures cost_sentences"),
    ("pages", "frontier_tables frontier_figures frontier_sentences"),
    ("pages", "comparisons accuracy_tables accuracy_sentences"),
    ("pages", "epochs study_tables study_figures study_sentences"),
    ("pages", "power_tables power_figures power_sentences data_report"),
    ("pages", "score_tables seed_figures score_figures score_sentences claims score_claims"),
    ("pages", "dials dial_tables dial_figures bucket_figures dial_sentences dial_claims ledger"),
    ("pages", "dial_epochs epoch_figures epoch_sentences"),
    ("pages", "continuous_tables continuous_figures continuous_sentences"),
    ("explorer", "assets curves dials people payload sentences page live shelf widget display"),
]
ORDER = [
    f"{package}.{module}".lstrip(".") for package, modules in LAYERS for module in modules.split()
]
MOST_LINES = 300


def path_of(module):
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def imported(module):
    """Yield the modules of the package that a module imports, by whichever form of import."""
    for node in ast.walk(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("btsr_core"):
            own = node.module.removeprefix("btsr_core").lstrip(".")
            if own in ORDER:
                yield own
            else:  # a package, or the top level: what it imports is a module or a constant of it
                yield from {f"{own}.{name.name}".lstrip(".") for name in node.names} & set(ORDER)


def test_every_module_has_its_place():
    there = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
    assert sorted(ORDER) == sorted(
        ".".join(path.parts) for path in there if path.name != "__init__"
    )


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_one_way(module):
    before = ORDER[: ORDER.index(module)]
    assert set(imported(module)) <= set(before)


@pytest.mark.parametrize("module", ORDER)
def test_modules_stay_readable(module):
    assert len(path_of(module).read_text(encoding="utf-8").splitlines()) <= MOST_LINES
