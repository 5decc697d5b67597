"""What the wheel holds, and how a notebook installs it."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import torch_specinv

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "torch_specinv"
#: What is made by the build or by Python.
MADE = {".so", ".pyc", ".sources"}
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def test_the_wheel_has_every_file_that_is_no_python():
    patterns = SETUP["options.package_data"]["torch_specinv"].replace("\n", "").split(",")
    listed = {path for pattern in patterns for path in PACKAGE.glob(pattern.strip())}
    there = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in MADE | {".py"} and "__pycache__" not in path.parts
    }
    assert there
    assert {str(path.relative_to(PACKAGE)) for path in there ^ listed} == set()
    empty = [pattern for pattern in patterns if not any(PACKAGE.glob(pattern.strip()))]
    assert not empty, f"setup.cfg lists {empty}, and there is none"


def test_every_folder_is_a_package():
    """Folders without ``__init__.py`` are left out of a wheel, those of data are listed."""
    data = {"sounds", "template", "__pycache__"}
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    folders |= {path for path in PACKAGE.rglob("*") if path.is_dir() and path.name not in data}
    assert [str(path) for path in folders if not (path / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_by_installing(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert cells.index(first) == 1
    assert "".join(first["source"]) == FIRST_CELL


FIRST_CELL = "".join(json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))["cells"][1]["source"])


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Run the first cell where the package is missing, and return what was to be installed."""
    monkeypatch.chdir(tmp_path)
    ran = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: ran.append((command, check)))

    def run():
        exec(compile(FIRST_CELL, "first cell", "exec"), {})
        ((command, check),) = ran
        assert command[:5] == [sys.executable, "-m", "pip", "install", "-q"]
        assert check
        return [str(path) for path in command[5:]]

    return run


def test_the_first_cell_installs_what_lies_beside_it(installed):
    Path("torch_specinv-1.0.tar.gz").touch()
    assert installed() == ["torch_specinv-1.0.tar.gz"]


def test_the_first_cell_asks_for_it_in_colab(installed, monkeypatch):
    colab = ModuleType("google.colab")
    colab.files = SimpleNamespace(upload=lambda: {"torch_specinv-1.0.tar.gz": b"..."})
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert installed() == ["torch_specinv-1.0.tar.gz"]


def test_the_first_cell_says_what_is_missing(installed):
    with pytest.raises(FileNotFoundError, match="beside this notebook"):
        installed()


def test_the_first_cell_does_nothing_where_the_package_is(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    exec(compile(FIRST_CELL, "first cell", "exec"), {})


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {torch_specinv.__version__}\n" in text
    page = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
    assert f"Version {torch_specinv.__version__}" in page


def test_the_extras_that_are_named_exist():
    """Every ``torch_specinv[...]`` and ``".[...]"`` of the pages names extras of setup.cfg."""
    extras = set(SETUP["options.extras_require"])
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")]
    named = {
        (page.name, extra.strip())
        for page in pages
        for group in re.findall(r'(?:torch_specinv|"\.)\[([a-z, ]+)\]', page.read_text("utf-8"))
        for extra in group.split(",")
    }
    assert len(named) > 10
    assert {each for each in named if each[1] not in extras} == set()
