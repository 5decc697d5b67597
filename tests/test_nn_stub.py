"""Editors and type checkers see what the modules take.

A module takes the keywords of its function, which no type checker can work out. So they are written
out in torch_specinv/nn.pyi. After a change to a function, renew that file by

    python -m tests.test_nn_stub
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from torch_specinv import nn

FILE = Path(nn.__file__).with_suffix(".pyi")
HEAD = """\
# Written by tests/test_nn_stub.py: what editors and type checkers read instead of nn.py.

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .constraints import MakeConstraint
from .mel import MelSpec, Preset
from .metrics import Metric
from .solve import Algorithm, Callback
from .tensors import Numbers
from .transform.callables import Loss, Transform
from .transform.named_windows import Window

__all__ = {names}
"""


def stub() -> str:
    """Return the text of the file."""
    parts = [HEAD.format(names=json.dumps(nn.__all__))]
    for name in nn.__all__:
        module = getattr(nn, name)
        _, *given = inspect.signature(module.forward).parameters.values()
        parts.append(
            f"\nclass {name}(nn.Module):\n"
            + _method("__init__", [*inspect.signature(module).parameters.values()], "None")
            + _method("forward", given, "Tensor")
        )
    return "".join(parts)


def test_the_stub_is_up_to_date():
    assert FILE.read_text(encoding="utf-8") == stub(), "renew it: python -m tests.test_nn_stub"


def _method(name: str, parameters: list[inspect.Parameter], result: str) -> str:
    lines = ["self"]
    for p in parameters:
        if p.kind is p.VAR_KEYWORD:
            lines.append(f"**{p.name}: {p.annotation}")
            continue
        if p.kind is p.KEYWORD_ONLY and "*" not in lines:
            lines.append("*")
        default = json.dumps(p.default) if isinstance(p.default, str) else repr(p.default)
        lines.append(f"{p.name}: {p.annotation}" + f" = {default}" * (p.default is not p.empty))
    listed = "".join(f"        {line},\n" for line in lines)
    return f"    def {name}(\n{listed}    ) -> {result}: ...\n"


if __name__ == "__main__":
    FILE.write_text(stub(), encoding="utf-8")
