"""The slider on a page of the book, without a kernel: data in the page, script and style beside it.

A notebook holds the data alone, under a MIME type of its own. `ExplorerRenderer` puts it into the
page, and as an extension of Sphinx this module adds the files that show it. They are of one kind
with what JupyterLab runs: the same front end, turned from a module, which no browser loads from a
file, into a plain script.
"""

import html
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from btsr_core import __version__
from btsr_core.book.sphinx_ext import FIGURE_CLASS
from btsr_core.explorer.assets import front_end, style_sheet
from btsr_core.explorer.payload import Payload
from btsr_core.files import write_text
from btsr_core.pages.report import as_text
from btsr_core.pages.words import signed, unsigned

MIME = "application/vnd.btsr.explorer+json"
EXPLORER_CLASS = "btsr-explorer"
HERE = Path(__file__).parent
SCRIPT, STYLE = "btsr-explorer.js", "btsr-explorer.css"
"""What a page loads."""
_EXPORT = re.compile(r"^export default explorer;\n", re.MULTILINE)


class StaticExplorer:
    """The slider for pages without a kernel, as a cell's value.

    Attributes
    ----------
    payload
        As `explorer_payload` gives it.
    """

    def __init__(self, payload: Payload) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"Slider: {self.payload['title']}"

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        """Return the data for the book, and a table for whatever cannot show it."""
        return {
            MIME: self.payload,
            "text/html": numbers_table(self.payload),
            "text/plain": repr(self),
        }


class ExplorerRenderer:
    """Renders the slider's MIME type in the book; myst-nb finds it by its entry point."""

    mime_priority_overrides: ClassVar = [("html", MIME, 1)]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Return the nodes for an output of a cell, or None for other MIME types."""
        if inline or data.mime_type != MIME:
            return None
        from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

        place = f"explorer-{data.cell_index}-{data.output_index}"
        # As a figure, it has plotly.js on its page.
        classes = [FIGURE_CLASS, EXPLORER_CLASS]
        return [nodes.raw(text=explorer_html(data.content, place), format="html", classes=classes)]


def explorer_html(payload: Payload, place: str) -> str:
    """Return the element that the slider is drawn into.

    Parameters
    ----------
    payload
        As `explorer_payload` gives it.
    place
        Id of the element: unique in the page and the same in every build.
    """
    # `<` could end the script element early; JSON may spell it otherwise
    content = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    label = html.escape(f"Slider: {payload['title']}")
    return (
        f'<div class="{EXPLORER_CLASS}" id="{place}" role="group" aria-label="{label}">'
        f'<script type="application/json">{content}</script>'
        f"<noscript><p>The slider needs JavaScript, which is switched off. Its numbers:</p>"
        f"{numbers_table(payload)}</noscript></div>"
    )


def numbers_table(payload: Payload) -> str:
    """Return the metrics at the trained alphas as a table in HTML, with the differences from 0.

    The metric in sight at first and coverage, on all targets.
    """
    source, first = payload["sources"][0], payload["default"]
    kinds = dict.fromkeys((first["metric"], "cov"))
    names = [name for kind in kinds if (name := f"{kind}@{first['k']}") in source["values"]]
    columns: dict[str, list[str]] = {}
    for name in names:
        cells = [_cells(source, name, place) for place in range(len(source["alphas"]))]
        columns[name] = [mean for mean, _ in cells]
        columns[f"change of {name} (95 % over seeds)"] = [change for _, change in cells]
    table = pd.DataFrame(columns, index=pd.Index(map(str, source["alphas"])))
    table = table.rename_axis(columns="\N{GREEK SMALL LETTER ALPHA}")
    caption = f"{payload['title']}, history {payload['reading']}"
    return str(as_text(table, caption=caption).to_html())


def _cells(source: dict[str, Any], name: str, place: int) -> tuple[str, str]:
    """Return the mean at a place, and the difference from the first with its interval."""
    own = {field: values[place] for field, values in source["values"][name]["0"].items()}
    change = signed(float("nan") if own["change"] is None else own["change"])
    if own["change_low"] is not None:
        change += f" ({signed(own['change_low'])} to {signed(own['change_high'])})"
    return unsigned(own["mean"]), change


def page_script(module: str) -> str:
    """Return a plain script that shows the sliders of a page.

    Parameters
    ----------
    module
        Source of the front end, which names what it exports by default `explorer` and exports and
        imports nothing else.

    Raises
    ------
    ValueError
        If it is not so.
    """
    body, exports = _EXPORT.subn("", module)
    if exports != 1 or re.search(r"^(export|import)\b", body, re.MULTILINE):
        raise ValueError("the front end must import nothing and end in `export default explorer;`")
    start = (HERE / "page.js").read_text(encoding="utf-8")
    return f'(() => {{\n"use strict";\n{body}\n{start}}})();\n'


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx: script and style, on the pages that have a slider."""
    app.connect("config-inited", _add_files)
    app.connect("html-page-context", _load_files)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _add_files(app: Any, config: Any) -> None:
    folder = Path(app.doctreedir) / "explorer"  # a place of its own, which no page is made of
    write_text(folder / SCRIPT, page_script(front_end()))
    write_text(folder / STYLE, style_sheet())
    config.html_static_path = [*config.html_static_path, str(folder)]


def _load_files(
    app: Any, _page: str, _template: str, _context: dict[str, Any], doctree: Any
) -> None:
    from docutils import nodes  # noqa: PLC0415 (only Sphinx comes here)

    if doctree and any(EXPLORER_CLASS in node["classes"] for node in doctree.findall(nodes.raw)):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer", priority=602)
