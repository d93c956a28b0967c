"""The slider as a chapter displays it: a widget in JupyterLab, data in the built book."""

import os
import threading
from typing import Any

from btsr_core.explorer.page import StaticExplorer
from btsr_core.explorer.payload import View
from btsr_core.explorer.shelf import Shelf, stock_of
from btsr_core.study.run import Standing

OF_A_SESSION = "JPY_SESSION_NAME"
"""Set by Jupyter's server for kernels of notebooks in a browser, and by nothing else."""


def is_live() -> bool:
    """Return whether somebody may turn the slider while this kernel runs.

    What papermill or Jupyter Book executes must make no widget: its state, plotly.js included,
    would be kept in the notebook.
    """
    return OF_A_SESSION in os.environ


def explorer(place: Standing, parameters: Any, *, reading: str, view: View) -> Any:
    """Return the slider over alpha for display.

    Parameters
    ----------
    place
        Records of the chapter's dataset.
    parameters
        Of the chapter: `study`, `results` and `mirror`.
    reading
        Of the test pool.
    view
        What is in sight at first.

    Returns
    -------
    Explorer or StaticExplorer
        Both have the attribute `payload`. Behind the widget, the other datasets are read in the
        background, from where the study's are read.

    Raises
    ------
    InputError
        If the data can be had from nowhere, or nothing is recorded along alpha.
    """
    stock = stock_of(place, parameters.mirror)
    if not is_live():
        return StaticExplorer(stock.payload(reading=reading, view=view))
    from btsr_core.explorer.widget import Explorer  # noqa: PLC0415 (needs the extra `book`)

    shelf = Shelf(stock, parameters, reading, view)
    shown = Explorer(shelf)
    threading.Thread(target=shelf.fill, daemon=True).start()
    return shown
