"""Imports only go down, heavy packages stay out, and the public names are the ones promised."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import torch_specinv

PACKAGE = Path(torch_specinv.__file__).parent

# Each floor may import the floors below it. Files of one folder share its floor and may import
# each other.
FLOORS = [
    {
        "version",
        "errors",
        "forks",
        "helpers",
        "tensors",
        "negative",
        "derivatives",
        "checks",
        "plugins",
        "registry",
    },
    {"transform"},
    {"images"},
    {"metrics", "losses", "mel", "native", "io", "players"},
    {"constraints", "doctor", "plots"},
    {"phase", "solve"},
    {"engines", "inexact", "optimize", "online"},
    {"algorithms", "config"},
    {"inversion"},
    {"methods"},
    {"nn", "export"},
    {"comparing", "long", "live"},
    {"report", "corpus"},
    {"cli"},
    {"__main__"},
]
# Within the lowest floor, in order
LOWEST = [
    "version",
    "derivatives",
    "errors",
    "forks",
    "helpers",
    "tensors",
    "negative",
    "checks",
    "plugins",
    "registry",
]
# The only places that may import these, and how
ONLY_IN = {
    "tqdm": {"solve/progress.py"},
    "soundfile": {"io/audio.py", "io/audio_writing.py", "io/encode.py"},
    "matplotlib": {"plots/drawing.py", "images/colour_maps.py"},
    "PIL": {"io/pictures.py"},
    "jsonargparse": {"cli/parser.py"},
    "librosa": {
        "comparing/degrade.py",
        "comparing/music.py",
        "comparing/peers.py",
        "comparing/speech.py",
        "transform/filter_banks.py",
    },
    "h5py": {"io/readers/hdf5.py"},
    "pyarrow": {
        "io/readers/parquet.py",
        "corpus/arrow_files.py",
        "corpus/filing.py",
        "corpus/manifest.py",
        "corpus/ray_data.py",
        "corpus/reading.py",
        "corpus/sinks.py",
        "corpus/tabular.py",
        "corpus/verify.py",
    },
    "ray": {"corpus/ray_data.py"},
    "safetensors": {"io/readers/safetensors_files.py"},
    "sounddevice": {"live/devices.py", "players.py"},
    "jinja2": {"report/page.py"},
    "IPython": {"players.py"},
    "triton": {"engines/triton_kernels.py"},
    "scipy": set(),
    "numba": set(),
    "torchaudio": set(),
}


def imports():
    """Yield (file, absolute module imported) for every import statement of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield file, alias.name
            elif isinstance(node, ast.ImportFrom):
                if node.level == 0:
                    yield file, node.module
                    continue
                base = ["torch_specinv", *file.parent.parts]
                base = base[: len(base) - node.level + 1]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                for name in names:
                    yield file, ".".join([*base, name])


def test_imports_only_go_down():
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__", "py"} == floor.keys()
    seen = 0
    for file, module in imports():
        if not module.startswith("torch_specinv.") or file == Path("__init__.py"):
            continue
        seen += 1
        here, there = file.parts[0].removesuffix(".py"), module.split(".")[1]
        if here == there:
            continue
        if {here, there} <= FLOORS[0]:
            assert LOWEST.index(there) < LOWEST.index(here), f"{file} imports {module}"
        else:
            assert floor[there] < floor[here], f"{file} imports {module}"
    assert seen > 50


def test_heavy_packages_have_one_place():
    for file, module in imports():
        package = module.split(".")[0]
        if package in ONLY_IN:
            assert str(file) in ONLY_IN[package], f"{file} imports {module}"


def test_import_is_light():
    code = """
import sys, torch
known = set(sys.modules)
import torch_specinv
new = {name.partition(".")[0] for name in set(sys.modules) - known}
rooms = sorted(name for name in sys.modules if name.startswith("torch_specinv."))
print(sorted(new), end="|")
print(rooms)
"""
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    new, rooms = out.split("|")
    heavy = {"librosa", "numba", "matplotlib", "scipy", "soundfile", "jsonargparse", "sklearn"}
    heavy |= {"h5py", "pyarrow", "ray", "safetensors"}
    assert not heavy & set(ast.literal_eval(new))
    # what no inversion needs is imported on use
    later = {"losses", "doctor", "long", "live", "corpus", "comparing", "io", "cli", "config", "nn"}
    assert not later & {room.split(".")[1] for room in ast.literal_eval(rooms.strip())}


def test_what_is_imported_later_is_there():
    for name in (
        "losses",
        "nn",
        "diagnose",
        "Diagnosis",
        "invert_long",
        "LongInversion",
        "show_config",
    ):
        assert name in dir(torch_specinv)
        assert getattr(torch_specinv, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'griffinlim'"):
        _ = torch_specinv.griffinlim


def test_public_names():
    for name in torch_specinv.__all__:
        assert getattr(torch_specinv, name).__doc__ or name == "__version__"
    from torch_specinv import methods

    assert {"griffin_lim", "invert", "phase_init"} <= set(methods.__all__)
    assert torch_specinv.griffin_lim is methods.griffin_lim
