"""What makes chapters look right: figures and boxed sentences, in JupyterLab and in the built book.

A figure leaves the kernel as data (Plotly's MIME type). JupyterLab draws that by itself; for the
book `FigureRenderer` turns it into a `<div>` with the data inside, which `_static/figures.js` draws
with a local plotly.js in the colours of the page. So a notebook holds no script, and no page asks
the network for anything.
"""

import html
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import plotly
import plotly.io
import pooch
from plotly.io.base_renderers import PlotlyRenderer

from btsr_core import __version__
from btsr_core.errors import InputError
from btsr_core.files import atomic_path, cache_dir, mirror_dir, sha256_file

PLOTLY_MIME = "application/vnd.plotly.v1+json"
DEFAULT_HEIGHT = 450  # px, Plotly's own

MATHJAX_VERSION = "3.2.2"
MATHJAX_URL = f"https://registry.npmjs.org/mathjax/-/mathjax-{MATHJAX_VERSION}.tgz"
MATHJAX_SHA256 = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"
# With every TeX extension inside: the smaller tex-svg.js asks for \boldsymbol and others on demand.
MATHJAX_MEMBER = "package/es5/tex-svg-full.js"

PLOTLY_JS = "plotly.min.js"
FIGURE_CLASS = "btsr-figure"


def use_book_renderer() -> None:
    """Make figures in this notebook display for JupyterLab and for the book; elsewhere do nothing.

    Plotly's own choice in an unknown notebook includes 5 MB of plotly.js.
    """
    try:
        from IPython import get_ipython  # noqa: PLC0415 (absent where only the package is used)
    except ImportError:
        return
    if get_ipython() is not None:
        plotly.io.renderers["book"] = _BookRenderer()
        plotly.io.renderers.default = "book"


class _BookRenderer(PlotlyRenderer):  # type: ignore[misc]
    """Plotly's MIME type, with the title as text for readers that cannot draw."""

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        bundle: dict[str, Any] = super().to_mimebundle(fig_dict)
        return bundle | {"text/plain": f"Figure: {figure_title(bundle[PLOTLY_MIME])}"}


def figure_title(figure: dict[str, Any]) -> str:
    """Return the title of a figure as plain text, for those who cannot see it."""
    title = figure.get("layout", {}).get("title") or {}
    text = title if isinstance(title, str) else title.get("text") or ""
    return html.unescape(re.sub(r"\s*<[^>]+>\s*", " ", text)).strip() or "untitled"


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
            f'<div class="takeaway" role="note" style="{style}">'
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
        return f'<p class="said">{html.escape(self.text)}</p>'


def paragraph(text: str) -> None:
    """Display plain text as the book's own; what is printed would not be broken into lines."""
    from IPython.display import display  # noqa: PLC0415 (absent where only the package is used)

    display(_Paragraph(text))  # type: ignore[no-untyped-call]


def show_code(text: str) -> None:
    """Display Python code as such: highlighted, in the colours of JupyterLab and of the book."""
    from IPython.display import Markdown, display  # noqa: PLC0415 (absent without the book)

    display(Markdown(f"```python\n{text}\n```"))  # type: ignore[no-untyped-call]


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
        f'aria-label="{html.escape(figure_title(figure))}">'
        f'<script type="application/json">{content}</script>'
        "<noscript>This figure is drawn by JavaScript, which is switched off.</noscript></div>"
    )


def fetch_mathjax() -> Path:
    """Return the path of MathJax, one script that renders TeX; downloaded at most once.

    `MIRROR/mathjax/mathjax-3.2.2.tgz` is used instead of a download if it is there.

    Raises
    ------
    InputError
        If it can neither be found nor downloaded.
    """
    folder = cache_dir() / "mathjax"
    script = folder / f"mathjax-{MATHJAX_VERSION}-{Path(MATHJAX_MEMBER).name}"
    if script.is_file():
        return script
    archive_name = f"mathjax-{MATHJAX_VERSION}.tgz"
    mirror = mirror_dir()
    archive = mirror / "mathjax" / archive_name if mirror else None
    if archive is None or not archive.is_file():
        try:
            archive = Path(
                pooch.retrieve(
                    MATHJAX_URL,
                    f"sha256:{MATHJAX_SHA256}",
                    fname=archive_name,
                    path=folder,
                    downloader=pooch.HTTPDownloader(timeout=(5, 30)),
                )
            )
        except (OSError, ValueError) as error:  # unreachable, or not what was published
            raise InputError(
                f"MathJax could not be fetched from {MATHJAX_URL} ({error}). Put that file into "
                "MIRROR/mathjax/ for a folder MIRROR of yours and set BTSR_MIRROR to it."
            ) from error
    elif (found := sha256_file(archive)) != MATHJAX_SHA256:
        raise InputError(f"{archive} has the wrong content: sha256 {found}; remove or replace it")
    with (
        tarfile.open(archive) as package,
        package.extractfile(MATHJAX_MEMBER) as member,  # type: ignore[union-attr]
        atomic_path(script) as temporary,
        temporary.open("wb") as target,
    ):
        shutil.copyfileobj(member, target)
    return script


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx: local plotly.js and MathJax, each on the pages that use it."""
    app.connect("config-inited", _add_vendored_files)
    app.connect("html-page-context", _add_figure_scripts)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _add_vendored_files(_app: Any, config: Any) -> None:
    plotly_js = Path(plotly.__file__).parent / "package_data" / PLOTLY_JS
    config.html_static_path = [*config.html_static_path, str(plotly_js)]
    try:
        mathjax = fetch_mathjax()
    except InputError as error:
        from sphinx.util import logging  # noqa: PLC0415 (only Sphinx comes here)

        # not a warning: a book built offline is whole, but for formulas that need the network
        logging.getLogger(__name__).info("%s Until then pages load it from a CDN.", error)
    else:
        config.html_static_path.append(str(mathjax))
        config.mathjax_path = mathjax.name


def _add_figure_scripts(
    app: Any, _page: str, _template: str, _context: dict[str, Any], doctree: Any
) -> None:
    from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

    if doctree and any(FIGURE_CLASS in node["classes"] for node in doctree.findall(nodes.raw)):
        app.add_js_file(PLOTLY_JS, loading_method="defer", priority=600)
        app.add_js_file("figures.js", loading_method="defer", priority=601)
