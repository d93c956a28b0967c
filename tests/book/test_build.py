"""The build of the book, on a book of one or two toy chapters."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from made_up import write_results

from btsr_core.book import build
from btsr_core.book.chapters import read_chapter
from btsr_core.book.execute import Job, code_hash, run_jobs
from btsr_core.errors import InputError
from btsr_core.files import replace_folder
from btsr_core.runs import finished, load_run

ROOT = Path(__file__).parents[2]

CHAPTER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {title}

What is twice alpha? See [the other](other.md).

```{{code-cell}} ipython3
:tags: [parameters]

alpha: float = 0.2  # a number
{more}
```

```{{code-cell}} ipython3
from btsr_core.book.parameters import read_parameters

p = read_parameters(globals())
```

```{{code-cell}} ipython3
import sys

print("standard", "error", file=sys.stderr)
double = 2 * p.alpha
print(double)
```
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A book of two chapters, in a folder that becomes the working directory."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for folder in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / folder, tmp_path / "book" / folder)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/toy\nchapters:\n- file: book/other\n"
    )
    (tmp_path / "book" / "toy.md").write_text(CHAPTER.format(title="Toy", more=""))
    (tmp_path / "book" / "other.md").write_text(
        CHAPTER.format(title="Other", more="seed: int = 1  # another").replace("p.alpha", "p.seed")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def papermill(*arguments):
    command = [sys.executable, "-m", "papermill", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def printed(notebook):
    """Return what the cells of an executed notebook printed."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(o["text"] for o in outputs if o.get("name") == "stdout")


def execute_here(chapter, given):
    """Execute a chapter with values of parameters, without papermill and a kernel's start."""
    names = {}
    for cell in read_chapter(ROOT / "book" / f"{chapter}.md").cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            names |= given if "parameters" in cell.metadata.get("tags", ()) else {}


@pytest.mark.notebooks
class TestPapermill:
    @pytest.mark.parametrize(
        ("folder", "chapter"),
        [
            (".", "book/toy.md"),
            (".", "{project}/book/toy.md"),
            ("book", "toy.md"),
            ("..", "{project.name}/book/toy.md"),
            ("_build", "../book/toy.md"),
        ],
    )
    def test_runs_a_chapter_from_anywhere(self, project, monkeypatch, folder, chapter):
        """And the chapter knows its project, whose records and runs are its own."""
        (project / "_build").mkdir()
        toy = project / "book" / "toy.md"
        where = "\nfrom btsr_core.files import project_root\nprint(project_root())\n"
        toy.write_text(toy.read_text().replace("print(double)\n", f"print(double){where}"))
        monkeypatch.chdir(project / folder)
        chapter = chapter.format(project=project)
        done = papermill(chapter, "out.ipynb", "-p", "alpha", "0.4")
        assert done.returncode == 0, done.stderr
        assert "does not end in" not in done.stderr
        assert printed("out.ipynb") == f"0.8\n{project}\n"
        Path("out.ipynb").unlink()

    def test_runs_a_notebook_and_keeps_to_the_folder(self, project):
        (project / "elsewhere").mkdir()
        done = papermill("./book/toy.md", "./out.ipynb", "--cwd", "elsewhere")
        assert done.returncode == 0, done.stderr
        done = papermill("./out.ipynb", "./again.ipynb", "-p", "alpha", "1")
        assert done.returncode == 0, done.stderr
        assert printed("again.ipynb") == "2.0\n"
        assert not list((project / "elsewhere").iterdir())

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("alhpa", "0.4", "unknown parameter 'alhpa'; did you mean 'alpha'?"),
            ("alpha", "banana", "parameter 'alpha' must be a number (float), not 'banana'"),
        ],
    )
    def test_refuses(self, project, name, value, message):
        done = papermill("book/toy.md", "out.ipynb", "-p", name, value)
        assert done.returncode != 0
        assert message in done.stderr

    def test_never_overwrites_a_chapter(self, project):
        before = (project / "book" / "toy.md").read_text()
        assert papermill("book/toy.md", "book/toy.md").returncode != 0
        assert (project / "book" / "toy.md").read_text() == before


@pytest.mark.notebooks
class TestBuild:
    def test_twice(self, project, capsys):
        assert build.main([]) == 0
        html = project / "_build" / "html"
        assert (html / "index.html").is_file()
        page = (html / "book" / "toy.html").read_text()
        assert "0.4" in page
        assert "standard error" not in page
        assert 'href="other.html"' in page
        assert list((html / "_static").glob("plotly*.js"))
        assert (html / ".nojekyll").is_file()
        assert capsys.readouterr().out.rstrip().endswith((html / "index.html").as_uri())

        made = (html / "index.html").stat().st_mtime_ns
        assert build.main([]) == 0
        assert "2 of 2 chapters are unchanged\nthe pages are unchanged" in capsys.readouterr().out
        assert (html / "index.html").stat().st_mtime_ns == made

    def test_failing_chapter_is_told_in_a_few_lines(self, project, capsys):
        chapter = project / "book" / "toy.md"
        chapter.write_text(chapter.read_text().replace("2 * p.alpha", "2 * p.alpha / 0"))
        assert build.main([]) == 1
        told = capsys.readouterr()
        assert "FAILED in cell In[3]:" in told.out
        assert "> " in told.out
        assert "double = 2 * p.alpha / 0" in told.out
        assert "ZeroDivisionError" in told.out
        assert "1 of 2 chapters failed" in told.err
        assert len((told.out + told.err).splitlines()) < 20
        assert not (project / "_build" / "html").exists()

    def test_a_chapter_without_its_data_is_a_page_that_says_so(self, project, capsys):
        chapter = project / "book" / "other.md"
        whole = chapter.read_text()
        said = "nowhere.csv is neither a dataset nor a file: `get` <b>it</b> from ```there```"
        cell = f"from btsr_core.errors import InputError\n\nraise InputError({said!r})"
        chapter.write_text(whole.replace("double = 2 * p.seed", cell))
        first = project / "book" / "toy.md"
        first.write_text(first.read_text() + "\nMore [there](other.md#nowhere).\n")
        assert build.main([]) == 1
        told = capsys.readouterr()
        assert told.err == f"book: 1 of 2 chapters are missing from it:\n  other: {said}\n"
        pages = {page: (project / f"_build/html/book/{page}.html").read_text()
                 for page in ("toy", "other")}  # fmt: skip
        assert "0.4" in pages["toy"]
        assert "<h1>Other" in pages["other"]
        assert "This chapter is missing" in pages["other"]
        assert "`get` &lt;b&gt;it&lt;/b&gt; from ```there```" in pages["other"]
        first.write_text(first.read_text().replace("#nowhere", ""))
        chapter.write_text(whole)
        assert build.main([]) == 0
        assert "is missing" not in (project / "_build/html/book/other.html").read_text()

    def test_warnings_fail_and_leave_the_book(self, project, capsys):
        html = project / "_build" / "html"
        html.mkdir(parents=True)
        (html / "index.html").write_text("the last book")
        chapter = project / "book" / "toy.md"
        chapter.write_text(chapter.read_text() + "\n{ref}`nowhere`\n")
        assert build.main([]) == 1
        assert "undefined label: 'nowhere'" in capsys.readouterr().err
        assert (html / "index.html").read_text() == "the last book"

    def test_plain_jupyter_book(self, project):
        command = [sys.executable, "-c", build.JUPYTER_BOOK, "build", ".", "-W", "-n"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        page = (project / "_build" / "html" / "book" / "toy.html").read_text()
        assert "0.4" in page
        assert "standard error" not in page


@pytest.mark.notebooks
class TestChapters:
    """The chapters themselves, on a small file and with another pair than the default."""

    SMALL = (
        "-p", "k_core", "2", "-p", "cutoff_quantile", "0.8", "-p", "max_epochs", "2",
    )  # fmt: skip

    @pytest.fixture
    def run(self, tiny_csv, tmp_path, monkeypatch):
        monkeypatch.chdir(ROOT)

        def _run(chapter, *options):
            return papermill(
                f"book/{chapter}.md", f"{tmp_path}/out.ipynb", "-p", "dataset", str(tiny_csv),
                "-p", "runs", str(tmp_path / "runs"), *options,
            )  # fmt: skip

        return _run

    @pytest.mark.parametrize("chapter", ["introduction", "loss", "training"])
    def test_another_pair(self, run, tmp_path, chapter):
        seeds = () if chapter == "loss" else ("-p", "n_seeds", "1")
        pair = ("-p", "objective", "bce", "-p", "regulariser", "vicreg")
        settings = ("-p", "settings", "n_negatives=4, view=crop dim=8")
        done = run(chapter, *self.SMALL, *seeds, *pair, *settings)
        assert done.returncode == 0, done.stderr
        said = (tmp_path / "out.ipynb").read_text()
        assert "SASRec-BCE + VICReg (crop view)" in said
        found = [load_run(path).experiment for path in finished(tmp_path / "runs")]
        assert {one.loss.regulariser.name for one in found} == {"none", "vicreg"}
        for one in found:
            assert (one.loss.objective.n_negatives, one.model.dim) == (4, 8)

    @pytest.mark.parametrize("chapter", ["introduction", "loss", "training"])
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"alpha": 0}, "alpha = 0: a model with a regulariser is compared"),
            ({"regulariser": "none"}, "regulariser = 'none': a model with a regulariser"),
            ({"regulariser": "vicreg", "lam": 0.3}, "it belongs to barlow-twins"),
            ({"settings": "batchsize=2"}, "unknown setting 'batchsize'"),
        ],
    )
    def test_refuses(self, tiny_csv, tmp_path, monkeypatch, chapter, options, said):
        monkeypatch.chdir(ROOT)
        given = {"dataset": str(tiny_csv), "runs": str(tmp_path / "runs"), **options}
        with pytest.raises(InputError, match=re.escape(said)):
            execute_here(chapter, given)
        assert not (tmp_path / "runs").exists()

    def test_own_regulariser(self, run, tmp_path):
        done = run(
            "extend", "-p", "k_core", "2", "-p", "cutoff_quantile", "0.8", "-p", "max_epochs", "2"
        )
        assert done.returncode == 0, done.stderr
        said = (tmp_path / "out.ipynb").read_text()
        assert "def vicreg(" in said
        assert "def test_vicreg_is_its_definition" in said
        assert "SASRec-CE + VICReg trained like every other system" in said

    def test_cost(self, tmp_path, monkeypatch):
        monkeypatch.chdir(ROOT)
        folder, out = write_results(tmp_path / "results"), tmp_path / "out.ipynb"
        done = papermill("book/cost.md", str(out), "-p", "results", str(folder))
        assert done.returncode == 0, done.stderr
        said = out.read_text()
        assert "An epoch of SASRec-CE takes 10 s" in said
        assert "SASRec-SCE is 8.7 times as fast as one of SASRec-CE" in said
        assert "Times that, in time and in memory: BT-SR 1.1 and 1.1" in said
        assert said.count("application/vnd.plotly.v1+json") == 8

    def test_cost_of_nothing_recorded(self, tmp_path, monkeypatch):
        monkeypatch.chdir(ROOT)
        out = str(tmp_path / "out.ipynb")
        done = papermill("book/cost.md", out, "-p", "results", str(tmp_path / "results"))
        assert done.returncode != 0
        assert "systems.json: nothing has been measured yet. Run `make bench`" in done.stderr


class TestPlan:
    def test_each_chapter_gets_what_it_has(self, project):
        toy, other = build.plan(project, {"alpha": "0.5", "seed": "3"})
        assert toy.values == {"alpha": 0.5}
        assert other.values == {"alpha": 0.5, "seed": 3}
        assert toy.notebook == project / "_build" / "executed" / "book" / "toy.ipynb"

    def test_chapters_of_the_study_get_no_settings_of_one_loss(self):
        given = {"objective": "bce", "settings": "n_negatives=16,batch_size=64 view=crop"}
        jobs = {job.source.stem: job.values for job in build.plan(ROOT, given)}
        assert jobs["training"] == given
        assert jobs["accuracy"] == {"settings": "batch_size=64"}

    def test_pages_without_code_are_not_executed(self, project):
        (project / "book" / "other.md").write_text("# Words\n\nNo code.\n")
        assert [job.source.stem for job in build.plan(project, {})] == ["toy"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["-p", "alhpa=1"], "did you mean 'alpha'"),
            (
                ["-p", "alpha=banana"],
                "book/toy.md: parameter 'alpha' must be a number (float), not 'banana'",
            ),
            (["-p", "seed=-1"], "book/other.md: seed = -1"),
            (["-p", "alpha"], "write -p NAME=VALUE"),
            (["--jobs", "0"], "--jobs must be 1 or more"),
            (["--dataset", "absent.csv"], "neither a file nor a dataset"),
        ],
    )
    def test_refused_before_anything_runs(self, project, capsys, arguments, message):
        assert build.main(arguments) == 2
        assert message in capsys.readouterr().err
        assert not (project / "_build").exists()

    @pytest.mark.parametrize("chapter", ["toy", "other"])
    def test_a_refusal_names_the_chapter_and_its_parameter(self, project, capsys, chapter):
        """Of chapters that train what they are told, and of those that the study tells."""
        own = {
            "toy": "max_epochs: int = 200  # most epochs",
            "other": 'study: str = ""  # a file\nmax_epochs: int = 0  # likewise',
        }[chapter]
        more = f'settings: str = ""  # further ones\n{own}'
        (project / "book" / f"{chapter}.md").write_text(CHAPTER.format(title="Toy", more=more))
        assert build.main(["-p", "settings=max_epochs=20"]) == 2
        assert capsys.readouterr().err == (
            f"book: book/{chapter}.md: settings = 'max_epochs=20': this chapter has the parameter "
            "max_epochs; set that and leave max_epochs out of settings\n"
        )
        assert not (project / "_build").exists()
        jobs = build.plan(project, {"max_epochs": "20"})
        assert [job.values for job in jobs if job.source.stem == chapter] == [{"max_epochs": 20}]

    def test_files_are_found_from_anywhere(self, project):
        (project / "my.csv").touch()
        options = build._parser().parse_args(["--dataset", "my.csv"])
        assert build._given_values(options) == {"dataset": str(project / "my.csv")}


class TestSkipping:
    @pytest.fixture
    def job(self, project):
        job = Job(project / "book" / "toy.md", project / "toy.ipynb", {"alpha": 0.4})
        job.notebook.touch()
        job.stamp.write_text(json.dumps(job.ingredients("code")))
        return job

    def test_done(self, job):
        assert job.is_done("code")

    def test_other_code(self, job):
        assert not job.is_done("other code")

    def test_other_text(self, job):
        job.source.write_text(job.source.read_text() + "\nMore.\n")
        assert not job.is_done("code")

    def test_other_text_that_it_shows(self, project):
        (project / "shown.py").write_text("one = 1\n")
        chapter = project / "book" / "toy.md"
        chapter.write_text(chapter.read_text() + '\nSee "shown.py" and "absent.py".\n')
        toy, other = build.plan(project, {})
        assert (toy.shows, other.shows) == ((project / "shown.py",), ())
        toy.notebook.parent.mkdir(parents=True)
        toy.notebook.touch()
        toy.stamp.write_text(json.dumps(toy.ingredients("code")))
        assert toy.is_done("code")
        (project / "shown.py").write_text("one = 2\n")
        assert not toy.is_done("code")

    @pytest.mark.parametrize("given", ["", "measured"])
    def test_other_measurements(self, project, given):
        """Of the chapter that takes them, wherever they lie; of no other."""
        folder = project / (given or "benchmarks/results")
        chapter = project / "book" / "toy.md"
        chapter.write_text(CHAPTER.format(title="Toy", more='results: str = ""  # a folder'))
        values = {"results": given} if given else {}
        toy, other = build.plan(project, values)
        assert toy.shows == other.shows == ()
        toy.notebook.parent.mkdir(parents=True)
        toy.notebook.touch()
        toy.stamp.write_text(json.dumps(toy.ingredients("code")))
        assert toy.is_done("code")
        folder.mkdir(parents=True)
        for text in ("one", "two"):
            (folder / "systems.json").write_text(text)
            toy, other = build.plan(project, values)
            assert (toy.shows, other.shows) == ((folder / "systems.json",), ())
            assert not toy.is_done("code")
            toy.stamp.write_text(json.dumps(toy.ingredients("code")))
        assert toy.is_done("code")

    def test_other_records(self, project):
        """Of a chapter of the study, and the study itself."""
        chapter, records = project / "book" / "toy.md", project / "book" / "results" / "walks"
        more = 'study: str = ""  # a file\nresults: str = ""  # a folder'
        chapter.write_text(CHAPTER.format(title="Toy", more=more))
        study = project / "book" / "study.toml"
        study.write_text("")
        records.mkdir(parents=True)
        (records / "a.parquet").write_text("one")
        toy, other = build.plan(project, {})
        assert set(toy.shows) == {study, records / "a.parquet"}
        assert other.shows == ()
        toy.notebook.parent.mkdir(parents=True)
        toy.notebook.touch()
        toy.stamp.write_text(json.dumps(toy.ingredients("code")))
        assert toy.is_done("code")
        (records / "b.parquet").write_text("two")
        toy, _ = build.plan(project, {})
        assert not toy.is_done("code")

    def test_other_values(self, job):
        assert not Job(job.source, job.notebook, {}).is_done("code")

    def test_lost_notebook(self, job):
        job.notebook.unlink()
        assert not job.is_done("code")

    def test_other_data_in_the_same_file(self, project):
        data = project / "my.csv"
        data.write_text("one")
        job = Job(project / "book" / "toy.md", project / "toy.ipynb", {"dataset": str(data)})
        job.notebook.touch()
        job.stamp.write_text(json.dumps(job.ingredients("code")))
        assert job.is_done("code")
        data.write_text("two")
        assert not job.is_done("code")

    def test_code_is_the_package_and_the_pins(self, project):
        before = code_hash(project)
        (project / "constraints.txt").write_text("numpy==2.0.0\n")
        assert code_hash(project) != before


def test_nothing_to_run_starts_nothing(tmp_path):
    assert list(run_jobs([], "code", tmp_path, 2)) == []


def test_staged_book_is_exchanged_whole(tmp_path):
    new, old = tmp_path / "new", tmp_path / "html"
    for folder in (new, old):
        folder.mkdir()
    (new / "a.html").touch()
    (old / "stale.html").touch()
    replace_folder(new, old)
    assert [path.name for path in old.iterdir()] == ["a.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["html", "new"]


def test_unknown_page_in_contents(project):
    (project / "_toc.yml").write_text("format: jb-book\nroot: book/absent\n")
    with pytest.raises(InputError, match="does not exist"):
        build.plan(project, {})
