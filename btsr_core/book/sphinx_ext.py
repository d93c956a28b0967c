"""What makes chapters look right: figures and boxed sentences, in JupyterLab and in the built book.

A figure leaves the kernel as data (Plotly's MIME type). JupyterLab draws that by itself; for the
book `FigureRenderer` turns it into a `<div>` with the data inside, which `_static/figures.js` draws
with a local plotly.js in the colours of the page. So a notebook holds no script, and no page asks
the network for anything.
"""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import plotly.io
from plotly.io.base_renderers import PlotlyRenderer

from btsr_core import __version__
from btsr_core.book.vendored import fetch_mathjax, fetch_plotly_js, full_plotly_js, plotly_script
from btsr_core.errors import InputError

PLOTLY_MIME = "application/vnd.plotly.v1+json"
DEFAULT_HEIGHT = 450  # px, Plotly's own

FIGURE_CLASS = "btsr-figure"
VERBATIM = "tex2jax_ignore mathjax_ignore"
"""Classes of what is shown as it is: a `$` in it begins no formula."""
FIGURE_SCRIPTS = ("figure_data.js", "figures.js")


_DRAW = """{
  const element = document.currentScript.previousElementSibling;
  const { data, layout, config } = JSON.parse(element.querySelector("script").textContent);
  element.replaceChildren();
  Plotly.newPlot(element, data, layout, { ...config, responsive: true, displaylogo: false });
}"""


def use_book_renderer() -> None:
    """Make figures in this notebook display for JupyterLab and for the book; elsewhere do nothing.

    Plotly's own choice in an unknown notebook includes 5 MB of plotly.js.
    """
    try:
        from IPython import get_ipython  # noqa: PLC0415 (absent where only the package is used)
    except ImportError:
        return
    if get_ipython() is not None:
        import pandas as pd  # noqa: PLC0415 (Sphinx comes here too, and needs it not)

        pd.set_option("display.html.use_mathjax", False)  # as `VERBATIM`
        plotly.io.renderers["book"] = _BookRenderer()
        plotly.io.renderers.default = "book"


class _BookRenderer(PlotlyRenderer):  # type: ignore[misc]
    """Plotly's MIME type, with the title as text for readers that cannot draw."""

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        bundle: dict[str, Any] = super().to_mimebundle(fig_dict)
        return bundle | {"text/plain": f"Figure: {figure_in_words(bundle[PLOTLY_MIME])}"}


def figure_in_words(figure: dict[str, Any]) -> str:
    """Return what a figure shows, for those who cannot see it: title, panels, axes, traces.

    The numbers themselves are in the file that the page offers below the figure.
    """
    layout = figure.get("layout", {})
    axes = [(name, layout[name]) for name in layout if re.fullmatch(r"[xy]axis\d*", name)]
    titles = [note for note in layout.get("annotations", ()) if _is_title(note)]
    parts = {
        "Panels": [_plain(note.get("text")) for note in titles],
        "Horizontal": [_title(axis) for name, axis in axes if name.startswith("x")],
        "Vertical": [_title(axis) for name, axis in axes if name.startswith("y")],
        "Shown": [_plain(trace.get("name")) for trace in figure.get("data", ())],
    }
    said = {part: list(dict.fromkeys(filter(None, words))) for part, words in parts.items()}
    sentences = [f"{part}: {', '.join(words)}" for part, words in said.items() if words]
    return ". ".join([_title(layout) or "untitled", *sentences])


def _is_title(annotation: dict[str, Any]) -> bool:
    """Whether an annotation is the title of a column or row of panels, not one at some data."""
    return annotation.get("xref") == annotation.get("yref") == "paper"


def _title(part: dict[str, Any]) -> str:
    title = part.get("title") or {}
    return _plain(title if isinstance(title, str) else title.get("text"))


def _plain(text: str | None) -> str:
    return html.unescape(re.sub(r"\s*<[^>]+>\s*", " ", text or "")).strip()


class _Takeaway:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Takeaway: {self.text}"

    def _repr_html_(self) -> str:
        # JupyterLab has none of the book's style sheets, so the box brings its own; the book sets
        # the custom properties.
        style = (
            "margin: 1em 0; padding: 0.6em 1em; border-radius: 0.25em; "
            "border-left: 0.25em solid var(--takeaway-edge, #2a7f9e); "
            "background: var(--takeaway-surface, rgba(42, 127, 158, 0.1))"
        )
        return (
            f'<div class="takeaway {VERBATIM}" role="note" style="{style}">'
            f"<strong>Takeaway.</strong> {html.escape(self.text)}</div>"
        )


def takeaway(text: str) -> None:
    """Display a sentence, computed from the results, in a box.

    Parameters
    ----------
    text
        Plain text; it is shown as it is.
    """
    from IPython.display import display  # noqa: PLC0415 (absent where only the package is used)

    display(_Takeaway(text))  # type: ignore[no-untyped-call]


class _Paragraph:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<p class="said {VERBATIM}">{html.escape(self.text)}</p>'


def paragraph(text: str) -> None:
    """Display plain text as the book's own; what is printed would not be broken into lines."""
    from IPython.display import display  # noqa: PLC0415 (absent where only the package is used)

    display(_Paragraph(text))  # type: ignore[no-untyped-call]


def show_code(text: str) -> None:
    """Display Python code as such: highlighted, in the colours of JupyterLab and of the book."""
    from IPython.display import Markdown, display  # noqa: PLC0415 (absent without the book)

    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    display(Markdown(f"{fence}python\n{text}\n{fence}"))  # type: ignore[no-untyped-call]


class FigureRenderer:
    """Renders Plotly's MIME type in the book; myst-nb finds it by its entry point."""

    mime_priority_overrides: ClassVar = [("html", PLOTLY_MIME, 1)]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Return the nodes for an output of a cell, or None for other MIME types."""
        if inline or data.mime_type != PLOTLY_MIME:
            return None
        from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

        place = f"figure-{data.cell_index}-{data.output_index}"
        return [
            nodes.raw(text=figure_html(data.content, place), format="html", classes=[FIGURE_CLASS])
        ]


def figure_html(figure: dict[str, Any], place: str) -> str:
    """Return the element that `figures.js` draws a figure into.

    Parameters
    ----------
    figure
        Content of Plotly's MIME type: data, layout and perhaps frames and config.
    place
        Id of the element: unique in the page and the same in every build.
    """
    height = figure.get("layout", {}).get("height") or DEFAULT_HEIGHT
    # `<` could end the script element early; JSON may spell it otherwise
    content = json.dumps(figure, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<div class="{FIGURE_CLASS}" id="{place}" role="figure" style="height: {height}px" '
        f'aria-label="{html.escape(figure_in_words(figure))}">'
        f'<script type="application/json">{content}</script>'
        "<noscript>This figure is drawn by JavaScript, which is switched off.</noscript></div>"
    )


def draw_figures(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Give figures the HTML that draws them: a preprocessor of nbconvert's pages.

    The page holds plotly.js once and asks the network for nothing; the notebook stays as it is.
    `jupyter_nbconvert_config.json`, which is installed for all of Jupyter, names it.
    """
    # `</script` would end the element; scripts may spell it otherwise
    script = plotly_script().replace("</script", "<\\/script")
    loader = f"<script>{script}</script>"
    for number, cell in enumerate(notebook.cells):
        for place, output in enumerate(cell.get("outputs", ())):
            figure = output.get("data", {}).get(PLOTLY_MIME)
            if figure is not None:
                drawn = figure_html(figure, f"figure-{number}-{place}")
                output.data["text/html"] = f"{loader}{drawn}<script>{_DRAW}</script>"
                loader = ""
    return notebook, resources


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx: local plotly.js and MathJax, each on the pages that use it."""
    app.add_config_value("btsr_plotly_js", "", "html")
    app.connect("config-inited", _add_vendored_files)
    app.connect("html-page-context", _add_figure_scripts)
    app.connect("html-page-context", _name_folds)
    app.connect("html-page-context", _say_how_to_run)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _add_vendored_files(_app: Any, config: Any) -> None:
    plotly_js = _fetched(fetch_plotly_js, "pages load the whole of it") or full_plotly_js()
    config.btsr_plotly_js = plotly_js.name
    config.html_static_path = [*config.html_static_path, str(plotly_js)]
    mathjax = _fetched(fetch_mathjax, "pages load it from a CDN")
    if mathjax:
        config.html_static_path.append(str(mathjax))
        config.mathjax_path = mathjax.name


def _fetched(fetch: Callable[[], Path], else_what: str) -> Path | None:
    try:
        return fetch()
    except InputError as error:
        from sphinx.util import logging  # noqa: PLC0415 (only Sphinx comes here)

        # not a warning: a book built offline is whole, but for formulas that need the network
        logging.getLogger(__name__).info("%s Until then %s.", error, else_what)
        return None


def _add_figure_scripts(
    app: Any, _page: str, _template: str, _context: dict[str, Any], doctree: Any
) -> None:
    from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

    if doctree and any(FIGURE_CLASS in node["classes"] for node in doctree.findall(nodes.raw)):
        app.add_js_file(app.config.btsr_plotly_js, loading_method="defer", priority=600)
        for script in FIGURE_SCRIPTS:
            app.add_js_file(script, loading_method="defer", priority=601)


def _name_folds(
    _app: Any, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let folded cells be named by what stands on them; myst-nb calls them all the same."""
    if "body" in context:  # which search and index have none of
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def _say_how_to_run(
    _app: Any, page: str, _template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give a page with code the path of its chapter, for `_templates/run-chapter.html`."""
    from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

    if doctree and any("cell" in node["classes"] for node in doctree.findall(nodes.container)):
        context["chapter_source"] = f"{page}.md"
