"""Whatever data hold is shown as it is: in tables, figures and sentences, and on a terminal."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest
from made_up_data import HOSTILE

import btsr_core
from btsr_core.book.sphinx_ext import figure_in_words
from btsr_core.errors import InputError, printable
from btsr_core.pages import report, template
from btsr_core.printing import say

ROOT = Path(__file__).parents[1]
PACKAGE = Path(btsr_core.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = [*PACKAGE.rglob("*.js"), *(ROOT / "book" / "_static").glob("*.js")]

ESCAPED = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
ESCAPED = ESCAPED.replace('"', "&#34;").replace("'", "&#39;").replace("&lt; ", "&lt;\xa0")


def calls(path):
    """Yield what a module calls, in the dotted words of its source, with the call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


class TestTables:
    def test_cells_headers_indices_and_their_names(self):
        table = pd.DataFrame(
            {HOSTILE: [HOSTILE, Path(HOSTILE)], "n": [1, 2]},
            index=pd.MultiIndex.from_tuples([(HOSTILE, 1), ("a", 2)], names=[HOSTILE, None]),
        ).rename_axis(columns=HOSTILE)
        shown = report.as_text(table, caption=HOSTILE).to_html()
        # one in a header, two cells, an index, two names, a caption
        assert len(re.findall("alert", shown)) == 7 * HOSTILE.count("alert")
        assert not re.findall(r"<(?:img|script|/script|b|a)\b", shown)
        assert "R&amp;D" in shown
        assert "mathjax_ignore" in shown
        assert table.columns.name == HOSTILE, "the table itself stays as it is"

    def test_what_a_column_is_marked_up_with(self):
        table = pd.DataFrame({"a": ["<b>", "R&D"], "b": ["<i>", ""]})
        shown = report.as_text(table, {"a": lambda text: f"<em>{text}</em>"}).to_html()
        assert "<em>&lt;b&gt;</em>" in shown
        assert "<em>R&amp;D</em>" in shown
        assert "&lt;i&gt;" in shown

    def test_raw_frames_are_escaped_by_pandas(self):
        frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index([HOSTILE], name=HOSTILE))
        shown = frame.rename_axis(columns=HOSTILE)._repr_html_()
        assert not re.findall(r"<(?:img|script|/script|b|a)\b", shown.split("</style>")[1])


class TestFigures:
    def test_titles_are_text(self):
        figure = template.new_panels(HOSTILE, [HOSTILE, "a\nb"])
        assert not re.search(r"<(?!br>)|\$", figure.layout.title.text)
        assert figure.layout.annotations[1].text == "a<br>b"
        said = figure_in_words(figure.to_plotly_json())
        assert said.startswith(f"{HOSTILE}. Panels: {HOSTILE}, a b")


class TestTerminal:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            ("\x9b2J\x7f\r\b\x00", r"\x9b2J\x7f\r\x08\x00"),
            ("a\u202eb", r"a\u202eb"),
            ("\udcff.csv", r"\udcff.csv"),
            ("\u00e9 \N{GREEK SMALL LETTER ALPHA}\n\tR&D a<b", None),
        ],
    )
    def test_steers_nothing(self, text, shown, capsys):
        shown = text if shown is None else shown
        assert printable(text) == shown
        assert str(InputError(text)) == shown
        say(text)
        assert capsys.readouterr().out == f"{shown}\n"


PRINTING = {"typer.echo", "click.echo", "tqdm.write", "bar.set_postfix_str", "sys.stdout.write"}
PRINTING |= {"sys.stderr.write", "bar.set_description", "print", "typer.secho"}


def test_whatever_is_printed_is_printable():
    found = 0
    for path in SOURCES:
        for name, call in calls(path):
            told = [keyword.value for keyword in call.keywords if keyword.arg == "desc"]
            if name in PRINTING:
                told.append(call.args[0])
            found += len(told)
            for text in told:
                assert ast.unparse(text).startswith("printable("), f"{path}:{call.lineno}"
    assert found > 5


MADE_HERE = {
    "pages/report.py",  # tables, through `as_text` alone
    "pages/ledger.py",  # verdicts and links, of text that `as_text` has escaped
    "pages/template.py",  # what Plotly reads
    "book/sphinx_ext.py",  # sentences and figures
    "explorer/page.py",  # the slider
}


def test_html_is_made_in_few_places():
    """Nothing makes a table but `as_text`, and no other module knows what a tag is."""
    makers = {path.relative_to(PACKAGE).as_posix(): set(dict(calls(path))) for path in SOURCES}
    assert {path for path, names in makers.items() if "Styler" in names} == {"pages/report.py"}
    assert (PACKAGE / "pages" / "report.py").read_text().count("Styler(") == 1
    escaping = {path for path, names in makers.items() if "html.escape" in names}
    assert escaping == MADE_HERE - {"pages/ledger.py"}
    for path, names in makers.items():
        assert not {"HTML", "Javascript", "SVG", "Latex"} & names, path
        assert ("Markdown" in names) == (path == "book/sphinx_ext.py"), path  # code, in a fence
        source = (PACKAGE / path).read_text()
        assert not re.search(r"(?<!formats)\.style\b", source), path
        if path not in MADE_HERE:
            assert "_repr_html_" not in source, path
            assert not re.search(r"</(?!sub|extra)\w+>", source), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_set_text_and_no_html(path):
    source = path.read_text()
    assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|srcdoc", source)
    # a document that runs nothing, of which the text alone is taken
    assert ("DOMParser" in source) == (path.name == "figure_data.js")


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.md")), ids=lambda path: path.stem)
def test_chapters_make_no_html(path):
    source = path.read_text()
    assert not re.search(r"\.style\b|Styler|HTML|Markdown\(|to_html|\bdisplay\(", source)
