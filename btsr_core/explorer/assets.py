"""The front end of the explorer as text: one ES module and one style sheet.

The module is written in several files, which import from each other as modules do; a widget takes
one text, and a page opened as a file may not import. So the files are joined, in the order of their
imports, without the statements that tie them together.
"""

import re
from importlib.resources import files

MODULES = (
    "payload.js",
    "words.js",
    "theme.js",
    "dom.js",
    "numbers.js",
    "overlay.js",
    "charts.js",
    "scores.js",
    "lists.js",
    "layout.js",
    "explorer.js",
)
"""In the order of their imports; the last one has the default export."""
STYLES = ("explorer.css", "dial.css", "lists.css")

_IMPORT = re.compile(r'^import [^;]*? from "\./[a-z]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function )", re.MULTILINE)


def front_end() -> str:
    """Return the explorer as one ES module.

    Its default export is named `explorer` inside of it, so that a page may append statements that
    use it: `explorer.render({ model, el })`. Plotly is expected as `globalThis.Plotly`.
    """
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _text(name))) for name in MODULES)


def style_sheet() -> str:
    """Return the style sheet of the explorer; the names of its classes begin with `btsr-`."""
    return "\n".join(map(_text, STYLES))


def _text(name: str) -> str:
    return files("btsr_core.explorer").joinpath(name).read_text(encoding="utf-8")
