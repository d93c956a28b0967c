"""Parameters: read in a running chapter, inspected in its text, refused when they do not fit."""

from dataclasses import FrozenInstanceError

import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from btsr_core.book.parameters import Parameter, check_values, inspect_parameters, read_parameters
from btsr_core.errors import InputError

CELL = """\
alpha: float = 0.2  # weight of the term
n_seeds: int = 3  # runs of each model
dataset: str = "ml#100k"  # a name # or a file
fast: bool = False"""

CHAPTER = f"""\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Title

```{{code-cell}} ipython3
:tags: [parameters]

{CELL}
```
"""


def run(*cells: str) -> dict:
    """Run cells as IPython does: one namespace, which holds the history as well."""
    namespace: dict = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, namespace)
    return namespace


@pytest.fixture
def chapter(tmp_path):
    path = tmp_path / "chapter.md"
    path.write_text(CHAPTER)
    return path


class TestRead:
    def test_defaults(self):
        p = read_parameters(run(CELL))
        assert (p.alpha, p.n_seeds, p.dataset, p.fast) == (0.2, 3, "ml#100k", False)
        assert repr(p) == "Parameters(alpha=0.2, n_seeds=3, dataset='ml#100k', fast=False)"

    def test_immutable(self):
        p = read_parameters(run(CELL))
        with pytest.raises(FrozenInstanceError):
            p.alpha = 1.0

    def test_injected_values_win(self):
        p = read_parameters(run(CELL, "# Parameters\nalpha = 1\nfast = 'true'"))
        assert (p.alpha, p.fast) == (1.0, True)
        assert isinstance(p.alpha, float)

    def test_unknown_name_is_refused_with_the_right_one(self):
        with pytest.raises(InputError, match=r"'alhpa'; did you mean 'alpha'\?.*n_seeds"):
            read_parameters(run(CELL, "# Parameters\nalhpa = 0.4"))

    def test_other_globals_are_no_parameters(self):
        """A reader runs the cell again after others have defined whatever they like."""
        namespace = run(CELL, "# Parameters\nalpha = 0.4", "table = [1]\nbeta = 2", "x: list = []")
        del namespace["__annotations__"]["x"]
        assert read_parameters(namespace).alpha == 0.4

    def test_paths_injected_by_papermill_are_let_through(self):
        read_parameters(run(CELL, "# Parameters\nPAPERMILL_INPUT_PATH = 'a'\nalpha = 0.1"))

    def test_plain_script_without_history(self):
        namespace = run(CELL)
        del namespace["In"]
        assert read_parameters(namespace).n_seeds == 3

    @pytest.mark.filterwarnings("ignore:The specified file")  # pytest undoes ours
    def test_convention_of_papermill(self, chapter):
        """What papermill really injects is recognised; fails if its comment ever changes."""
        notebook = load_notebook_node(str(chapter))
        cells = [
            cell.source
            for cell in parameterize_notebook(notebook, {"alhpa": 0.4}).cells
            if cell.cell_type == "code"
        ]
        assert len(cells) == 2
        with pytest.raises(InputError, match="did you mean 'alpha'"):
            read_parameters(run(*cells))


class TestConvert:
    @pytest.mark.parametrize(
        ("name", "given", "value"),
        [
            ("alpha", 1, 1.0),
            ("alpha", "0.4", 0.4),
            ("alpha", "1e-3", 0.001),
            ("n_seeds", "5", 5),
            ("fast", "True", True),
            ("fast", "false", False),
            ("dataset", "007", "007"),
        ],
    )
    def test_accepted(self, chapter, name, given, value):
        (converted,) = check_values(chapter, {name: given}).values()
        assert converted == value
        assert type(converted) is type(value)

    @pytest.mark.parametrize(
        ("name", "given", "message"),
        [
            ("alpha", "banana", r"'alpha' must be a number \(float\), not 'banana' \(str\)"),
            ("alpha", True, "not True"),
            ("alpha", "nan", "not 'nan'"),
            ("alpha", float("inf"), "not inf"),
            ("alpha", None, "not None"),
            ("alpha", "", "not ''"),
            ("n_seeds", 2.0, r"'n_seeds' must be a whole number \(int\), not 2.0 \(float\)"),
            ("n_seeds", "2.5", "not '2.5'"),
            ("n_seeds", True, "not True"),
            ("fast", 1, r"'fast' must be true or false \(bool\), not 1"),
            ("fast", "yes", "not 'yes'"),
            ("dataset", 7, r"not 7 \(int\); with papermill, write -r dataset"),
            ("dataset", [1], r"not \[1\]"),
        ],
    )
    def test_refused(self, chapter, name, given, message):
        with pytest.raises(InputError, match=message):
            check_values(chapter, {name: given})

    def test_unknown(self, chapter):
        with pytest.raises(InputError, match=r"'seeds'.*did you mean 'n_seeds'"):
            check_values(chapter, {"seeds": 1})


class TestInspect:
    def test_names_types_defaults_and_comments(self, chapter):
        assert inspect_parameters(chapter) == {
            "alpha": Parameter(float, 0.2, "weight of the term"),
            "n_seeds": Parameter(int, 3, "runs of each model"),
            "dataset": Parameter(str, "ml#100k", "a name # or a file"),
            "fast": Parameter(bool, False, ""),
        }

    @pytest.mark.parametrize(
        ("cell", "message"),
        [
            ("alpha = 0.2", "not of the form"),
            ("import os", "not of the form"),
            ("alpha: float", "not of the form"),
            ("alpha: float | None = 0.2", r"annotated float \| None; use one of bool, int"),
            ("alpha: float = 1 / 3", "not a literal"),
            ("alpha: float = 'x'", "must be a number"),
        ],
    )
    def test_refuses_what_is_no_parameter(self, chapter, cell, message):
        chapter.write_text(CHAPTER.replace(CELL, cell))
        with pytest.raises(InputError, match=message):
            inspect_parameters(chapter)

    def test_one_cell(self, chapter):
        chapter.write_text(CHAPTER + CHAPTER[CHAPTER.index("```{code") :])
        with pytest.raises(InputError, match="2 cells tagged"):
            inspect_parameters(chapter)

    def test_no_chapter(self, tmp_path):
        with pytest.raises(InputError, match="no chapter"):
            inspect_parameters(tmp_path / "absent.md")
