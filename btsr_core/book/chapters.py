"""What a chapter is: a MyST-Markdown text that is also a notebook, listed in `_toc.yml`."""

import re
from pathlib import Path
from typing import Any

import jupytext
import yaml

from btsr_core.errors import InputError
from btsr_core.files import project_root


def read_chapter(path: Path) -> Any:
    """Return the notebook (an `nbformat` node) that the text of a chapter describes.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"no chapter {path}; run this in the project's folder, which has book/")
    return notebook_of(path.read_text(encoding="utf-8"))


def notebook_of(text: str) -> Any:
    """Return the notebook that a text describes."""
    notebook = jupytext.reads(text, fmt="md:myst")
    # papermill chooses its translator of parameters by language, which text headers rarely name
    notebook.metadata.setdefault("language_info", {"name": "python"})
    return notebook


def chapter_paths(root: Path) -> list[Path]:
    """Return the paths of the pages in the table of contents of the book at `root`, in its order.

    Raises
    ------
    InputError
        If there is no table of contents, or if it lists a page that does not exist.
    """
    toc = root / "_toc.yml"
    if not toc.is_file():
        raise InputError(f"no {toc}; run this in the project's folder")
    pages = _pages(yaml.safe_load(toc.read_text(encoding="utf-8")))
    paths = [root / f"{page.removesuffix('.md')}.md" for page in pages]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"{toc} lists {missing[0].relative_to(root)}, which does not exist")
    return paths


def missing_page(path: Path, said: str) -> str:
    """Return the text of a page in place of a chapter: why it is missing, as the chapter said."""
    heading = re.search(r"^# .*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", said)), default=0))
    return (
        f"{heading[0] if heading else f'# {path.stem}'}\n\n"
        ":::::{admonition} This chapter is missing\n:class: warning\n"
        f"{fence}text\n{said}\n{fence}\n\n"
        f"Once that is mended, `make book` makes it.\n:::::\n"
    )


def page_names(root: Path | None = None) -> list[str]:
    """Return the names of the book's pages, which are neighbours; `root` as for `chapter_paths`."""
    return [path.stem for path in chapter_paths(root or project_root())]


def _pages(entry: Any) -> list[str]:
    """Return every `root` and `file` below an entry of a table of contents, depth first."""
    if isinstance(entry, list):
        return [page for child in entry for page in _pages(child)]
    if not isinstance(entry, dict):
        return []
    own = [str(entry[key]) for key in ("root", "file") if key in entry]
    return own + [page for value in entry.values() for page in _pages(value)]
