"""The reference lists every public name once."""

from __future__ import annotations

import inspect
import re
import runpy
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import torch_specinv
from tests.test_docs import own
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS

DOCS = Path(torch_specinv.__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "reference").glob("*.md"))
LINE = re.compile(
    r"\.\. (?:currentmodule|automodule):: (?P<module>\S+)"
    r"|\.\. py:\w+:: (?P<brief>[\w.]+)|   ~?(?P<name>[a-zA-Z][\w.]+)$"
)


def listed(kind: str) -> list[str]:
    """Return what all pages list, with the module that holds where it stands."""
    names: list[str] = []
    for page in PAGES:
        module = ""
        for line in map(LINE.match, page.read_text(encoding="utf-8").splitlines()):
            if line:
                module = line["module"] or module
                names += [f"{module}.{line[kind]}"] if line[kind] else []
    return names


#: The names that have a page, and those that only stand on a page of others.
NAMES, BRIEF = listed("name"), listed("brief")
SHOWN = runpy.run_path(str(DOCS / "members.py"))
#: Modules whose ``__all__`` is for users. Of others it is what the package itself imports.
PUBLIC = (
    "torch_specinv",
    *(
        f"torch_specinv.{name}"
        for name in ("algorithms", "corpus", "export", "losses", "methods", "metrics", "nn")
    ),
)
#: What they have for the rest of the package.
WITHIN = {"FROM_ERROR", "Metric", "resolve_metrics", "__version__"}


def found(name: str) -> Any:
    """Return what a dotted name means."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_listed_exists(name: str) -> None:
    assert found(name).__doc__


def test_nothing_is_listed_twice() -> None:
    objects = {name: found(name) for name in NAMES}
    assert [name for name, count in Counter(NAMES + BRIEF).items() if count > 1] == []
    by_object: dict[int, list[str]] = {}
    for name, thing in objects.items():
        by_object.setdefault(id(thing), []).append(name)
    assert [names for names in by_object.values() if len(names) > 1] == []


@pytest.mark.parametrize("module", PUBLIC)
def test_all_public_names_are_listed(module: str) -> None:
    there = {id(found(name)) for name in NAMES + BRIEF}
    room = import_module(module)
    missing = [
        name
        for name in set(room.__all__) - WITHIN
        if id(getattr(room, name)) not in there and not isinstance(getattr(room, name), ModuleType)
    ]
    assert not missing, f"docs/reference lacks these of {module}: {missing}"


def test_every_method_and_phase_initialization_is_listed() -> None:
    there = {id(inspect.unwrap(found(name))) for name in NAMES}
    things = [*own(ALGORITHMS).values(), *own(PHASES).values()]
    assert [thing for thing in things if id(thing) not in there] == []


def test_every_page_of_the_reference_can_be_reached() -> None:
    index = (DOCS / "api.md").read_text(encoding="utf-8")
    toctree = set(re.findall(r"^reference/(\w+)$", index, re.MULTILINE))
    assert toctree == {page.stem for page in PAGES}
    assert set(re.findall(r"\(reference/(\w+)\.md\)", index)) == toctree


def test_pages_differ_on_systems_that_ignore_capitals() -> None:
    files = Counter(SHOWN["FILES"].get(name, name).lower() for name in NAMES)
    assert [file for file, count in files.items() if count > 1] == []


@pytest.mark.parametrize("name", SHOWN["MEMBERS"])
def test_members_of_classes_exist(name: str) -> None:
    assert name in NAMES
    ours = [module for module in sys.modules if module.startswith("torch_specinv")]
    source = "".join(
        inspect.getsource(kind) for kind in found(name).__mro__ if kind.__module__ in ours
    )
    for member in filter(None, SHOWN["MEMBERS"][name].split(", ")):
        # a method, or an attribute of the class or of what it makes
        assert re.search(rf"def {member}\(|^    {member}: |self\.{member}\b", source, re.MULTILINE)
