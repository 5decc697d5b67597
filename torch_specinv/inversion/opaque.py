"""What compilers and exporters see of an inversion: one call, and nothing of what is within."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch.jit import is_tracing  # pyright: ignore[reportPrivateImportUsage]

from ..errors import SpecInvError

_F = TypeVar("_F", bound=Callable[..., Any])

#: The same functions, hidden from the compiler; filled as it asks for them.
_HIDDEN: dict[str, Callable[..., Any]] = {}


def opaque(function: _F) -> _F:
    """Keep :func:`torch.compile` out of a function, and refuse to trace it.

    An inversion looks at its data: it stops where it has converged, and calls compiled code. So a
    compiled model is compiled up to the inversion and behind it, and the inversion runs as it does
    without a compiler, with the same waveform and the same gradient. In a trace or an exported
    program all of this would be frozen at the values of the example; that is refused.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def called(*args: Any, **keywords: Any) -> Any:
        if torch.compiler.is_compiling() or is_tracing():
            _refuse_export(function.__name__)
            if name not in _HIDDEN:
                # not where it is defined, as that imports the compiler, which takes seconds
                _HIDDEN[name] = torch.compiler.disable(function)
            return _HIDDEN[name](*args, **keywords)
        return function(*args, **keywords)

    return cast(_F, called)


def _refuse_export(name: str) -> None:
    """Raise where a graph is made that is to run without Python."""
    exporting = getattr(torch.compiler, "is_exporting", None)  # since torch 2.7
    if is_tracing() or (exporting is not None and exporting()):
        raise SpecInvError(
            f"{name} can't be exported or traced: what it does depends on its data. "
            "torch_specinv.export.traceable makes a module of a fixed number of iterations, which "
            "can: for torch.export, ONNX and torch.jit.trace."
        )
