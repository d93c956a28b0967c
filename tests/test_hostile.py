"""A book of a file that is markup and script throughout: its pages show text, and run nothing."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from made_up_data import COLUMNS, hostile_csv
from test_browser import DRAWN, ROOT
from test_lab import IS_IDLE, running_lab

pytestmark = pytest.mark.browser

CHAPTERS = ("data", "training", "slider", "study", "accuracy", "power", "your-data")
"""Those that show names and ids; all others show a subset of what these do."""
STUDY = """
[models.sasrec-ce]
objective = "ce"
regulariser = "none"

[models.bt-sr]
objective = "ce"
regulariser = "barlow-twins"

[datasets]

[[other.plan]]
part = "table"
models = ["sasrec-ce", "bt-sr"]
seeds = 1

[[other.plan]]
part = "alpha"
models = ["bt-sr"]
seeds = 1
grid.alpha = [0.0, 0.2]
"""
INTRUDERS = """[...document.querySelectorAll(
    'img[src="x"], .hostile, [onerror], a[href*="hostile.invalid"], .cell_output mjx-container, ' +
    '.jp-OutputArea mjx-container, .main-svg a, .btsr-explorer mjx-container'
)].concat([...document.scripts].filter(script => script.textContent.trim() === 'alert(1)'))
.map(element => element.outerHTML)"""
TOLD = "script><img src=x onerror=alert(1)><script>alert(1)<script><b class='hostile'>R&D<b> a<b"
"""How the name of the file begins."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The built book, in a folder of its own."""
    folder = tmp_path_factory.mktemp("hostile") / "project"
    (folder / "book").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", folder)
    for name in ("_static", "_templates", "paper"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    for name in CHAPTERS:
        text = (ROOT / "book" / f"{name}.md").read_text()
        for link in {path.stem for path in (ROOT / "book").glob("*.md")} - set(CHAPTERS):
            text = text.replace(f"[]({link}.md)", link)
        (folder / "book" / f"{name}.md").write_text(text)
    (folder / "book" / "study.toml").write_text(STUDY)
    first, *others = (f"book/{name}" for name in CHAPTERS)
    toc = {"format": "jb-book", "root": first, "chapters": [{"file": name} for name in others]}
    (folder / "_toc.yml").write_text(json.dumps(toc))
    values = dict(zip(("user_col", "item_col", "time_col"), COLUMNS, strict=True))
    values |= {"n_seeds": 1, "max_epochs": 2, "settings": "dim=8 n_blocks=1 batch_size=16"}
    command = [sys.executable, "-m", "btsr_core.book.build", "--dataset", hostile_csv(folder)]
    for name, value in values.items():
        command += ["-p", f"{name}={value}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return folder


@pytest.fixture
def watched(new_context):
    """A page that asks no other machine for anything, and what went wrong on it."""
    context = new_context()
    page, faults = context.new_page(), []

    def dismiss(dialog):
        if dialog.type != "beforeunload":  # JupyterLab's own, before a changed notebook is left
            faults.append(f"dialog: {dialog.message}")
        dialog.accept()

    def keep_in(route):
        url = route.request.url
        inside = url.startswith(("file:", "data:", "blob:", "http://127.0.0.1"))
        route.continue_() if inside else route.abort()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: faults.append(str(error)))
    context.route("**/*", keep_in)
    return page, faults


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_page_shows_text(project, watched, chapter):
    page, faults = watched
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto((project / "_build" / "html" / "book" / f"{chapter}.html").as_uri())
    page.wait_for_function(DRAWN)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate(INTRUDERS) == []
    assert faults == []
    shown = page.locator("article").inner_text()
    assert TOLD in shown
    if chapter in ("training", "slider"):  # which list items
        assert "<b class='hostile'>R&D</b> a<b &lt; <a href=" in shown
        assert "$x$ $$y$$ \\(z\\)</a> {{ x }} `tick` %{y} </td></title>" in shown


@pytest.mark.parametrize("chapter", ["power", "training"])
def test_notebook_as_a_page_draws_its_figures(project, watched, chapter, tmp_path):
    """By nbconvert, from a notebook that holds no script, on a page that loads none."""
    page, faults = watched
    notebook = project / "_build" / "executed" / "book" / f"{chapter}.ipynb"
    text = notebook.read_text(encoding="utf-8")
    figures = text.count('"application/vnd.plotly.v1+json"')
    assert figures > 1
    assert len(text) < 500_000
    # as it is installed, see pyproject.toml
    folders = {"JUPYTER_CONFIG_PATH": str(ROOT / "btsr_core" / "book")}
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "html",
        "--output-dir",
        tmp_path,
        notebook,
    ]
    subprocess.run(command, env=os.environ | folders, check=True, capture_output=True)
    page.goto((tmp_path / f"{chapter}.html").as_uri())
    page.wait_for_function(DRAWN)
    assert page.locator(".btsr-figure .main-svg:first-child path").count() > figures
    assert page.locator(".btsr-figure:has(.main-svg)").count() == figures
    assert page.evaluate(INTRUDERS) == []
    assert not [fault for fault in faults if "dialog" in fault]


def test_jupyterlab_shows_text(project, watched, tmp_path):
    """All cells run again, so that JupyterLab trusts what they show."""
    page, faults = watched
    (tmp_path / "project").symlink_to(project)
    for chapter in ("training", "power"):
        done = project / "_build" / "executed" / "book" / f"{chapter}.ipynb"
        shutil.copy(done, project / "book" / done.name)
    with running_lab(tmp_path) as address:
        for chapter in ("training", "power"):
            page.goto(f"{address}/lab/tree/book/{chapter}.ipynb?token=slider&reset")
            page.wait_for_selector(".jp-Notebook .jp-CodeCell")
            page.wait_for_function(IS_IDLE)
            page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait_for_function(IS_IDLE)
            page.wait_for_selector(".jp-Notebook .main-svg")
            assert page.locator("[data-mime-type*=error]").all_inner_texts() == []
            assert page.evaluate(INTRUDERS) == []
            assert "<script>alert(1)" in page.locator(".jp-Notebook").inner_text()
    # an event: JupyterLab could not load a script from another machine, as `watched` has it
    assert [fault for fault in faults if fault != "Event"] == []
