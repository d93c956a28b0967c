"""Lets papermill read chapters: `papermill book/training.md out.ipynb -p alpha 0.4`.

Papermill chooses a handler by the beginning of a path, and has one for all paths that begin like no
other's: a local file's may begin with anything. So this module teaches that handler what a chapter
is. Papermill imports it for the entry point in its group `papermill.io`, whose name stands for a
beginning that this adds nothing to.
"""

import os
import warnings
from pathlib import Path

import jupytext
from papermill.iorw import papermill_io

from btsr_core.book.chapters import notebook_of
from btsr_core.errors import InputError
from btsr_core.files import OF_CHAPTER, project_around

# Papermill loads this module and nothing else does; it would say on every run that a chapter "does
# not end in one of ['.ipynb', '.json']".
warnings.filterwarnings("ignore", message=r"The specified file \(.*\.md\) does not end in one of")

ChapterHandler = papermill_io.get_handler("local")
"""Papermill's handler of local files, which gives it chapters as notebooks."""

_read_file, _write_file = ChapterHandler.read, ChapterHandler.write


def _read(path: str) -> str:
    """Return the content of a notebook as JSON; the kernel will learn where a chapter is from."""
    text = str(_read_file(path))
    if Path(path).suffix != ".md":
        return text
    if project := project_around(Path(path).resolve().parent):
        os.environ[OF_CHAPTER] = str(project)
    return str(jupytext.writes(notebook_of(text), fmt="ipynb"))


def _write(text: str, path: str) -> None:
    """Write an executed notebook; a chapter is never overwritten by one."""
    if Path(path).suffix == ".md":
        raise InputError(f"{path} is a chapter; name an output that ends in .ipynb")
    _write_file(text, path)


ChapterHandler.read, ChapterHandler.write = _read, _write
