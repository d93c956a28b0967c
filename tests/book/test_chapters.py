"""What every chapter of the book keeps to, checked on its text."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from papermill.translators import PythonTranslator

from btsr_core.book.chapters import chapter_paths, page_names, read_chapter
from btsr_core.book.parameters import inspect_parameters
from btsr_core.config import setting_names
from btsr_core.errors import InputError
from btsr_core.names import BASELINES
from btsr_core.pages.styles import STYLES

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.md"))
MAX_CELLS = 12
OF_THE_STUDY = {
    "dataset", "user_col", "item_col", "time_col", "settings", "n_seeds", "max_epochs", "study",
    "results", "mirror", "runs",
}  # fmt: skip
"""Parameters that `open_results` takes."""


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return [cell for cell in read_chapter(path).cells if cell.cell_type == "code"]


def calls(tree):
    """Return the functions that are called by their names, in order."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return [node.func.id for node in found if isinstance(node.func, ast.Name)]


@pytest.fixture
def tree(cells):
    return ast.parse("\n".join(cell.source for cell in cells))


def test_table_of_contents_lists_them_all():
    assert sorted(chapter_paths(ROOT)) == CHAPTERS


def test_header_makes_it_a_notebook(path):
    """Jupyter Book and JupyterLab look for jupytext's part, papermill for the kernel's."""
    header = yaml.safe_load(path.read_text().split("---\n")[1])
    assert header["jupytext"]["text_representation"]["format_name"] == "myst"
    assert header["kernelspec"]["name"] == "python3"


def test_begins_with_a_title_and_a_question(path):
    text = read_chapter(path).cells[0].source
    title, question = text.split("\n\n")[:2]
    assert re.fullmatch(r"# .+", title)
    assert "?" in question


def test_parameters_come_first(cells):
    assert [("parameters" in cell.metadata.get("tags", [])) for cell in cells].index(True) == 0
    assert "p = read_parameters(globals())" in cells[1].source


def test_parameters_are_documented_and_used(path, tree):
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "p"
    }
    parameters = inspect_parameters(path)
    assert [name for name, parameter in parameters.items() if not parameter.help] == []
    described = {"dataset", "settings", *setting_names()} & set(parameters)
    taken = calls(tree)
    assert ("experiment_of" in taken or "open_results" in taken) == bool(described)
    if "open_results" in taken:
        assert set(parameters) >= OF_THE_STUDY
        described = OF_THE_STUDY
    by_the_door = {"study", "results"} if "open_recorded" in taken else set()
    assert set(parameters) == read | described | by_the_door


def test_papermill_knows_every_parameter(path):
    """It reads line by line, and nothing of a line with two equals signs, even in a comment."""
    (cell,) = [c for c in read_chapter(path).cells if "parameters" in c.metadata.get("tags", ())]
    found = PythonTranslator.inspect(cell)
    wanted = inspect_parameters(path)
    assert [one.name for one in found] == list(wanted)
    assert [one.help for one in found] == [parameter.help for parameter in wanted.values()]


def test_whatever_trains_can_be_shortened(tree, path):
    """`-p max_epochs=20` given to the whole book reaches every chapter that trains."""
    doors = {"open_results", "run_systems", "run_experiment"}
    assert ("max_epochs" in inspect_parameters(path)) == bool(doors & set(calls(tree)))


def test_refuses_before_any_work(path, cells):
    """All that can be wrong with parameters shows in the cell that reads them."""
    called, parameters = calls(ast.parse(cells[1].source)), inspect_parameters(path)
    doors = {
        "open_recorded": "recorded" in parameters,
        "open_results": "study" in parameters and "recorded" not in parameters,
        "read_costs": "results" in parameters and "study" not in parameters,
        "experiment_of": "results" not in parameters or "objective" in parameters,
    }
    assert {door for door, leads_here in doors.items() if leads_here} <= set(called)
    assert ("reading_of" in called) == (doors["open_results"] and "history" in parameters)
    if "regulariser" in parameters:
        assert "with_and_without" in called


def test_systems_are_called_what_they_are(tree):
    """Code cells take the names of systems from the runs, whatever was chosen."""
    known = {*STYLES, *BASELINES}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert not texts & known


def test_nothing_else_is_annotated(cells):
    """Annotations are how `read_parameters` knows a parameter."""
    later = ast.parse("\n".join(cell.source for cell in cells[1:]))
    assert not [node for node in ast.walk(later) if isinstance(node, ast.AnnAssign)]


def test_narrates_and_defines_nothing(cells, tree):
    assert len(cells) <= MAX_CELLS
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, defined)]
    named_lambdas = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.NamedExpr) and isinstance(node.value, ast.Lambda)
    ]
    assert not named_lambdas


def test_takes_something_away_that_was_computed(tree):
    said = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "takeaway"
    ]
    assert said
    for sentence in said:
        computed = (ast.FormattedValue, ast.Call, ast.Name, ast.Attribute)
        assert any(isinstance(node, computed) for node in ast.walk(sentence)), ast.unparse(sentence)


class TestContents:
    def test_names_of_pages(self):
        assert page_names(ROOT) == [path.stem for path in chapter_paths(ROOT)]
        assert "introduction" in page_names()

    def test_nested(self, tmp_path):
        (tmp_path / "_toc.yml").write_text(
            "format: jb-book\nroot: intro\nparts:\n- caption: One\n  chapters:\n"
            "  - file: a\n    sections:\n    - file: b.md\n  - url: https://example.org\n"
        )
        for name in ("intro", "a", "b"):
            (tmp_path / f"{name}.md").touch()
        assert [path.stem for path in chapter_paths(tmp_path)] == ["intro", "a", "b"]

    def test_missing_page(self, tmp_path):
        (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
        with pytest.raises(InputError, match=r"lists intro\.md, which does not exist"):
            chapter_paths(tmp_path)

    def test_elsewhere(self, tmp_path):
        with pytest.raises(InputError, match="project's folder"):
            chapter_paths(tmp_path)
