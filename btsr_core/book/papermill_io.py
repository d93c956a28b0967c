"""Lets papermill read chapters: `papermill book/training.md out.ipynb -p alpha 0.4`.

Papermill finds `ChapterHandler` through the entry-point group `papermill.io`. It chooses a handler
by the beginning of a path, so this one is registered for `book`, `.` and `/`.
"""

import warnings
from pathlib import Path

import jupytext
from papermill.iorw import LocalHandler, papermill_io

from btsr_core.book.chapters import notebook_of
from btsr_core.errors import InputError

# Papermill loads this module and nothing else does; it would say on every run that a chapter "does
# not end in one of ['.ipynb', '.json']".
warnings.filterwarnings("ignore", message=r"The specified file \(.*\.md\) does not end in one of")


class ChapterHandler:
    """Give papermill chapters as notebooks, and leave everything else to its local handler.

    It keeps no state: the local handler knows the folder that relative paths start from.
    """

    @classmethod
    def read(cls, path: str) -> str:
        """Return the content of a notebook as JSON."""
        text: str = cls._local().read(path)
        if Path(path).suffix != ".md":
            return text
        return str(jupytext.writes(notebook_of(text), fmt="ipynb"))

    @classmethod
    def write(cls, text: str, path: str) -> None:
        """Write an executed notebook; a chapter is never overwritten by one."""
        if Path(path).suffix == ".md":
            raise InputError(f"{path} is a chapter; name an output that ends in .ipynb")
        cls._local().write(text, path)

    @classmethod
    def listdir(cls, path: str) -> list[str]:
        """Return the paths in a folder."""
        return list(cls._local().listdir(path))

    @staticmethod
    def pretty_path(path: str) -> str:
        """Return the path as papermill's log shows it."""
        return path

    @staticmethod
    def _local() -> LocalHandler:
        return papermill_io.get_handler("local")
