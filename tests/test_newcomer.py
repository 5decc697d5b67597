"""An algorithm that is added as one file is known everywhere, without another line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch_specinv

NEWCOMER = '''
"""A method that is new here."""

from __future__ import annotations

from dataclasses import dataclass

from ..solve.algorithm import Relaxation, Step, register
from ..solve.relaxed import RelaxedProjections, reflections


@register("newcomer")
@dataclass(frozen=True)
class Newcomer(RelaxedProjections):
    """Lean a little more at each step."""

    lean: float = 0.8

    def coefficients(self, step: Step) -> Relaxation:
        """Return the numbers of a step."""
        return reflections(self.lean, self.lean * step.number / (step.number + 1), 1.0)
'''

USE = """
import torch
from torch_specinv import invert
from torch_specinv.cli.parser import make_parser
from torch_specinv.comparing import check_methods
from torch_specinv.engines import choose_engine
from torch_specinv.solve import ALGORITHMS

spec, window = torch.rand(2, 65, 40), torch.hann_window(128)
run = {"window": window, "max_iter": 4, "verbose": False, "init": "spsi"}
waves = {
    backend: invert(spec, "newcomer", lean=0.7, backend=backend, **run).wave
    for backend in ("native", "chunked", "torch") if backend != "native" or NATIVE
}
for wave in waves.values():
    assert torch.allclose(wave, waves["torch"], atol=1e-3), waves.keys()
spec.requires_grad_()
invert(spec, "newcomer", **run).wave.square().sum().backward()
assert torch.isfinite(spec.grad).all() and spec.grad.abs().max() > 0
assert "newcomer" in ALGORITHMS
check_methods(["newcomer"])
parser = make_parser()._subcommands_action.choices["invert"]
assert "--lean" in parser.format_help()
assert "newcomer" in parser.format_help()
"""


def test_one_file_is_enough(tmp_path):
    package = Path(torch_specinv.__file__).parent
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "torch_specinv", ignore=skipped)
    (tmp_path / "torch_specinv" / "algorithms" / "newcomer.py").write_text(NEWCOMER.lstrip())
    native = (package / "native" / "_lanes.so").exists()
    subprocess.run(
        [sys.executable, "-c", f"NATIVE = {native}\n{USE}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        check=True,
    )
