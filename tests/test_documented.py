"""The commands of README and CONTRIBUTING, run as they stand, on small data of the same names."""

import os
import re
import shutil
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from btsr_core.runs import finished

ROOT = Path(__file__).parents[1]
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
ELSEWHERE = {"make test", "make bench", "make lock"}
"""This is a part of the first; the others install libraries. That make knows them is tested."""
OF_OTHER_TESTS = {"jupyter-book build ."}
"""Run by `book/test_build.py`, with warnings as errors."""
STUDY = """
[models.ce]
regulariser = "none"

[models.bt]
regulariser = "barlow-twins"

[datasets.movietweetings-100k]
settings = { max_epochs = 1 }

[[plan]]
dataset = "movietweetings-100k"
part = "table"
models = ["ce", "bt"]
seeds = 1

[[plan]]
dataset = "movietweetings-100k"
part = "alpha"
models = ["bt"]
seeds = 1
grid.alpha = [0.0, 0.5]
"""

pytestmark = pytest.mark.notebooks


def blocks(language):
    """Return the code blocks of a language in all texts."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [block for path in TEXTS for block in pattern.findall(path.read_text())]


def in_blocks():
    """Return the commands of shell blocks, without their comments, in order."""
    lines = chain.from_iterable(block.replace("\\\n", " ").splitlines() for block in blocks("bash"))
    return [command for line in lines if (command := re.sub(r"\s+#.*", "", line).strip())]


def in_sentences():
    """Return the commands within sentences, each once."""
    texts = (re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
             for path in TEXTS)  # fmt: skip
    pattern = re.compile(r"`((?:make|btsr|pytest|jupyter-book) [^`]+)`")
    found = dict.fromkeys(chain.from_iterable(map(pattern.findall, texts)))
    return [command for command in found if command not in {*in_blocks(), *OF_OTHER_TESTS}]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with two chapters and a small study, its environment, and a mirror."""
    root = tmp_path_factory.mktemp("project")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "_config.yml"):
        shutil.copy2(ROOT / name, root)
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    (root / "book" / "study.toml").write_text(STUDY)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/training\nchapters: [{file: book/accuracy}]\n"
    )
    for name in ("training", "accuracy"):
        text = (ROOT / "book" / f"{name}.md").read_text()
        text = text.replace("max_epochs: int = 200", "max_epochs: int = 1")
        text = text.replace("n_seeds: int = 3", "n_seeds: int = 1")
        text = re.sub(r"\[\]\((?!accuracy|training)\w+\.md[^)]*\)", "", text)  # pages not here
        (root / "book" / f"{name}.md").write_text(text)
    shutil.copy2(ROOT / "book" / "slider.md", root / "book")  # which `make lab` opens
    walks = _walks()
    for name in ("ml-100k", "movietweetings-100k"):
        (root / "mirror" / name).mkdir(parents=True)
        walks.to_csv(root / "mirror" / name / "walks.csv", index=False)
    walks.set_axis(["user", "item", "when"], axis=1).to_csv(root / "my.csv", index=False)
    _link_environment(root / ".venv")
    return root


def _walks():
    """Return interactions of users who walk through 62 items in a loose order, from 50 to 172."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(150):
        length = rng.integers(8, 20)
        items = (rng.integers(62) + np.arange(length) + rng.integers(0, 3, length)) % 62
        times = rng.integers(0, 1000) + np.sort(rng.integers(0, 50, length))
        rows += [(f"u{user}", 50 + 2 * item, time) for item, time in zip(items, times, strict=True)]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def _link_environment(venv):
    """Make the environment of this Python the project's, complete as far as make can tell."""
    venv.mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith("."):
            (venv / path.name).symlink_to(path)
    for stamp in (".made", ".installed-book", ".installed-dev"):
        (venv / stamp).touch()


@pytest.fixture(scope="module")
def environment(project):
    """Return the variables that a documented command is run with."""
    config = project / "jupyter"
    config.mkdir()
    (config / "jupyter_server_config.json").write_text(
        '{"ServerApp": {"allow_root": true, "open_browser": false}}'
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BTSR_", "MAKE", "MFLAGS"))}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "small"), str(ROOT)]),
        "BTSR_MIRROR": str(project / "mirror"),
        "JUPYTER_CONFIG_DIR": str(config),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="module")
def run(project, environment):
    """Return what runs a command in the project; it must succeed."""

    def _run(command):
        done = subprocess.run(
            ["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return _run


@pytest.fixture(scope="module", autouse=True)
def recorded(run):
    """The small study, which the chapters show."""
    run(".venv/bin/btsr study")


@pytest.mark.parametrize("command", in_blocks())
def test_command_of_a_block(run, project, command):
    if command in ELSEWHERE:
        run(f"make --dry-run {command.removeprefix('make ')}")
        return
    if "RUN" in command:
        if not finished(project / "runs"):  # another process may have had the command before
            run(next(one for one in in_blocks() if "btsr train" in one))
        command = command.replace("RUN", finished(project / "runs")[0].name)
    run(command)


@pytest.mark.parametrize("block", blocks("python"))
def test_python_block(run, block):
    run(f".venv/bin/python - <<'END'\n{block}\nEND")


@pytest.mark.parametrize("command", in_sentences())
def test_command_of_a_sentence(run, project, environment, command):
    if command in ELSEWHERE:
        run(f"make --dry-run {command.removeprefix('make ')}")
    elif command.startswith("make lab"):
        _open_lab(command, project, environment)
    elif command.startswith("pytest"):
        assert (ROOT / command.split()[1]).is_file()
    elif command.startswith("btsr"):
        named = command.replace("DATASET", "movietweetings-100k --status")
        run(f".venv/bin/{named}{' --help' * (command in {'btsr train', 'btsr recommend'})}")
    else:
        run(command)


def _open_lab(command, project, environment):
    """Start JupyterLab, wait until it says where it is, and stop it."""
    server = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=project, env=environment, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        said = next(line for line in server.stderr if "/lab" in line and "token=" in line)
        assert "http://" in said
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def test_nothing_is_missed():
    """What the patterns are to find; a text without a command would pass unseen."""
    assert len(in_blocks()) >= 15
    assert {"make lab", "make help", "btsr datasets"} <= set(in_sentences())
