"""pyproject.toml, constraints.txt, environment.yml and .binder say the same."""

import importlib
import json
import os
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GROUPS = {"core": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
DIRECT = [Requirement(line) for group in GROUPS.values() for line in group]
PINS = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1]
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_direct_dependencies_are_pinned_within_their_range(requirement):
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_pins_hold_anywhere():
    """No build of one machine (torch's +cpu), no file or folder, not this project itself."""
    for name, version in PINS.items():
        assert re.fullmatch(r"[\w.]+", version), f"{name}=={version}"
    assert canonicalize_name(PROJECT["name"]) not in PINS


@pytest.mark.parametrize(
    "name",
    ["torch", "jupyterlab", "jupytext", "papermill", "plotly", "ipywidgets", "pandas", "nbval"],
)
def test_environment_has(name):
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip[0] == "-c constraints.txt"
    extras = re.fullmatch(r"-e \.\[(.+)\]", pip[1])[1].split(",")
    installed = [line for group in ["core", *extras] for line in GROUPS[group]]
    assert name in {Requirement(line).name for line in installed}


@pytest.mark.parametrize("name", ["environment.yml", ".binder/environment.yml"])
def test_environment_has_a_supported_python(name):
    dependencies = yaml.safe_load((ROOT / name).read_text())["dependencies"]
    (python,) = [entry for entry in dependencies if str(entry).startswith("python=")]
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert supported.contains(python.removeprefix("python="))


def test_binder_installs_the_pinned_versions():
    """As `make book` does, but torch always without CUDA, for which Binder has no room."""
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK), "repo2docker executes it"
    lines = script.read_text().replace("\\\n", " ").splitlines()
    (install,) = [shlex.split(line) for line in lines if "pip install" in line]
    options = dict(pairwise(install))
    assert options["-c"] == "constraints.txt"
    assert options["--extra-index-url"] == "https://download.pytorch.org/whl/cpu"
    assert re.fullmatch(r"\.\[(\w+)\]", options["-e"])[1] in GROUPS


def test_binder_opens_chapters_as_the_lab_does():
    """A click on a chapter opens a notebook, whichever of the two has set the lab up."""
    setting = re.compile(r"^\s*@?echo '(\{.+\})'", re.M)
    assert setting.findall((ROOT / ".binder" / "postBuild").read_text()) == setting.findall(
        (ROOT / "Makefile").read_text()
    )


def test_nbconvert_is_told_to_draw_figures():
    """By the wheel, by `make`, whose installation is an editable one, and on Binder."""
    name = "btsr_core/book/jupyter_nbconvert_config.json"
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["setuptools"]["data-files"] == {"etc/jupyter": [name]}
    for script in ("Makefile", ".binder/postBuild"):
        assert re.search(rf"cp {name} .*(/etc/jupyter|\$config)", (ROOT / script).read_text())
    config = json.loads((ROOT / name).read_text())
    (preprocessor,) = config["HTMLExporter"]["preprocessors"]
    module, _, function = preprocessor.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))
