"""Builds the book: `python -m btsr_core.book.build --dataset ml-100k -p alpha=0.3`.

Executed chapters are put into `_build/stage`, a copy of the book in which Jupyter Book has nothing
left to execute, and what it renders replaces `_build/html` as a whole. Whatever is interrupted or
fails leaves the book of the last build. A chapter that cannot be made for want of data becomes a
page that says so; the others are built, and the command ends with a list of what is missing.
"""

from btsr_core.errors import InputError, end_at_interrupt, explained, interruptible, printable

if __name__ == "__main__":  # what follows takes a second
    end_at_interrupt("book")

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

import btsr_core
from btsr_core.book.chapters import chapter_paths, missing_page, read_chapter
from btsr_core.book.execute import Job, code_hash, run_jobs, shown_files
from btsr_core.book.parameters import (
    Parameter,
    Scalar,
    given_values,
    inspect_parameters,
    unknown_parameter,
)
from btsr_core.book.vendored import fetch_mathjax, fetch_plotly_js
from btsr_core.files import (
    project_root,
    replace_folder,
    sha256_file,
    write_json,
    write_text,
)

PACKAGE = Path(btsr_core.__file__).parent
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # there is no -m jupyter_book
JUPYTER_BOOK_OPTIONS = ("-q", "-n", "--keep-going")


class BuildError(Exception):
    """The book could not be built although its input is in order; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the book; return 0, 1 if a chapter or the rendering failed, 2 if used wrongly."""
    options = _parser().parse_args(arguments)
    root = project_root()
    build = root / "_build"
    try:
        with interruptible(), explained():
            jobs = plan(root, _given_values(options))
            build.mkdir(exist_ok=True)
            with FileLock(build / ".lock", timeout=0):
                if options.force:
                    _forget(build, jobs)
                refusals = _execute(jobs, root, options.jobs)
                stage = build / "stage"
                _stage(root, stage, jobs, refusals)
                _render(root, stage, strict=not refusals)
    except InputError as error:
        return _fail(f"{error}", 2)
    except BuildError as error:
        return _fail(f"{error}", 1)
    except Timeout:
        return _fail(f"another build is running in {root}", 2)
    except KeyboardInterrupt:
        return _fail("interrupted; the chapters that had finished will not run again", 130)
    _say(f"The book is at {(build / 'html' / 'index.html').as_uri()}")
    if refusals:
        missing = "".join(f"\n  {path.stem}: {said}" for path, said in refusals.items())
        return _fail(f"{len(refusals)} of {len(jobs)} chapters are missing from it:{missing}", 1)
    return 0


def plan(root: Path, values: Mapping[str, str]) -> list[Job]:
    """Return the chapters to execute with the values that each takes; refuse before anything runs.

    Parameters
    ----------
    root
        Folder of the book. Its pages without code are not in the plan.
    values
        Parameters as given. Each must belong to a chapter; a chapter gets those that it has.

    Raises
    ------
    InputError
        If no chapter has a parameter, or a value does not fit; names the chapter.
    """
    declared = {path: inspect_parameters(path) for path in chapter_paths(root)}
    known = {name for parameters in declared.values() for name in parameters}
    for name in values:
        if name not in known:
            raise unknown_parameter(name, known)
    return [
        Job(
            path,
            root / "_build" / "executed" / path.relative_to(root).with_suffix(".ipynb"),
            _values_of(path, parameters, values),
            shown_files(root, path, parameters, values),
        )
        for path, parameters in declared.items()
        if any(cell.cell_type == "code" for cell in read_chapter(path).cells)
    ]


def _values_of(
    path: Path, parameters: Mapping[str, Parameter], values: Mapping[str, str]
) -> dict[str, Scalar]:
    """Return those of the values that a chapter takes, checked as the chapter itself would."""
    given = {name: values[name] for name in parameters if name in values}
    if not given:
        return {}
    # imports pandas
    from btsr_core.book.settings import FURTHER, checked_values, shared_settings  # noqa: PLC0415

    if FURTHER in given and "objective" not in parameters:
        given[FURTHER] = shared_settings(given[FURTHER])
    return checked_values(path, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m btsr_core.book.build",
        description="Execute the chapters that changed, and build the book into _build/html.",
    )
    parser.add_argument("--dataset", help="a named dataset (see `btsr datasets`), or a file")
    parser.add_argument(
        "-p",
        dest="parameters",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a parameter for every chapter that has it; may be repeated",
    )
    parser.add_argument("--jobs", type=int, default=2, help="chapters that run at once (2)")
    parser.add_argument("--force", action="store_true", help="execute and render everything again")
    return parser


def _given_values(options: argparse.Namespace) -> dict[str, str]:
    if options.jobs < 1:
        raise InputError(f"--jobs must be 1 or more, not {options.jobs}")
    return given_values(options.parameters, options.dataset)


def _forget(build: Path, jobs: Sequence[Job]) -> None:
    for stamp in [build / "html.json", *(job.stamp for job in jobs)]:
        stamp.unlink(missing_ok=True)
    shutil.rmtree(build / "sphinx", ignore_errors=True)


def _execute(jobs: Sequence[Job], root: Path, workers: int) -> dict[Path, str]:
    """Execute what changed; return what chapters said that could not be made, by their source."""
    code = code_hash(root)
    todo = [job for job in jobs if not job.is_done(code)]
    if len(todo) < len(jobs):
        _say(f"{len(jobs) - len(todo)} of {len(jobs)} chapters are unchanged")
    width = max((len(job.source.stem) for job in todo), default=0)
    failures, refusals = 0, {}
    for outcome in run_jobs(todo, code, root, workers):
        name = outcome.job.source.stem
        if outcome.failure is None:
            _say(f"{name:<{width}}  {outcome.seconds:6.1f} s")
        elif outcome.refusal is not None:
            refusals[outcome.job.source] = outcome.refusal
            _say(f"{name:<{width}}  {outcome.seconds:6.1f} s  cannot be made")
        else:
            failures += 1
            _say(f"{name:<{width}}  {outcome.seconds:6.1f} s  FAILED in {outcome.failure}")
            if outcome.job.unfinished.is_file():
                _say(f"  executed up to there: {outcome.job.unfinished}")
    if failures:
        raise BuildError(f"{failures} of {len(jobs)} chapters failed")
    return {job.source: refusals[job.source] for job in jobs if job.source in refusals}


def _stage(root: Path, stage: Path, jobs: Sequence[Job], refusals: Mapping[Path, str]) -> None:
    """Make a copy of the book with executed notebooks in place of the chapters that have code."""
    shutil.rmtree(stage, ignore_errors=True)
    executed = {job.source: job.notebook for job in jobs if job.source not in refusals}
    shutil.copytree(root / "book", stage / "book", ignore=shutil.ignore_patterns("*.md", ".*"))
    names = "|".join(re.escape(path.stem) for path in executed)
    links = re.compile(rf"\]\((\./)?({names})\.md(?=[#)])")
    for path in chapter_paths(root):
        target = stage / path.relative_to(root)
        if path in executed:
            # a chapter links to another's text, which readers of the text can follow
            text = executed[path].read_text(encoding="utf-8")
            write_text(target.with_suffix(".ipynb"), links.sub(r"](\1\2.ipynb", text))
        elif path in refusals:
            write_text(target, missing_page(path, refusals[path]))
        else:
            shutil.copy2(path, target)
    shutil.copy2(root / "_toc.yml", stage)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {**config.get("execute", {}), "execute_notebooks": "off"}
    write_text(stage / "_config.yml", yaml.safe_dump(config, sort_keys=False))


def _render(root: Path, stage: Path, *, strict: bool) -> None:
    """Turn the staged book into `_build/html`, unless that was made of the same files.

    Where a chapter is missing others may refer to what it defines, so warnings are no errors then.
    """
    build = root / "_build"
    record, html, output = build / "html.json", build / "html", build / "sphinx"
    made_of = {
        "code": code_hash(root),
        "mathjax": _is_at_hand(fetch_mathjax, "pages load it from a CDN"),
        "plotly.js": _is_at_hand(fetch_plotly_js, "pages load the whole of it, 5 MB"),
        **{
            path.relative_to(folder).as_posix(): sha256_file(path)
            for folder, pattern in ((stage, "*"), (PACKAGE, "*.js"), (PACKAGE, "*.css"))
            for path in folder.rglob(pattern)
            if path.is_file()
        },
    }
    if html.is_dir() and _recorded(record) == made_of:
        _say("the pages are unchanged")
        return
    started = time.perf_counter()
    record.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-c",
        JUPYTER_BOOK,
        "build",
        str(stage),
        "--path-output",
        str(output),
    ]
    done = subprocess.run(  # noqa: S603 (a fixed command, no shell)
        [*command, *JUPYTER_BOOK_OPTIONS, *(("-W",) if strict else ())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"NO_COLOR": "1"},
        text=True,
        check=False,
    )
    rendered = output / "_build" / "html"
    if done.returncode:
        raise BuildError(f"{done.stdout}\nJupyter Book failed; its log is above")
    if not (rendered / "index.html").is_file():  # other versions of Jupyter Book succeed without
        raise BuildError(f"{done.stdout}\nJupyter Book made no {rendered / 'index.html'}")
    replace_folder(rendered, html)
    write_json(record, made_of)
    _say(f"pages rendered in {time.perf_counter() - started:.1f} s")


def _is_at_hand(fetch: Callable[[], Path], else_what: str) -> bool:
    try:
        fetch()
    except InputError as error:
        _say(f"{error} Until then {else_what}.")
        return False
    return True


def _recorded(record: Path) -> object:
    return json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None


def _say(line: str) -> None:
    sys.stdout.write(printable(f"{line}\n"))
    sys.stdout.flush()  # progress is to be seen when the output goes to a file or a pipe, too


def _fail(message: str, status: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(printable(f"book: {message}\n"))
    return status


if __name__ == "__main__":
    sys.exit(main())
