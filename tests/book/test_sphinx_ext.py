"""Figures and boxed sentences, and the files that pages load from nowhere but the book."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import plotly.graph_objects as go
import plotly.io
import pytest
from plotly.subplots import make_subplots

from btsr_core.book import sphinx_ext
from btsr_core.book.sphinx_ext import (
    PLOTLY_MIME,
    FigureRenderer,
    figure_html,
    figure_in_words,
)
from btsr_core.book.vendored import full_plotly_js
from btsr_core.errors import InputError


@pytest.fixture
def figure():
    drawn = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="</script><b>"))
    return drawn.update_layout(title="Hits &amp; <b>misses</b>", height=300).to_plotly_json()


class TestFigure:
    def test_bundle_is_data_and_words(self, figure):
        bundle = sphinx_ext._BookRenderer().to_mimebundle(figure)
        assert set(bundle) == {PLOTLY_MIME, "text/plain"}
        assert bundle["text/plain"] == "Figure: Hits & misses"

    def test_element_holds_the_figure(self, figure):
        figure = sphinx_ext._BookRenderer().to_mimebundle(figure)[PLOTLY_MIME]
        element = figure_html(figure, "figure-3-0")
        assert 'id="figure-3-0"' in element
        assert 'aria-label="Hits &amp; misses"' in element
        assert "height: 300px" in element
        assert element.count("</script>") == 1, "the data must not end the element"
        data = element.split('application/json">')[1].split("</script>")[0]
        assert json.loads(data) == figure
        assert "http" not in element.replace(data, ""), "nothing is loaded from elsewhere"

    def test_same_figure_same_element(self, figure):
        assert figure_html(figure, "a") == figure_html(figure, "a")

    def test_in_words_without_a_title(self):
        assert figure_in_words({}) == "untitled"
        assert figure_in_words({"layout": {"title": "words"}}) == "words"

    def test_in_words(self):
        figure = make_subplots(rows=1, cols=2, subplot_titles=["one", "two"])
        for column in (1, 2):
            figure.add_scatter(x=[1], y=[2], name="SASRec", row=1, col=column)
        figure.add_scatter(x=[1], y=[2], name="BT-SR", row=1, col=1)
        figure.add_annotation(x=1, y=2, text="at some data")
        figure.update_xaxes(title_text="\u03b1")
        figure.update_yaxes(title_text="hits<br>(%)", col=1)
        figure.update_layout(title="Hits")
        assert figure_in_words(figure.to_plotly_json()) == (
            "Hits. Panels: one, two. Horizontal: \u03b1. Vertical: hits (%). Shown: SASRec, BT-SR"
        )

    def test_node_for_the_book(self):
        data = SimpleNamespace(mime_type=PLOTLY_MIME, content={}, cell_index=4, output_index=1)
        (node,) = FigureRenderer.handle_mime(None, data, False)
        assert 'id="figure-4-1"' in node.astext()
        assert FigureRenderer.handle_mime(None, data, True) is None
        data.mime_type = "text/html"
        assert FigureRenderer.handle_mime(None, data, False) is None

    def test_scripts_keep_their_renderer(self):
        before = plotly.io.renderers.default
        sphinx_ext.use_book_renderer()
        assert plotly.io.renderers.default == before

    def test_notebooks_get_the_books(self):
        code = (
            "from IPython.core.interactiveshell import InteractiveShell as S; S.instance();"
            "from btsr_core.book.sphinx_ext import use_book_renderer; use_book_renderer();"
            "import plotly.io, plotly.graph_objects as go;"
            "print(plotly.io.renderers.default, *sorted(go.Figure()._repr_mimebundle_()))"
        )
        shown = subprocess.check_output([sys.executable, "-c", code], text=True).split()
        assert shown == ["book", PLOTLY_MIME, "text/plain"]


def test_takeaway_is_text_in_a_box(capsys):
    box = sphinx_ext._Takeaway("a < b & c")
    assert "a &lt; b &amp; c" in box._repr_html_()
    assert 'class="takeaway ' in box._repr_html_()
    sphinx_ext.takeaway("a < b & c")
    assert capsys.readouterr().out.strip() == "Takeaway: a < b & c"


def test_paragraph_is_text_in_the_flow(capsys):
    assert sphinx_ext._Paragraph("a < b")._repr_html_().endswith(">a &lt; b</p>")
    sphinx_ext.paragraph("a < b & c")
    assert capsys.readouterr().out == "a < b & c\n"


class TestPages:
    """What pages load where nothing can be fetched, and where everything can."""

    @pytest.fixture
    def config(self):
        return SimpleNamespace(
            html_static_path=["book/_static"], mathjax_path="default", btsr_plotly_js=""
        )

    def test_fall_back_to_what_there_is(self, config, monkeypatch):
        def unreachable():
            raise InputError("no route to host")

        monkeypatch.setattr(sphinx_ext, "fetch_mathjax", unreachable)
        monkeypatch.setattr(sphinx_ext, "fetch_plotly_js", unreachable)
        sphinx_ext._add_vendored_files(None, config)
        assert config.mathjax_path == "default"
        assert config.html_static_path == ["book/_static", str(full_plotly_js())]
        assert config.btsr_plotly_js == "plotly.min.js"

    def test_load_what_was_fetched(self, config, monkeypatch):
        monkeypatch.setattr(sphinx_ext, "fetch_mathjax", lambda: Path("cache/m.js"))
        monkeypatch.setattr(sphinx_ext, "fetch_plotly_js", lambda: Path("cache/p.js"))
        sphinx_ext._add_vendored_files(None, config)
        assert config.html_static_path == ["book/_static", "cache/p.js", "cache/m.js"]
        assert (config.btsr_plotly_js, config.mathjax_path) == ("p.js", "m.js")
